using System.Buffers;
using NAudio.Codecs;
using NAudio.Wave;

namespace Yue.Engine.Audio.Readers;

/// <summary>Decodes A-law and mu-law samples, one byte each.</summary>
internal sealed class G711SampleProvider(WaveStream source) : ISampleProvider
{
    public WaveFormat WaveFormat => source.WaveFormat;

    public int Read(Span<float> buffer)
    {
        var bytes = ArrayPool<byte>.Shared.Rent(buffer.Length);
        var read = source.Read(bytes.AsSpan(0, buffer.Length));
        for (var i = 0; i < read; i++)
        {
            var step = WaveFormat.Encoding == WaveFormatEncoding.ALaw
                ? ALawDecoder.ALawToLinearSample(bytes[i])
                : MuLawDecoder.MuLawToLinearSample(bytes[i]);
            buffer[i] = step / 32768f;
        }

        ArrayPool<byte>.Shared.Return(bytes);
        return read;
    }
}
