using Yue.Engine.Audio;
using static TorchSharp.torch;

namespace Yue.Engine.Separation;

/// <summary>Splits a mix into vocal and instrumental with an MDX-Net network, which maps the mix's short-time spectrum to that of one
/// stem.</summary>
/// <remarks>
/// The sound is processed in overlapping pieces, which are cross-faded. Each piece has the number of frames that the network processes at
/// once. The other stem is the mix minus the network's output, so the two add up to the mix. The other stem also contains everything above
/// the network's highest bin. Runs on the CPU, because the GPU's memory is planned for songs. Thread-safe.
/// </remarks>
public sealed class MdxSeparator : IDisposable
{
    /// <summary>The sample rate at which MDX-Net networks are trained.</summary>
    public const int SampleRateHz = 44_100;

    private const int HopSamples = 1024;

    private readonly MdxNetwork _network;
    private readonly int _fftSize;
    private readonly bool _isVocal;
    private readonly Tensor _window;

    /// <summary>Opens a network.</summary>
    /// <param name="file">The ONNX file.</param>
    /// <param name="fftSize">The length of the Fourier transform that the network was trained with.</param>
    /// <param name="isVocal">True if the network's output is the vocal, false if it is the instrumental.</param>
    /// <exception cref="Weights.CheckpointException">The file does not exist or is not a separator.</exception>
    public MdxSeparator(string file, int fftSize, bool isVocal)
    {
        _network = MdxNetwork.Open(file, bins: (fftSize / 2) + 1, minFrames: (2 * fftSize / HopSamples) + 2);
        (_fftSize, _isVocal) = (fftSize, isVocal);
        _window = hann_window(fftSize).DetachFromDisposeScope();
    }

    /// <summary>Returns the stems of a mix as mono clips at <see cref="SampleRateHz"/>; a mix at another rate is resampled.</summary>
    public (AudioClip Vocal, AudioClip Instrumental) Separate(DecodedSound mix, CancellationToken cancel)
    {
        var channels = mix.Channels
            .Select(channel => Resampler.Resample(new AudioClip(channel, mix.SampleRateHz), SampleRateHz).Samples).ToArray();
        var (left, right) = (channels[0], channels[^1]);
        var stem = Filter(left, right, cancel);
        var rest = new float[stem.Length];
        for (var i = 0; i < rest.Length; i++)
        {
            rest[i] = ((left[i] + right[i]) / 2) - stem[i];
        }

        var (passed, other) = (new AudioClip(stem, SampleRateHz), new AudioClip(rest, SampleRateHz));
        return _isVocal ? (passed, other) : (other, passed);
    }

    public void Dispose()
    {
        _network.Dispose();
        _window.Dispose();
    }

    /// <summary>Returns the mean of both channels of the network's output.</summary>
    private float[] Filter(float[] left, float[] right, CancellationToken cancel)
    {
        var S = HopSamples * (_network.Frames - 1);
        var weights = Weights(S, fade: _fftSize);
        var (sum, weightSum) = (new float[left.Length], new float[left.Length]);
        for (var start = 0; start < left.Length; start += S - _fftSize)
        {
            cancel.ThrowIfCancellationRequested();
            var piece = FilterPiece(Piece(left, start, S), Piece(right, start, S));
            for (var i = 0; i < Math.Min(S, left.Length - start); i++)
            {
                sum[start + i] += weights[i] * piece[i];
                weightSum[start + i] += weights[i];
            }
        }

        return [.. sum.Zip(weightSum, (value, weight) => value / weight)];
    }

    private float[] FilterPiece(float[] left, float[] right)
    {
        using var gradients = no_grad();
        using var scope = NewDisposeScope();
        var wave = stack([tensor(left), tensor(right)]);                                                // [2, S]
        var spectrum = stft(wave, _fftSize, HopSamples, _fftSize, _window, return_complex: true);       // [2, bins, T]
        var parts = view_as_real(spectrum).permute(0, 3, 1, 2);                                         // [2, re im, bins, T]
        var (F, T) = (_network.Bins, _network.Frames);
        var passed = _network.Run([.. parts.narrow(2, 0, F).contiguous().data<float>()]);               // [2, re im, F, T]
        var whole = nn.functional.pad(tensor(passed, [2, 2, F, T]), [0, 0, 0, (_fftSize / 2) + 1 - F]);
        var back = view_as_complex(whole.permute(0, 2, 3, 1).contiguous());                             // [2, bins, T]
        return istft(back, _fftSize, HopSamples, _fftSize, _window, length: left.Length).mean([0]).data<float>().ToArray();
    }

    /// <summary>Returns a piece of a channel, padded with zeros after the channel's end.</summary>
    private static float[] Piece(float[] channel, int start, int length)
    {
        var piece = new float[length];
        channel.AsSpan(start, Math.Min(length, channel.Length - start)).CopyTo(piece);
        return piece;
    }

    /// <summary>Returns a window of ones with a linear slope at both ends that does not reach 0.</summary>
    private static float[] Weights(int length, int fade) =>
        [.. Enumerable.Range(0, length).Select(i => Math.Min(1, (Math.Min(i, length - 1 - i) + 0.5f) / fade))];
}
