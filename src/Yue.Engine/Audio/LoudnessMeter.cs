using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace Yue.Engine.Audio;

/// <summary>How loud a clip is by ITU-R BS.1770.</summary>
/// <param name="IntegratedLufs">Gated loudness; -70 for silence.</param>
/// <param name="TruePeakDbtp">The peak between the samples; negative infinity for silence.</param>
public sealed record Loudness(double IntegratedLufs, double TruePeakDbtp)
{
    /// <summary>What a true peak may reach: players and lossy formats need the room above.</summary>
    public const double CeilingDbtp = -1;

    // The gate of BS.1770: what is below is silence.
    private const double SilenceLufs = -70;

    public bool IsSilent => IntegratedLufs <= SilenceLufs;

    /// <summary>The gain that brings the clip to a loudness, or as near as the true peak allows; 0 for silence.</summary>
    public double GainDbTo(double targetLufs) =>
        IsSilent ? 0 : Math.Min(targetLufs - IntegratedLufs, CeilingDbtp - TruePeakDbtp);
}

/// <summary>Measures loudness with ffmpeg's EBU R 128 meter, to a tenth of a decibel.</summary>
/// <remarks>A mono clip counts as one channel, as in the standard: 3 LU less
/// than the same sound on two. Safe to call from several threads.</remarks>
public sealed partial class LoudnessMeter
{
    private static readonly TimeSpan TimeLimit = TimeSpan.FromMinutes(2);

    private readonly string? _ffmpeg = ProgramPath.Find("ffmpeg");

    /// <summary>The loudness of a clip, at its samples' own scale: samples past ±1 count in full.</summary>
    /// <exception cref="FfmpegException">ffmpeg is missing, failed, or took too long.</exception>
    public async Task<Loudness> MeasureAsync(AudioClip clip, CancellationToken cancel)
    {
        string[] arguments =
        [
            "-hide_banner", "-nostats", "-nostdin", "-f", "f32le", "-ar", $"{clip.SampleRateHz}", "-ac", "1", "-i", "pipe:0",
            "-af", "ebur128=peak=true:framelog=verbose", "-f", "null", "-",
        ];
        var samples = MemoryMarshal.AsBytes(clip.Samples.AsSpan()).ToArray();
        var end = await FfmpegProcess.RunAsync(
            _ffmpeg, arguments, samples, (stream, token) => stream.CopyToAsync(Stream.Null, token), TimeLimit, cancel);
        var summary = Summary().Match(end.Error);
        return end.ExitCode == 0 && summary.Success
            ? new Loudness(Number(summary.Groups["loudness"]), Number(summary.Groups["peak"]))
            : throw new FfmpegException($"ffmpeg could not measure the loudness, exit code {end.ExitCode}: {end.Error}");
    }

    private static double Number(Group group) =>
        group.Value == "-inf" ? double.NegativeInfinity : double.Parse(group.Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(
        @"Summary:.*\bI:\s+(?<loudness>-?[\d.]+|-inf) LUFS.*\bPeak:\s+(?<peak>-?[\d.]+|-inf) dBFS",
        RegexOptions.Singleline | RegexOptions.RightToLeft)]
    private static partial Regex Summary();
}
