using static TorchSharp.torch;

namespace Yue.Engine.Families.Yue1.Decode;

/// <summary>The codes of one song on their way to sound, one chunk per step.</summary>
internal sealed class Decoding : IDisposable
{
    private readonly Tensor? _vocal;
    private readonly Tensor _instrumental;
    private readonly IEnumerator<DecodeStep> _steps;

    /// <summary>Prepares the decode of a song.</summary>
    /// <param name="decoder">The codec and the vocoders; the caller keeps it.</param>
    /// <param name="vocal">[Q][F], the codes of the vocal track; null for a song that is its instrumental track.</param>
    /// <param name="instrumental">[Q][F], the codes of the instrumental track.</param>
    /// <param name="parts">The parts to compute.</param>
    public Decoding(SongDecoder decoder, int[][]? vocal, int[][] instrumental, SongParts parts)
    {
        (_vocal, _instrumental) = (vocal is null ? null : CodesTensor(vocal), CodesTensor(instrumental));
        _steps = decoder.Steps(_vocal, _instrumental, parts).GetEnumerator();
    }

    /// <summary>Decodes the next chunk.</summary>
    public DecodeStep Advance() => _steps.MoveNext() ? _steps.Current : throw new InvalidOperationException("the song is decoded");

    public void Dispose()
    {
        _steps.Dispose();
        _vocal?.Dispose();
        _instrumental.Dispose();
    }

    /// <summary>[Q, F], int64.</summary>
    private static Tensor CodesTensor(int[][] codes)
    {
        var flat = codes.SelectMany(row => row).Select(code => (long)code).ToArray();
        return tensor(flat, [codes.Length, codes[0].Length]);
    }
}
