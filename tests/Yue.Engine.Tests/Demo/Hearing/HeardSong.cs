using System.Globalization;
using Yue.Engine.Songs;

namespace Yue.Engine.Tests.Demo.Hearing;

/// <summary>A request, its song, and the measurements of the song's sound.</summary>
internal sealed class HeardSong
{
    public HeardSong(RequestedSong requested, SongResult song)
    {
        var (voice, band) = (song.Vocal!.Samples, song.Instrumental!.Samples);
        var pitch = PitchTrack.Of(voice);
        (Requested, Sections) = (requested, song.Sections);
        InKey = pitch.InKey(requested.Scale);
        IsFemale = pitch.IsFemale;
        Vowels = VowelEar.Sung(voice, pitch);
        TempoBpm = BandEar.TempoBpm(band);
        IsMinor = BandEar.MinorShare(band) > 0.5;
        Instrument = BandEar.InstrumentOf(band);
        IsFaulty = Faults.Has(song.Mix.Samples);
        TailDb = Faults.TailDb(song.Mix.Samples);
    }

    public RequestedSong Requested { get; }

    public IReadOnlyList<SectionResult> Sections { get; }

    /// <summary>The share of the voiced hops whose pitch is in the requested key.</summary>
    public double InKey { get; }

    public bool IsFemale { get; }

    public string Vowels { get; }

    public double TempoBpm { get; }

    public bool IsMinor { get; }

    public Instrument Instrument { get; }

    public bool IsFaulty { get; }

    /// <summary>The level of the last 0.1 s relative to that of the last 5 s, in dB.</summary>
    public double TailDb { get; }

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Requested.Request.Genre}: in key {InKey:F2}, {TempoBpm:F1} bpm, {(IsMinor ? "minor" : "major")}, {Instrument}, "
            + $"{(IsFemale ? "female" : "male")}, {Vowels} for {Requested.Vowels}");
}
