using System.Buffers;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Yue.Engine.Audio;

/// <summary>Reads interleaved float32 samples as they arrive, keeps those of a selected part, and counts all of them.</summary>
/// <remarks>Memory is bounded by the length of the part, not of the input.</remarks>
internal sealed class PartCollector
{
    // Far louder than any sound; a file with such samples must use a different scale.
    private const float MaxMagnitude = 100;
    private const int BufferBytes = 1 << 16;

    private readonly ArrayBufferWriter<float>[] _kept;
    private readonly long _firstFrame;
    private readonly long _endFrame;
    private long _frames;

    public PartCollector(int channels, int sampleRateHz, int firstSecond, int seconds)
    {
        (ChannelCount, SampleRateHz) = (channels, sampleRateHz);
        _firstFrame = (long)firstSecond * sampleRateHz;
        _endFrame = _firstFrame + ((long)seconds * sampleRateHz);
        _kept = [.. Enumerable.Range(0, channels == 2 ? 2 : 1).Select(_ => new ArrayBufferWriter<float>())];
    }

    public int ChannelCount { get; }

    public int SampleRateHz { get; }

    /// <summary>The length of the input so far, in seconds, including samples that were not kept.</summary>
    public double DurationSeconds => (double)_frames / SampleRateHz;

    /// <summary>The number of samples per channel that are still to be read up to the end of the part.</summary>
    public long FramesLeft => Math.Max(0, _endFrame - _frames);

    /// <summary>The error that stopped the reading; null if there was none.</summary>
    public string? Fault { get; private set; }

    /// <summary>Returns the selected part.</summary>
    /// <param name="durationSeconds">The length of the whole file in seconds.</param>
    public DecodedSound ToSound(double durationSeconds) =>
        new([.. _kept.Select(channel => channel.WrittenSpan.ToArray())], SampleRateHz, durationSeconds);

    /// <summary>Reads a stream to its end, or to the first error.</summary>
    public async Task ReadAsync(Stream stream, CancellationToken cancel)
    {
        var buffer = new byte[BufferBytes / (sizeof(float) * ChannelCount) * sizeof(float) * ChannelCount];
        while (Fault is null
            && await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancel) is > 0 and var length)
        {
            Add(MemoryMarshal.Cast<byte, float>(buffer.AsSpan(0, length)));
        }
    }

    /// <summary>Adds the next samples of the input, up to the first error.</summary>
    public void Add(ReadOnlySpan<float> interleaved)
    {
        for (; interleaved.Length >= ChannelCount && Fault is null; interleaved = interleaved[ChannelCount..], _frames++)
        {
            var frame = interleaved[..ChannelCount];
            foreach (var sample in frame)
            {
                if (!(Math.Abs(sample) <= MaxMagnitude))
                {
                    Fault = string.Create(
                        CultureInfo.InvariantCulture, $"has the sample {sample} at {DurationSeconds:0.###} s; full scale is -1 to 1");
                    return;
                }
            }

            if (_frames >= _firstFrame && _frames < _endFrame)
            {
                Keep(frame);
            }
        }
    }

    private void Keep(ReadOnlySpan<float> frame)
    {
        if (_kept.Length == 2)
        {
            Add(_kept[0], frame[0]);
            Add(_kept[1], frame[1]);
            return;
        }

        var sum = 0f;
        foreach (var sample in frame)
        {
            sum += sample;
        }

        Add(_kept[0], sum / frame.Length);
    }

    private static void Add(ArrayBufferWriter<float> channel, float sample)
    {
        channel.GetSpan(1)[0] = sample;
        channel.Advance(1);
    }
}
