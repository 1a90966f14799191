using System.Globalization;
using Yue.Engine.Audio;
using Yue.Engine.Songs;
using YueService.Api.Requests;

namespace YueService.Jobs.Audio;

/// <summary>Makes the sound that the engine hears of a clip that was sent: decoded, split where asked, mono at the codec's rate.</summary>
internal sealed class ReferenceLoader(AudioDecoder decoder, StemSeparator separator) : IDisposable
{
    // Lossy formats pad a file by some frames; more is another take.
    private const double MaxStemDifferenceSeconds = 0.1;

    // Few at a time: each takes a processor and memory for a minute of sound.
    private readonly SemaphoreSlim _decoding = new(2, 2);

    /// <summary>The clip as the engine takes it.</summary>
    /// <param name="upload">What was sent.</param>
    /// <param name="findings">Told of every fault of the clip.</param>
    /// <param name="cancel">Stops the decoding.</param>
    /// <returns>Null when <paramref name="findings"/> has errors.</returns>
    public async Task<SongReference?> LoadAsync(ReferenceUpload upload, RequestFindings findings, CancellationToken cancel)
    {
        if (upload.Separate && !separator.IsAvailable)
        {
            findings.Error(
                "reference.separate", "reference.separate needs a separator, and Yue:Separator names none. Set it, or send vocal and instrumental.");
        }

        if (!findings.IsValid)
        {
            return null;
        }

        await _decoding.WaitAsync(cancel);
        try
        {
            return await LoadOneAsync(upload, findings, cancel);
        }
        finally
        {
            _decoding.Release();
        }
    }

    public void Dispose() => _decoding.Dispose();

    private async Task<SongReference?> LoadOneAsync(ReferenceUpload upload, RequestFindings findings, CancellationToken cancel)
    {
        var (first, seconds) = SongReference.EncodedPart(upload.StartSeconds, upload.EndSeconds);
        var sounds = new List<DecodedSound>();
        foreach (var (field, file) in upload.Files)
        {
            var (sound, fault, warning) = await decoder.DecodeAsync(await file.ReadAsync(cancel), first, seconds, cancel);
            if (sound is null)
            {
                findings.Error(field, $"{field} {fault}.");
                continue;
            }

            sounds.Add(sound);
            if (warning is not null)
            {
                findings.Warn($"{field} {warning}");
            }
        }

        CheckLengths(upload, sounds, findings);
        if (!findings.IsValid)
        {
            return null;
        }

        IEnumerable<AudioClip> tracks = upload.Separate ? separator.Separate(sounds[0], cancel) : sounds.Select(sound => sound.ToMono());
        return new SongReference
        {
            Tracks = [.. tracks.Select(track => Resampler.Resample(track, SongReference.SampleRateHz))],
            FirstSecond = first,
            StartSeconds = upload.StartSeconds,
            EndSeconds = upload.EndSeconds,
        };
    }

    private static void CheckLengths(ReferenceUpload upload, List<DecodedSound> sounds, RequestFindings findings)
    {
        if (sounds.Count == 0)
        {
            return;
        }

        var shortest = sounds.Min(sound => sound.DurationSeconds);
        if (upload.StartSeconds + SongLimits.MinReferenceSeconds > shortest)
        {
            findings.Error("reference.start_seconds", string.Create(
                CultureInfo.InvariantCulture,
                $"reference.start_seconds is {upload.StartSeconds}, and the clip lasts {shortest:0.###} s; send a clip or a start that leaves at least {SongLimits.MinReferenceSeconds} s."));
        }

        if (sounds is [var vocal, var instrumental] && Math.Abs(vocal.DurationSeconds - instrumental.DurationSeconds) > MaxStemDifferenceSeconds)
        {
            findings.Error("reference.instrumental", string.Create(
                CultureInfo.InvariantCulture,
                $"reference.instrumental lasts {instrumental.DurationSeconds:0.###} s and reference.vocal {vocal.DurationSeconds:0.###} s; send stems of the same length."));
        }
    }
}
