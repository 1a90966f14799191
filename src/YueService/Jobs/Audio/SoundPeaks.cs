using System.Runtime.InteropServices;
using Yue.Engine.Audio;

namespace YueService.Jobs.Audio;

/// <summary>The smallest and the largest sample of every stretch of a sound, for drawing. Not safe for several threads.</summary>
/// <param name="format">The form of the sound. A stretch has the samples of all channels.</param>
/// <param name="perSecond">The number of stretches per second.</param>
internal sealed class SoundPeaks(PcmFormat format, int perSecond)
{
    private readonly List<short> _pairs = [];
    private long _samples;      // of each channel
    private short _min = short.MaxValue;
    private short _max = short.MinValue;

    /// <summary>The minimum and the maximum of each complete stretch, one after the other.</summary>
    public IReadOnlyList<short> Pairs => _pairs;

    /// <summary>The seconds of sound that were added.</summary>
    public double Seconds => (double)_samples / format.SampleRateHz;

    /// <summary>Adds PCM, which ends between the samples of all channels.</summary>
    public void Add(ReadOnlySpan<byte> pcm)
    {
        for (var samples = MemoryMarshal.Cast<byte, short>(pcm); !samples.IsEmpty;)
        {
            // The first sample after the stretch: the smallest one whose time is not before the stretch's end.
            var stretch = (_samples * perSecond / format.SampleRateHz) + 1;
            var left = ((stretch * format.SampleRateHz) + perSecond - 1) / perSecond - _samples;
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

    /// <summary>Ends the last stretch, which may be short. Nothing is added afterwards.</summary>
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

/// <summary>Peaks of a track as they are now.</summary>
/// <param name="Pairs">The minimum and the maximum of each stretch, one after the other.</param>
/// <param name="Seconds">The seconds of sound that they are made of.</param>
/// <param name="IsComplete">True if they are those of the whole song.</param>
internal sealed record PeakList(IReadOnlyList<short> Pairs, double Seconds, bool IsComplete)
{
    /// <summary>No sound yet.</summary>
    public static PeakList None { get; } = new([], 0, false);
}
