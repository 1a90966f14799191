using System.Runtime.InteropServices;
using Yue.Engine.Audio;

namespace YueService.Jobs.Audio;

/// <summary>The smallest and the largest sample of each interval of a sound, for drawing. Not thread-safe.</summary>
/// <param name="format">The format of the sound. An interval covers the samples of all channels.</param>
/// <param name="perSecond">The number of intervals per second.</param>
internal sealed class SoundPeaks(PcmFormat format, int perSecond)
{
    private readonly List<short> _pairs = [];
    private long _samples;      // per channel
    private short _min = short.MaxValue;
    private short _max = short.MinValue;

    /// <summary>The minimum and the maximum of each complete interval in turn.</summary>
    public IReadOnlyList<short> Pairs => _pairs;

    /// <summary>The length of the sound that was added, in seconds.</summary>
    public double Seconds => (double)_samples / format.SampleRateHz;

    /// <summary>Adds PCM, which must contain complete samples of all channels.</summary>
    public void Add(ReadOnlySpan<byte> pcm)
    {
        for (var samples = MemoryMarshal.Cast<byte, short>(pcm); !samples.IsEmpty;)
        {
            // The next interval starts at the first sample whose time is not before the end of this interval.
            var interval = (_samples * perSecond / format.SampleRateHz) + 1;
            var left = ((interval * format.SampleRateHz) + perSecond - 1) / perSecond - _samples;
            var count = (int)Math.Min(left, samples.Length / format.Channels);
            var piece = samples[..(count * format.Channels)];
            foreach (var sample in piece)
            {
                (_min, _max) = (Math.Min(_min, sample), Math.Max(_max, sample));
            }

            _samples += count;
            samples = samples[piece.Length..];
            if (count == left)
            {
                End();
            }
        }
    }

    /// <summary>Ends the last interval, which may be short. Nothing can be added after that.</summary>
    public void Complete()
    {
        if (_min <= _max)
        {
            End();
        }
    }

    private void End()
    {
        _pairs.AddRange([_min, _max]);
        (_min, _max) = (short.MaxValue, short.MinValue);
    }
}

/// <summary>The current peaks of a track.</summary>
/// <param name="Pairs">The minimum and the maximum of each interval in turn.</param>
/// <param name="Seconds">The length of the sound so far, in seconds.</param>
/// <param name="IsComplete">True if the peaks cover the whole song.</param>
internal sealed record PeakList(IReadOnlyList<short> Pairs, double Seconds, bool IsComplete)
{
    /// <summary>The peaks before there is any sound.</summary>
    public static PeakList None { get; } = new([], 0, false);
}
