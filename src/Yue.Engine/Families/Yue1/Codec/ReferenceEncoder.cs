using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Yue.Engine.Audio;
using Yue.Engine.Songs;
using static TorchSharp.torch;

namespace Yue.Engine.Families.Yue1.Codec;

/// <summary>Turns reference clips into audio prompts, and caches the codes of the most recently used tracks, keyed by a hash of
/// their samples.</summary>
/// <remarks>Used by the engine's thread only. Does not own the encoder.</remarks>
internal sealed class ReferenceEncoder(CodecEncoder encoder)
{
    // One minute of codes takes 12 KB.
    private const int MaxCached = 256;

    // One code per frame, as the language model requires (docs/model.md 5.8).
    private const double BandwidthKbps = 0.5;

    private readonly Dictionary<string, int[]> _codes = new(StringComparer.Ordinal);
    private readonly LinkedList<string> _byUse = new();      // most recently used first

    /// <summary>Starts encoding a reference into a prompt.</summary>
    public ReferenceEncoding Begin(SongReference reference) => new(this, reference);

    /// <summary>Returns the codes of a track, and whether they were cached.</summary>
    public (int[] Codes, bool IsCached) CodesOf(AudioClip track)
    {
        var content = Convert.ToHexString(SHA256.HashData(MemoryMarshal.AsBytes(track.Samples.AsSpan())));
        var isCached = _codes.TryGetValue(content, out var codes);
        if (isCached)
        {
            _byUse.Remove(content);
        }
        else
        {
            _codes[content] = codes = Encode(track);
        }

        _byUse.AddFirst(content);
        if (_codes.Count > MaxCached)
        {
            _codes.Remove(_byUse.Last!.Value);
            _byUse.RemoveLast();
        }

        return (codes!, isCached);
    }

    private int[] Encode(AudioClip track)
    {
        using var scope = NewDisposeScope();
        var codes = encoder.Encode(tensor(track.Samples), BandwidthKbps)[0].cpu().contiguous();    // [F]
        return Array.ConvertAll(codes.data<long>().ToArray(), code => (int)code);
    }
}
