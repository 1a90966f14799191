using System.Diagnostics;
using System.Runtime.CompilerServices;
using Yue.Engine.Audio;
using Yue.Engine.Songs;
using YueService.Jobs.Audio;

namespace YueService.Jobs;

/// <summary>The sound of a job's song while it is being made, for any number of listeners. Late listeners start at the beginning.</summary>
/// <remarks>Holds one copy of the song's PCM, and one copy of each requested encoded format, regardless of the number of
/// listeners.</remarks>
/// <param name="tracks">The tracks that can be heard.</param>
/// <param name="tags">The metadata to write into encoded formats.</param>
/// <param name="encoder">Encodes the sound for listeners.</param>
/// <param name="onSound">Called whenever new sound has arrived.</param>
internal sealed class JobSound(IEnumerable<string> tracks, SoundTags tags, IStreamEncoder encoder, Action onSound) : ISongListener
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, ChunkFeed> _tracks = tracks.ToDictionary(track => track, _ => new ChunkFeed());
    private readonly Dictionary<(string Track, StreamFormat Format), ChunkFeed> _encoded = [];
    private readonly Dictionary<(string Track, int PerSecond), GrowingPeaks> _peaks = [];
    private readonly TaskCompletionSource<PcmFormat> _format = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _listeners;
    private long _samples;
    private long _firstByteTimestamp;
    private double _noted;

    /// <summary>Raised when someone starts to listen. Handlers must return quickly.</summary>
    public event Action? Listened;

    /// <summary>The tracks that can be heard.</summary>
    public IReadOnlyCollection<string> Tracks => _tracks.Keys;

    public bool IsListening => Volatile.Read(ref _listeners) > 0;

    public double PlayedSeconds => Volatile.Read(ref _firstByteTimestamp) is var start and > 0
        ? Stopwatch.GetElapsedTime(start).TotalSeconds
        : 0;

    /// <summary>The length of the sound so far, in seconds.</summary>
    public double AudibleSeconds => Math.Max(
        Volatile.Read(ref _noted), Format is { } format ? Interlocked.Read(ref _samples) / (double)format.SampleRateHz : 0);

    /// <summary>The format of the sound; null before the first sound.</summary>
    public PcmFormat? Format => _format.Task is { IsCompletedSuccessfully: true, Result: var format } ? format : null;

    /// <summary>Returns the format of the sound as soon as the first sound has arrived.</summary>
    /// <exception cref="SongException">The song ended before its first sound.</exception>
    public Task<PcmFormat> WhenHeardAsync(CancellationToken cancel) => _format.Task.WaitAsync(cancel);

    /// <summary>Returns true if a track can be heard.</summary>
    public bool Has(string track) => _tracks.ContainsKey(track);

    /// <summary>Counts a listener until the result is disposed. A song with listeners is made in playback order.</summary>
    public IDisposable Listen()
    {
        var listener = new Listener(this);
        Listened?.Invoke();
        return listener;
    }

    /// <summary>Sets the length of the sound that another process has made.</summary>
    public void NoteAudible(double seconds) => Volatile.Write(ref _noted, seconds);

    /// <summary>Adds sound made by another process to a track.</summary>
    /// <param name="track">A track that can be heard.</param>
    /// <param name="format">The format of the sound.</param>
    /// <param name="pcm">Its samples.</param>
    public void Hear(string track, PcmFormat format, byte[] pcm)
    {
        _format.TrySetResult(format);
        if (track == SongFolder.Mix)
        {
            Interlocked.Add(ref _samples, pcm.Length / format.BlockBytes);
        }

        _tracks[track].Add(pcm);
        onSound();
    }

    /// <summary>Ends a track that another process has completed.</summary>
    public void Complete(string track) => _tracks[track].Complete();

    /// <summary>Starts the playback clock on the first call.</summary>
    public void NotePlayback() => Interlocked.CompareExchange(ref _firstByteTimestamp, Stopwatch.GetTimestamp(), 0);

    public void Hear(SongSound sound)
    {
        _format.TrySetResult(new(sound.SampleRateHz, sound.Channels));
        Interlocked.Add(ref _samples, sound.Mix.Length / sound.Channels);
        foreach (var (track, feed) in _tracks)
        {
            var samples = track switch
            {
                SongFolder.Vocal => sound.Vocal,
                SongFolder.Instrumental => sound.Instrumental,
                _ => sound.Mix,
            };
            if (samples is { Length: > 0 })
            {
                feed.Add(WavFile.ToPcm(samples));
            }

            if (sound.IsEnd)
            {
                feed.Complete();
            }
        }

        onSound();
    }

    /// <summary>Ends the sound with the song. If the engine has not passed on any sound, all of it is taken from the song.</summary>
    /// <param name="song">The song, which has succeeded, failed or been cancelled.</param>
    public void End(Task<SongResult> song)
    {
        if (song.IsCompletedSuccessfully && Interlocked.Read(ref _samples) == 0)
        {
            var made = song.Result;
            Hear(new(0, made.Mix.SampleRateHz, made.Mix.Samples, made.Vocal?.Samples, made.Instrumental?.Samples, IsEnd: true)
            {
                Channels = made.Mix.Channels,
            });
        }

        var fault = song.IsCompletedSuccessfully ? null : new SongException("the song ended before its sound was complete");
        foreach (var feed in _tracks.Values)
        {
            feed.Complete(fault);
        }

        if (fault is not null && _format.TrySetException(fault))
        {
            _ = _format.Task.Exception;     // observed, because there may be no listener
        }
    }

    /// <summary>Returns a track in a format, from its first byte.</summary>
    /// <exception cref="SongException">The song ended before its sound was complete, or the encoder failed.</exception>
    public async IAsyncEnumerable<byte[]> ReadAsync(
        string track, StreamFormat format, [EnumeratorCancellation] CancellationToken cancel)
    {
        var input = await WhenHeardAsync(cancel);
        if (format == StreamFormat.Wav)
        {
            yield return WavFile.StreamHeader(input);
        }

        await foreach (var chunk in Feed(track, input, format).ReadAsync(cancel))
        {
            yield return chunk;
        }
    }

    /// <summary>Returns the peaks of the sound of a track so far. Each call processes only new sound.</summary>
    /// <param name="track">A track that can be heard.</param>
    /// <param name="perSecond">The number of intervals per second.</param>
    public PeakList PeaksOf(string track, int perSecond)
    {
        if (Format is not { } format)
        {
            return PeakList.None;
        }

        lock (_lock)
        {
            if (!_peaks.TryGetValue((track, perSecond), out var growing))
            {
                _peaks[(track, perSecond)] = growing = new(new SoundPeaks(format, perSecond));
            }

            return growing.TakeFrom(_tracks[track]);
        }
    }

    private ChunkFeed Feed(string track, PcmFormat input, StreamFormat format)
    {
        if (format is StreamFormat.Wav or StreamFormat.Pcm)
        {
            return _tracks[track];
        }

        lock (_lock)
        {
            // A failed encoder must not prevent the next listener from hearing the song.
            if (!_encoded.TryGetValue((track, format), out var feed) || (feed.IsFaulted && !_tracks[track].IsFaulted))
            {
                _encoded[(track, format)] = feed = encoder.Encode(
                    _tracks[track].ReadAsync, input, format, tags, CancellationToken.None);
            }

            return feed;
        }
    }

    /// <summary>The peaks of a feed, up to the position that was read.</summary>
    private sealed class GrowingPeaks(SoundPeaks peaks)
    {
        private int _chunks;
        private bool _isWhole;

        public PeakList TakeFrom(ChunkFeed feed)
        {
            if (!_isWhole)
            {
                var chunks = feed.From(_chunks, out _isWhole);
                _chunks += chunks.Count;
                foreach (var chunk in chunks)
                {
                    peaks.Add(chunk);
                }

                if (_isWhole)
                {
                    peaks.Complete();
                }
            }

            return new([.. peaks.Pairs], peaks.Seconds, IsComplete: false);
        }
    }

    private sealed class Listener : IDisposable
    {
        private JobSound? _sound;

        public Listener(JobSound sound)
        {
            _sound = sound;
            Interlocked.Increment(ref sound._listeners);
        }

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _sound, null) is { } sound)
            {
                Interlocked.Decrement(ref sound._listeners);
            }
        }
    }
}
