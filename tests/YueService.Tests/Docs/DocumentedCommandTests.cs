using System.Diagnostics;
using System.Net.Http.Json;
using System.Runtime.Versioning;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Xunit;
using Yue.Testing;
using YueService.Tests.EndToEnd;
using YueService.Tests.Fakes;

namespace YueService.Tests.Docs;

/// <summary>Runs the commands in README.md and docs: the requests in docs with a fake engine, and everything else with the real program
/// and the demo model.</summary>
/// <remarks>Only three things are replaced: <c>dotnet run</c> with the built program, port 2008 with the port of the test's service, and
/// the id of a draft with an existing one. Every command that is not in <see cref="DocumentedCommand.NotRun"/> must
/// succeed.</remarks>
[UnsupportedOSPlatform("windows")]
public sealed partial class DocumentedCommandTests(DemoProcess demo) : IClassFixture<DemoProcess>
{
    /// <summary>The clips that the commands read.</summary>
    private static readonly string[] Clips = ["a-song-you-like.mp3", "song.mp3", "vocal.flac", "band.flac"];

    [Fact]
    public async Task Every_command_that_is_not_a_request_works_as_written()
    {
        using var folder = new TemporaryFolder();
        await RunAllAsync(demo.Client, folder, command => !command.IsRequestInDocs);
    }

    [Fact]
    public async Task Every_request_in_the_docs_works_as_written()
    {
        using var app = YueApp.OnSocket();
        using var client = app.CreateClient();
        using var folder = new TemporaryFolder();
        await RunAllAsync(client, folder, command => command.IsRequestInDocs);
    }

    [Fact]
    public void Every_command_that_is_not_run_is_in_the_documentation()
    {
        var commands = DocumentedCommand.ReadAll();
        Assert.Contains(commands, command => command.Text == DocumentedCommand.Serve);
        Assert.All(
            DocumentedCommand.NotRun,
            entry => Assert.Contains(commands, command => command.Text.StartsWith(entry.Start, StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Dotnet_run_starts_the_program_in_the_current_folder()
    {
        var (exitCode, printed) = await RunAsync(
            $"dotnet msbuild '{Path.Combine(DemoProcess.Repository, "src", "YueService", "YueService.csproj")}' "
                + "-getProperty:RunWorkingDirectory",
            DemoProcess.Repository);
        Assert.True(exitCode == 0, printed);
        Assert.Equal("", printed.Trim());
    }

    /// <summary>Runs the commands that a condition selects, one after another in one folder.</summary>
    private static async Task RunAllAsync(HttpClient client, TemporaryFolder folder, Func<DocumentedCommand, bool> isSelected)
    {
        var commands = DocumentedCommand.ReadAll()
            .Where(command => command.ReasonNotRun is null && command.Text != DocumentedCommand.Serve && isSelected(command)).ToList();
        Assert.NotEmpty(commands);
        await PrepareAsync(folder, Clips.Where(clip => commands.Any(command => command.Text.Contains(clip, StringComparison.Ordinal))));
        var draft = await DraftAsync(client);
        foreach (var command in commands.Where(command => Ffmpeg.IsInstalled || !Clips.Any(command.Text.Contains)))
        {
            var text = Address().Replace(command.Text, client.BaseAddress!.Authority)
                .Replace(DocumentedCommand.Serve + " --", "yue", StringComparison.Ordinal)
                .Replace("0123456789abcdef0123456789abcdef", draft, StringComparison.Ordinal);
            foreach (var song in Songs(text))
            {
                File.Delete(folder[song]);
            }

            var time = Stopwatch.StartNew();
            var (exitCode, printed) = await RunAsync(text, folder.Path, home: folder.Path);
            TestContext.Current.TestOutputHelper?.WriteLine($"{time.Elapsed.TotalSeconds:F1} s for {command.Place}: {command.Text}");
            Assert.True(exitCode == 0, $"{command.Place}: exit code {exitCode}\n{command.Text}\n{printed}");
            foreach (var song in Songs(text))
            {
                var start = new byte[4];
                await using var file = File.OpenRead(folder[song]);
                await file.ReadExactlyAsync(start, TestContext.Current.CancellationToken);
                Assert.True(Encoding.ASCII.GetString(start) == "RIFF", $"{command.Place}: {song} is not a WAV file");
            }
        }
    }

    /// <summary>Creates the input files of the commands, and a <c>yue</c> script on their PATH.</summary>
    private static async Task PrepareAsync(TemporaryFolder folder, IEnumerable<string> clips)
    {
        await File.WriteAllTextAsync(folder["song.txt"], "[verse]\nStaring at the sunset\n", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(
            folder["yue"], $"#!/bin/sh\nexec dotnet '{DemoProcess.ProgramPath}' \"$@\"\n", TestContext.Current.CancellationToken);
        File.SetUnixFileMode(folder["yue"], UnixFileMode.UserRead | UnixFileMode.UserExecute);

        // This setting makes curl exit with an error code if the service returns an error.
        await File.WriteAllTextAsync(folder[".curlrc"], "fail-with-body\n", TestContext.Current.CancellationToken);
        if (Ffmpeg.IsInstalled)
        {
            foreach (var clip in clips)
            {
                var sound = await Ffmpeg.MakeAsync("-f lavfi -i sine=f=440:r=44100:d=50", Path.GetExtension(clip)[1..]);
                await File.WriteAllBytesAsync(folder[clip], sound, TestContext.Current.CancellationToken);
            }
        }
    }

    /// <summary>Makes a draft of two sections and returns its id, for the commands that continue from a draft.</summary>
    private static async Task<string> DraftAsync(HttpClient client)
    {
        using var response = await client.PostAsJsonAsync(
            "/v1/songs", new { lyrics = "[verse]\nla\n\n[chorus]\nla", max_new_tokens = 100, stage = "draft" });
        var id = (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString()!;
        await client.WhenAsync($"/v1/songs/{id}", "succeeded");
        return id;
    }

    /// <summary>Runs a command in a folder.</summary>
    /// <param name="command">The command for a POSIX shell.</param>
    /// <param name="folder">The working directory.</param>
    /// <param name="home">A folder for HOME, which is also put on the PATH; null for the current user's home folder.</param>
    private static async Task<(int ExitCode, string Printed)> RunAsync(string command, string folder, string? home = null)
    {
        var start = new ProcessStartInfo("/bin/sh", ["-ec", $"exec 2>&1\n{command}"])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
        };
        if (home is not null)
        {
            start.Environment["PATH"] = $"{home}:{start.Environment["PATH"]}";
            start.Environment["HOME"] = home;
            start.Environment["CURL_HOME"] = home;
        }

        using var process = Process.Start(start)!;
        var printed = await process.StandardOutput.ReadToEndAsync().InTime();
        await process.WaitForExitAsync().InTime();
        return (process.ExitCode, printed);
    }

    /// <summary>Returns the WAV files that a command writes.</summary>
    private static IEnumerable<string> Songs(string command) => SongFile().Matches(command).Select(match => match.Groups[1].Value);

    [GeneratedRegex(@"\b(localhost|127\.0\.0\.1):2008\b")]
    private static partial Regex Address();

    [GeneratedRegex(@"(?:-o|--out) (\S+\.wav)")]
    private static partial Regex SongFile();
}
