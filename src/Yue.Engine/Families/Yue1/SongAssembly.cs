using System.Globalization;
using Yue.Engine.Audio;
using Yue.Engine.Families.Yue1.Decode;
using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue1;

/// <summary>Turns decoded tracks into the result of a song.</summary>
internal sealed record SongAssembly
{
    public required SongRequest Request { get; init; }

    /// <summary>The sections that were sung and those that were kept.</summary>
    public required SongPlan Plan { get; init; }

    /// <summary>The codes that stage 1 wrote or that were kept.</summary>
    public required SongCodes Codes { get; init; }

    /// <summary>The part of the reference clip that was used; null without a clip.</summary>
    public required ReferenceResult? Reference { get; init; }

    /// <summary>The codec's frames per second.</summary>
    public required int FrameRateHz { get; init; }

    /// <summary>The times so far.</summary>
    public required StageClock Clock { get; init; }

    /// <summary>The warnings so far.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>Returns the finished song. Its samples are those of <paramref name="sound"/>, which are faded out in place if the end was
    /// cut.</summary>
    public SongResult Assemble(DecodedSong sound)
    {
        var mix = (sound.Spliced ?? sound.CodecMix)!;
        var tracks = sound.VocoderTracks ?? sound.CodecTracks;
        List<string> warnings = [.. Warnings];

        // Normalization to a requested loudness keeps the peaks below full scale.
        if (mix.ClippedSamples > 0 && Request.Output.LoudnessLufs is null)
        {
            warnings.Add($"output clipped: {mix.ClippedSamples} of {mix.Clip.Samples.Length} samples exceeded full scale");
        }

        if (FadeOutCutEnd([mix, .. tracks is null ? [] : new[] { tracks.Vocal, tracks.Instrumental }]) is { } faded)
        {
            warnings.Add(faded);
        }

        return new SongResult
        {
            Mix = mix.Clip,
            Vocal = tracks?.Vocal.Clip,
            Instrumental = tracks?.Instrumental.Clip,
            Model = Codes.Model,
            Seed = Request.Seed,
            Scope = Request.Scope,
            Sections = [.. Codes.Sections.Select(SectionResult)],
            Codes = Codes,
            Warnings = warnings,
            Reference = Reference,
            Timings = Clock.Timings(mix.Clip.DurationSeconds),
        };
    }

    /// <summary>Fades out a song whose end was cut.</summary>
    /// <returns>The warning about the fade-out; null if the song is not faded out.</returns>
    private string? FadeOutCutEnd(IReadOnlyList<SongPart> parts)
    {
        var seconds = FadeOut.SecondsOf(parts[0].Clip, Request.Output.FadeOutSeconds);
        if (seconds == 0 || Codes.Sections[^1].Ended == SectionEnd.EndOfAudio)
        {
            return null;
        }

        foreach (var part in parts)
        {
            FadeOut.Apply(part.Clip, seconds);
        }

        return string.Create(
            CultureInfo.InvariantCulture,
            $"the last section was cut at its limit: the last {seconds:0.##} s are faded out (output.fade_out_seconds)");
    }

    private SectionResult SectionResult(SectionCodes section, int i) => new(
        section.Tag,
        section.Frames / (double)FrameRateHz,
        section.ToIds().Length,
        section.Ended,
        Kept: i < Plan.Before.Count || i >= Plan.Before.Count + Plan.Sung.Count);
}
