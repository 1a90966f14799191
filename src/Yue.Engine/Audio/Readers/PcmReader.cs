using NAudio.Wave;

namespace Yue.Engine.Audio.Readers;

/// <summary>Reads PCM, float or G.711 samples through a provider that converts them to floats.</summary>
/// <param name="samples">The provider of the samples.</param>
/// <param name="length">See <see cref="Length"/>.</param>
/// <param name="claimedLength">See <see cref="ClaimedLength"/>.</param>
internal sealed class PcmReader(ISampleProvider samples, long length, long? claimedLength) : ISoundReader
{
    private long _left = length * samples.WaveFormat.Channels;

    public int Channels => samples.WaveFormat.Channels;

    public int SampleRateHz => samples.WaveFormat.SampleRate;

    public long Length => length;

    public long? ClaimedLength => claimedLength;

    public bool IsCut => false;

    public int Read(Span<float> interleaved)
    {
        var wanted = (int)Math.Min(interleaved.Length / Channels * Channels, _left);
        var read = wanted == 0 ? 0 : samples.Read(interleaved[..wanted]);
        _left -= read;
        return read;
    }

    public void Dispose()
    {
        // The samples are in an array.
    }
}
