using System.Globalization;
using Yue.Engine.Audio;
using Yue.Engine.Songs;

namespace YueService.Jobs.Audio;

/// <summary>Converts an uploaded clip to the engine's input: decoded, split if requested, mono at the codec's rate.</summary>
internal sealed class ReferenceLoader(AudioDecoder decoder, StemSeparator separator) : IDisposable
{
    // Lossy formats pad a file by some frames; a larger difference means different recordings.
    private const double MaxStemDifferenceSeconds = 0.1;

    // Only two clips at a time, because each uses a core, and memory for a minute of sound.
    private readonly SemaphoreSlim _decoding = new(2, 2);

    /// <summary>Loads a clip in the form that the engine needs.</summary>
    /// <param name="upload">The clip as it was sent.</param>
    /// <param name="cancel">Cancels the decoding.</param>
    public async Task<LoadedReference> LoadAsync(ReferenceUpload upload, CancellationToken cancel)
    {
        var loaded = new LoadedReference();
        if (upload.Separate && !separator.IsAvailable)
        {
            loaded.Error(
                "reference.separate",
                "reference.separate needs a separator, and Yue:Separator is not set. "
                    + "Set it, or send reference.vocal and reference.instrumental.");
            return loaded;
        }

        await _decoding.WaitAsync(cancel);
        try
        {
            loaded.Reference = await LoadOneAsync(upload, loaded, cancel);
            return loaded;
        }
        finally
        {
            _decoding.Release();
        }
    }

    /// <summary>Returns the length of a clip and, if it is rejected, the reason, as the end of a sentence about the clip.</summary>
    /// <param name="file">The whole file.</param>
    /// <param name="cancel">Cancels the decoding.</param>
    public async Task<(double Seconds, string? Fault)> ExamineAsync(byte[] file, CancellationToken cancel)
    {
        await _decoding.WaitAsync(cancel);
        try
        {
            var (sound, fault, _) = await decoder.DecodeAsync(file, 0, SongLimits.MaxReferenceSeconds, cancel);
            return sound switch
            {
                null => (0, fault),
                { DurationSeconds: < SongLimits.MinReferenceSeconds } => (sound.DurationSeconds, string.Create(
                    CultureInfo.InvariantCulture,
                    $"lasts {sound.DurationSeconds:0.###} s; send one that lasts at least {SongLimits.MinReferenceSeconds} s")),
                _ => (sound.DurationSeconds, null),
            };
        }
        finally
        {
            _decoding.Release();
        }
    }

    public void Dispose() => _decoding.Dispose();

    private async Task<SongReference?> LoadOneAsync(ReferenceUpload upload, LoadedReference loaded, CancellationToken cancel)
    {
        var (first, seconds) = SongReference.EncodedPart(upload.StartSeconds, upload.EndSeconds);
        var sounds = new List<DecodedSound>();
        foreach (var (field, file) in upload.Files)
        {
            var (sound, fault, warning) = await decoder.DecodeAsync(await file.ReadAsync(cancel), first, seconds, cancel);
            if (sound is null)
            {
                loaded.Error(field, $"{field} {fault}.");
                continue;
            }

            sounds.Add(sound);
            if (warning is not null)
            {
                loaded.Warn(field, $"{field} {warning}");
            }
        }

        CheckLengths(upload, sounds, loaded);
        if (loaded.Errors.Count > 0)
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

    private static void CheckLengths(ReferenceUpload upload, List<DecodedSound> sounds, LoadedReference loaded)
    {
        if (sounds.Count == 0)
        {
            return;
        }

        var shortest = sounds.Min(sound => sound.DurationSeconds);
        if (upload.StartSeconds + SongLimits.MinReferenceSeconds > shortest)
        {
            loaded.Error("reference.start_seconds", string.Create(
                CultureInfo.InvariantCulture,
                $"reference.start_seconds is {upload.StartSeconds}, but the clip lasts {shortest:0.###} s; "
                    + $"send a longer clip, or a start that leaves at least {SongLimits.MinReferenceSeconds} s."));
        }

        if (sounds is [var vocal, var instrumental]
            && Math.Abs(vocal.DurationSeconds - instrumental.DurationSeconds) > MaxStemDifferenceSeconds)
        {
            loaded.Error("reference.instrumental", string.Create(
                CultureInfo.InvariantCulture,
                $"reference.instrumental lasts {instrumental.DurationSeconds:0.###} s "
                    + $"and reference.vocal {vocal.DurationSeconds:0.###} s; send stems of the same length."));
        }
    }
}

/// <summary>The result of reading a clip that was sent.</summary>
internal sealed class LoadedReference
{
    private readonly List<(string Field, string Message)> _errors = [];
    private readonly List<(string Field, string Message)> _warnings = [];

    /// <summary>The clip; null if there are errors.</summary>
    public SongReference? Reference { get; set; }

    /// <summary>The errors, with the names of the fields in the JSON.</summary>
    public IReadOnlyList<(string Field, string Message)> Errors => _errors;

    /// <summary>The warnings for the caller, with the names of the fields in the JSON.</summary>
    public IReadOnlyList<(string Field, string Message)> Warnings => _warnings;

    public void Error(string field, string message) => _errors.Add((field, message));

    public void Warn(string field, string message) => _warnings.Add((field, message));
}
