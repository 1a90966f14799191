using Xunit;
using YueService.Jobs;
using YueService.Tests.Fakes;

namespace YueService.Tests.Jobs;

/// <summary>Files in a folder.</summary>
public sealed class FolderFilesTests : FileStoreContract, IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private protected override IFileStore Files => new FolderFiles(_folder.Path, claim: null, TimeProvider.System);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_file_that_cannot_be_put_in_place_leaves_nothing()
    {
        Directory.CreateDirectory(_folder["taken"]);
        await Assert.ThrowsAsync<StorageException>(
            () => Files.WriteAsync("taken", new byte[1], TestContext.Current.CancellationToken));
        Assert.Empty(Directory.GetFiles(_folder.Path, "*", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task Partial_files_of_others_stay_while_they_may_be_written()
    {
        File.WriteAllText(_folder["young.part"], "");
        File.WriteAllText(_folder["old.part"], "");
        File.SetLastWriteTimeUtc(_folder["old.part"], DateTime.UtcNow.AddDays(-2));
        await Files.RecoverAsync(TestContext.Current.CancellationToken);
        Assert.Equal(["young.part"], _folder.Files);
    }
}
