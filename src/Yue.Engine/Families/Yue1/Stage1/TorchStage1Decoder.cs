using System.Runtime.InteropServices;
using Yue.Engine.Llama;
using Yue.Engine.Sampling;
using static TorchSharp.torch;

namespace Yue.Engine.Families.Yue1.Stage1;

/// <summary>The reference stage-1 decoder: the plain Llama, and the sampling chain on the CPU. A step processes one song after
/// another.</summary>
public sealed class TorchStage1Decoder : IStage1Decoder
{
    private readonly LlamaModel _model;
    private readonly SamplingChain _chain;
    private readonly Stack<KvCache> _freeCaches = new();
    private readonly List<Sequence> _open = [];

    /// <summary>Creates a decoder with room for the given number of songs.</summary>
    /// <param name="model">The stage-1 model; the caller owns it.</param>
    /// <param name="songs">The number of sequences that can be open at once.</param>
    public TorchStage1Decoder(LlamaModel model, int songs)
    {
        _model = model;
        _chain = new SamplingChain(model.Config.VocabularySize);
        try
        {
            for (var i = 0; i < songs; i++)
            {
                _freeCaches.Push(model.NewCache(rows: 2, ContextLength));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public int ContextLength => _model.Config.MaxPositions;

    public long PrefilledIds { get; private set; }

    public IStage1Sequence? TryOpen(long seed)
    {
        if (!_freeCaches.TryPop(out var cache))
        {
            return null;
        }

        var sequence = new Sequence(this, cache, seed);
        _open.Add(sequence);
        return sequence;
    }

    public void Advance(IReadOnlyList<IStage1Sequence> sequences)
    {
        foreach (var sequence in sequences)
        {
            ((Sequence)sequence).Sample();
        }
    }

    public void Dispose()
    {
        foreach (var cache in _freeCaches)
        {
            cache.Dispose();
        }
    }

    /// <summary>A song in the decoder. Row 0 of its cache is the conditional row, and row 1 is the unconditional one.</summary>
    private sealed class Sequence(TorchStage1Decoder decoder, KvCache cache, long seed) : IStage1Sequence
    {
        private readonly SeenIds _seen = new(decoder._model.Config.VocabularySize);
        private readonly List<int> _sampled = [];
        private readonly OpeningPrompt _opening = new();
        private SectionSampling? _sampling;
        private int _section;
        private ReadOnlyMemory<int> _unread;
        private int? _pending;      // the last id of the context, not yet fed to the model
        private bool _disposed;

        public KvCache Cache => cache;

        public int Unread => _unread.Length;

        public IReadOnlyList<int> Sampled => _sampled;

        public void BeginSection(ReadOnlySpan<int> prompt, int section, SectionSampling sampling)
        {
            int[] ids = _pending is { } pending ? [pending, .. prompt] : prompt.ToArray();
            _seen.Add(prompt);
            (_sampling, _section, _unread, _pending) = (sampling, section, ids.AsMemory(..^1), ids[^1]);
            _sampled.Clear();
            cache.Clear(row: 1);
            if (cache.Lengths[0] == 0)
            {
                _opening.Begin(_unread.Span);
            }
            else
            {
                _opening.End();
            }
        }

        public void Read()
        {
            if (_unread.IsEmpty)
            {
                return;
            }

            var piece = _unread[..Math.Min(LlamaModel.PrefillChunk, _unread.Length)];
            if (decoder._open.Find(other => other._opening.HasNextOf(_opening, piece.Length)) is { } holder)
            {
                cache.Extend(row: 0, holder.Cache, piece.Length);
            }
            else
            {
                decoder._model.Prefill(piece.Span, cache, row: 0).Dispose();
                decoder.PrefilledIds += piece.Length;
            }

            _opening.CountRead(piece.Length);
            _unread = _unread[piece.Length..];
        }

        public void Truncate(ReadOnlySpan<int> kept)
        {
            cache.Truncate(row: 0, kept.Length);
            _opening.Truncate(kept.Length);
            _seen.Clear();
            _seen.Add(kept);
            (_unread, _pending) = (default, null);
        }

        public void Dispose()
        {
            if (!_disposed)
            {
                _disposed = true;
                decoder._open.Remove(this);
                cache.Clear(row: 0);
                cache.Clear(row: 1);
                decoder._freeCaches.Push(cache);
            }
        }

        public void Sample()
        {
            var (sampling, pending) = CurrentSection();
            int[] fed = sampling.IsGuided ? [pending, pending] : [pending];
            using var scope = NewDisposeScope();
            var hidden = decoder._model.Step(fed, cache, ..fed.Length);
            var logits = decoder._model.Logits(hidden, 0, decoder._model.Config.VocabularySize).cpu();
            var scores = MemoryMarshal.Cast<byte, float>(logits.bytes);        // row after row
            var V = decoder._model.Config.VocabularySize;
            var next = decoder._chain.Next(scores[..V], scores[V..], sampling, _seen, _sampled.Count)
                .Draw(PhiloxRandom.Uniform(seed, _section, _sampled.Count));
            _sampled.Add(next);
            _seen.Add(next);
            _pending = next;
        }

        private (SectionSampling Sampling, int Pending) CurrentSection() =>
            _sampling is not null && _pending is { } pending && _unread.IsEmpty
                ? (_sampling, pending)
                : throw new InvalidOperationException("no section has begun, or its prompt has not been read");
    }
}
