using System.Collections.Concurrent;
using System.Diagnostics;
using Xunit;
using Yue.Engine.Songs;

namespace Yue.Engine.Tests;

/// <summary>Records the sound of a song while it is being made.</summary>
/// <param name="isListening">Returns true while someone is listening; null means always.</param>
/// <param name="hear">Called with each piece of sound.</param>
internal sealed class SoundListener(Func<bool>? isListening = null, Action<SongSound>? hear = null) : ISongListener
{
    private long _started = Stopwatch.GetTimestamp();
    private double? _firstSound;

    public bool IsListening => isListening?.Invoke() ?? true;

    public double PlayedSeconds =>
        _firstSound is { } first ? Stopwatch.GetElapsedTime(_started).TotalSeconds - first : 0;

    public ConcurrentQueue<SongSound> Sounds { get; } = [];

    public double FirstSoundSeconds => _firstSound ?? double.MaxValue;

    /// <summary>Restarts the clock, which otherwise starts when the object is created.</summary>
    public void Start() => _started = Stopwatch.GetTimestamp();

    public void Hear(SongSound sound)
    {
        _firstSound ??= Stopwatch.GetElapsedTime(_started).TotalSeconds;
        Sounds.Enqueue(sound);
        hear?.Invoke(sound);
    }

    /// <summary>Checks that the song was received once and in order: its tracks exactly, and its mix except for the level of the low
    /// band.</summary>
    public void AssertHeard(SongResult song)
    {
        var next = 0;
        Assert.All(Sounds, sound =>
        {
            Assert.Equal((next, song.Mix.SampleRateHz), (sound.Start, sound.SampleRateHz));
            next += sound.Mix.Length;
        });
        Assert.Equal(song.Mix.Samples.Length, next);
        Assert.Equal([.. Enumerable.Repeat(false, Sounds.Count - 1), true], Sounds.Select(sound => sound.IsEnd));
        if (song.Vocal is not null)
        {
            Assert.Equal(song.Vocal.Samples, Sounds.SelectMany(sound => sound.Vocal!));
            Assert.Equal(song.Instrumental!.Samples, Sounds.SelectMany(sound => sound.Instrumental!));
        }

        float[] mix = [.. Sounds.SelectMany(sound => sound.Mix)];
        if (song.Mix.SampleRateHz == OutputSettings.CodecSampleRateHz)
        {
            Assert.Equal(song.Mix.Samples, mix);
            return;
        }

        Assert.True(Correlation(song.Mix.Samples, mix) > 0.98);
    }

    private static double Correlation(float[] a, float[] b)
    {
        static double Dot(float[] a, float[] b) => a.Zip(b, (x, y) => (double)x * y).Sum();

        return Dot(a, b) / Math.Sqrt(Dot(a, a) * Dot(b, b));
    }
}
