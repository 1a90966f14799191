using Xunit;
using Yue.Engine.Audio;
using Yue.Testing;
using YueService.CommandLine;

namespace YueService.Tests.EndToEnd;

/// <summary>Tests the command line in a separate process.</summary>
public sealed class CommandProcessTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public CommandProcessTests() => File.WriteAllText(_folder["lyrics.txt"], "[verse]\nla la\n");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_song_in_a_pipe_is_a_complete_WAV_file_and_a_mistyped_variable_is_reported()
    {
        var (exitCode, output, error) = await DemoProcess.RunWithAsync(
            [("YUE_QUEU_CAPACITY", "3")],
            "generate", "--lyrics", _folder["lyrics.txt"], "--target-seconds", "1", "--stage", "draft", "--out", "-");
        Assert.True(exitCode == ExitCode.Success, error);
        Assert.Equal(16_000, WavFile.Parse(output).Interleaved.Length);
        Assert.Contains(
            "The environment variable YUE_QUEU_CAPACITY matches no setting and is ignored; the closest is YUE_QUEUE_CAPACITY",
            error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_first_installed_player_plays_a_song_while_it_is_being_made()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the player is a shell script");
        await File.WriteAllTextAsync(
            _folder["ffplay"], $"#!/bin/sh\nexec /bin/cat > '{_folder["played.wav"]}'\n", TestContext.Current.CancellationToken);
#pragma warning disable CA1416 // Skipped on Windows.
        File.SetUnixFileMode(_folder["ffplay"], UnixFileMode.UserRead | UnixFileMode.UserExecute);
#pragma warning restore CA1416
        var (exitCode, _, error) = await DemoProcess.RunWithAsync(
            [("PATH", $"{_folder.Path}:{Environment.GetEnvironmentVariable("PATH")}")],
            "generate", "--lyrics", _folder["lyrics.txt"], "--target-seconds", "1", "--sample-rate", "16000", "--play",
            "--out", _folder["song.wav"]);
        Assert.True(exitCode == ExitCode.Success, error);
        Assert.Equal(
            WavFile.Parse(File.ReadAllBytes(_folder["song.wav"])).Interleaved,
            WavFile.Parse(File.ReadAllBytes(_folder["played.wav"])).Interleaved);
    }

    [Fact]
    public async Task Without_a_player_the_error_says_what_to_install()
    {
        var (exitCode, _, error) = await DemoProcess.RunWithAsync(
            [("PATH", _folder.Path)], "generate", "--lyrics", _folder["lyrics.txt"], "--play", "--out", _folder["song.wav"]);
        Assert.Equal(ExitCode.Usage, exitCode);
        Assert.Contains("--play needs ffplay (ffmpeg), aplay (alsa-utils) or paplay", error, StringComparison.Ordinal);
        Assert.Equal(["lyrics.txt"], _folder.Files);
    }

    [Fact]
    public async Task A_missing_device_is_reported_in_one_line()
    {
        var (exitCode, output, error) = await DemoProcess.RunWithAsync(
            [("YUE_DEVICE", "cuda:99")], "generate", "--lyrics", _folder["lyrics.txt"], "--out", _folder["song.wav"]);
        Assert.Equal((ExitCode.EngineFailed, 0), (exitCode, output.Length));
        var line = Assert.Single(
            error.Split('\n', StringSplitOptions.RemoveEmptyEntries), line => !line.Contains(" % ", StringComparison.Ordinal));
        Assert.StartsWith("The models could not be loaded: Device is cuda:99, but this build finds ", line, StringComparison.Ordinal);
        Assert.Equal(["lyrics.txt"], _folder.Files);
    }
}
