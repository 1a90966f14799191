using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Yue.Engine.Audio;
using Yue.Engine.Text;
using static TorchSharp.torch;

namespace Yue.Engine.Codec;

/// <summary>Turns reference clips into audio prompts, and remembers the codes of the last ones by their content.</summary>
/// <remarks>Used by the engine's thread only. Does not own the encoder.</remarks>
internal sealed class ReferenceEncoder(CodecEncoder encoder)
{
    // Codes of a minute take 12 KB.
    private const int MostRemembered = 256;

    // One code a frame: what the language model reads (MODEL.md 5.8).
    private const double BandwidthKbps = 0.5;

    private readonly Dictionary<string, int[]> _codes = new(StringComparer.Ordinal);
    private readonly LinkedList<string> _byUse = new();      // the last used first

    /// <summary>The prompt of a reference.</summary>
    public (ReferenceClip Clip, ReferenceResult Result) Encode(SongReference reference)
    {
        var started = Stopwatch.GetTimestamp();
        var encoded = reference.Tracks.Select(CodesOf).ToArray();
        var (start, end, first) = (reference.StartSeconds, reference.EndSeconds, reference.FirstSecond);
        var clip = encoded is [var vocal, var instrumental]
            ? ReferenceClip.OfTracks(vocal.Codes, instrumental.Codes, start, end, first)
            : ReferenceClip.OfMix(encoded.Single().Codes, start, end, first);
        var result = new ReferenceResult(
            (double)clip.Ids.Length / (ReferenceClip.FrameRateHz * encoded.Length),
            encoded.Length,
            encoded.All(track => track.IsRemembered),
            Stopwatch.GetElapsedTime(started).TotalSeconds);
        return (clip, result);
    }

    private (int[] Codes, bool IsRemembered) CodesOf(AudioClip track)
    {
        var content = Convert.ToHexString(SHA256.HashData(MemoryMarshal.AsBytes(track.Samples.AsSpan())));
        var isRemembered = _codes.TryGetValue(content, out var codes);
        if (isRemembered)
        {
            _byUse.Remove(content);
        }
        else
        {
            _codes[content] = codes = Encode(track);
        }

        _byUse.AddFirst(content);
        if (_codes.Count > MostRemembered)
        {
            _codes.Remove(_byUse.Last!.Value);
            _byUse.RemoveLast();
        }

        return (codes!, isRemembered);
    }

    private int[] Encode(AudioClip track)
    {
        using var scope = NewDisposeScope();
        var codes = encoder.Encode(tensor(track.Samples), BandwidthKbps)[0].cpu().contiguous();    // [F]
        return Array.ConvertAll(codes.data<long>().ToArray(), code => (int)code);
    }
}
