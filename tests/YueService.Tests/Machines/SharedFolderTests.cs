using Xunit;
using Yue.Testing;
using YueService.Tests.Fakes;

namespace YueService.Tests.Machines;

/// <summary>Tests a folder that several processes share for their files.</summary>
public sealed class SharedFolderTests(SharedPostgres postgres)
{
    [Fact]
    public async Task Partial_files_of_a_process_that_died_are_deleted_after_a_day()
    {
        using var files = new TemporaryFolder();
        Directory.CreateDirectory(files["songs/a"]);
        File.WriteAllText(files["songs/a/mix.wav.new.part"], "");
        File.WriteAllText(files["songs/a/mix.wav.old.part"], "");
        File.SetLastWriteTimeUtc(files["songs/a/mix.wav.old.part"], DateTime.UtcNow.AddDays(-2));
        using var app = new YueApp(
            [("Yue:Store", await (await postgres.Server).NewDatabaseAsync()), ("Yue:Files", files.Path)]);
        using var client = app.CreateClient();
        await Eventually.TrueAsync(() => !File.Exists(files["songs/a/mix.wav.old.part"]));
        Assert.True(File.Exists(files["songs/a/mix.wav.new.part"]));
    }
}
