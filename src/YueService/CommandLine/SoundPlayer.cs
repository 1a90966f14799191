using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using Yue.Engine.Audio;
using Yue.Engine.Songs;
using YueService.Jobs;

namespace YueService.CommandLine;

/// <summary>A program that plays sound from its standard input.</summary>
internal sealed class SoundPlayer
{
    private readonly string _program;
    private readonly Func<PcmFormat, IReadOnlyList<string>> _arguments;

    private SoundPlayer(string program, Func<PcmFormat, IReadOnlyList<string>> arguments) => (_program, _arguments) = (program, arguments);

    /// <summary>The supported programs and the packages that contain them.</summary>
    public const string Known = "ffplay (ffmpeg), aplay (alsa-utils) or paplay (pulseaudio-utils)";

    /// <summary>Returns the first known program that is installed; null if none is.</summary>
    public static SoundPlayer? Find()
    {
        (string Name, Func<PcmFormat, IReadOnlyList<string>> Arguments)[] known =
        [
            ("ffplay", _ => ["-nodisp", "-autoexit", "-loglevel", "error", "-f", "wav", "-i", "pipe:0"]),
            ("aplay", pcm => ["-q", "-t", "raw", "-f", "S16_LE", "-c", Text(pcm.Channels), "-r", Text(pcm.SampleRateHz), "-"]),
            ("paplay", pcm => ["--raw", "--format=s16le", $"--channels={Text(pcm.Channels)}", $"--rate={Text(pcm.SampleRateHz)}"]),
        ];
        foreach (var (name, arguments) in known)
        {
            if (ProgramPath.Find(name) is { } file)
            {
                return new(file, arguments);
            }
        }

        return null;
    }

    /// <summary>Plays a song while it is being made. Returns when it has been played, or when the song or the player ends early.</summary>
    /// <param name="sound">The song's sound.</param>
    /// <param name="cancel">Stops the player.</param>
    /// <returns>The player's error; null if there was none.</returns>
    public async Task<string?> PlayAsync(JobSound sound, CancellationToken cancel)
    {
        using var listener = sound.Listen();
        try
        {
            var start = new ProcessStartInfo(_program, _arguments(await sound.WhenHeardAsync(cancel))) { RedirectStandardInput = true };
            using var process = Process.Start(start)!;
            using var stop = cancel.UnsafeRegister(_ => process.Kill(), null);
            await FeedAsync(process, sound, cancel);
            await process.WaitForExitAsync(cancel);
            return process.ExitCode == 0 ? null : $"{_program} ended with exit code {process.ExitCode}";
        }
        catch (SongException)
        {
            // The song's own task reports the failure.
            return null;
        }
        catch (Win32Exception e)
        {
            return $"{_program} could not be started: {e.Message}";
        }
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private async Task FeedAsync(Process process, JobSound sound, CancellationToken cancel)
    {
        var format = Path.GetFileNameWithoutExtension(_program) == "ffplay" ? StreamFormat.Wav : StreamFormat.Pcm;
        try
        {
            await using var input = process.StandardInput.BaseStream;
            await foreach (var chunk in sound.ReadAsync(SongFolder.Mix, format, cancel))
            {
                await input.WriteAsync(chunk, cancel);
                await input.FlushAsync(cancel);
                sound.NotePlayback();
            }
        }
        catch (Exception e) when (e is IOException or SongException)
        {
            // The player was closed, or the song failed. The song's own task reports its failure.
        }
    }
}
