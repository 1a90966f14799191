using Yue.Cuda;
using Yue.Cuda.Compilation;
using Yue.Cuda.Decode;
using Yue.Engine.Llama;
using Yue.Engine.Residency;
using Yue.Engine.Sampling;
using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue1.Stage1;

/// <summary>The stage-1 decoder on a GPU. All songs share a step, sampling runs on the device, and the host reads a few ids at a
/// time.</summary>
/// <remarks>Song s has rows 2s (conditional) and 2s + 1 (unconditional). A row's result does not depend on the other rows, so a song's ids
/// are the same whether or not other songs run.</remarks>
internal sealed class CudaStage1Decoder : IStage1Decoder
{
    /// <summary>The number of steps that are launched before the host reads the ids. They take about 70 ms with the 7B model. A cancelled
    /// song keeps running for up to that long.</summary>
    private const int StepsPerRead = 16;

    private readonly CudaDecoderModel _model;
    private readonly SongSampler _sampler;
    private readonly CudaEvent _stepsDone = CudaEvent.Create();
    private readonly Dictionary<int, CudaGraph> _graphs = [];       // rows → one step and its sampling
    private readonly SortedSet<int> _freeSongs;
    private readonly List<Sequence> _open = [];

    /// <summary>Creates a decoder with room for the given number of songs.</summary>
    /// <param name="model">The stage-1 model, on the GPU; the caller owns it.</param>
    /// <param name="gpu">The GPU.</param>
    /// <param name="songs">The number of sequences that can be open at once.</param>
    public CudaStage1Decoder(LlamaModel model, Gpu gpu, int songs)
    {
        ContextLength = model.Config.MaxPositions;
        _freeSongs = [.. Enumerable.Range(0, songs)];
        var (positions, prompts) = (PositionsFor(model.Config, songs), PromptsOf(model.Config));
        try
        {
            _model = new CudaDecoderModel(model, gpu, 2 * songs, ContextLength, positions, model.Config.VocabularySize, prompts);
            _sampler = new SongSampler(gpu.Device, gpu.Kernels, _model.Decoder, songs);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public int ContextLength { get; }

    public long PrefilledIds { get; private set; }

    /// <summary>Returns the device memory, in bytes, of a decoder for the given number of songs, without the weights.</summary>
    public static long CacheBytes(LlamaConfig config, CacheType type, int songs) =>
        CudaDecoderModel.CacheBytes(config, type, 2 * songs, PositionsFor(config, songs), PromptsOf(config));

    /// <summary>Returns the kernels that a decoder for the given number of songs compiles.</summary>
    public static IEnumerable<KernelBuild> BuildsFor(LlamaConfig config, WeightType weights, CacheType cache, int songs) =>
        CudaLlama.BuildsFor(CudaDecoderModel.ShapeOf(config, config.MaxPositions), weights, cache, 2 * songs);

    public IStage1Sequence? TryOpen(long seed)
    {
        if (_freeSongs.Count == 0)
        {
            return null;
        }

        var song = _freeSongs.Min;
        _freeSongs.Remove(song);
        var sequence = new Sequence(this, song, seed);
        _open.Add(sequence);
        return sequence;
    }

    public void Advance(IReadOnlyList<IStage1Sequence> sequences)
    {
        // A step advances every running song, even one that is not among the sequences.
        Sequence[] running = [.. _open.Where(sequence => sequence.IsRunning)];
        var step = GraphOf(2 * (running.Max(sequence => sequence.Song) + 1));
        for (var i = 0; i < StepsPerRead; i++)
        {
            step.Launch(_model.Stream);
        }

        _stepsDone.Record(_model.Stream);
        _stepsDone.Synchronize();
        Array.ForEach(running, sequence => sequence.TakeSampled());
    }

    public void Dispose()
    {
        foreach (var graph in _graphs.Values)
        {
            graph.Dispose();
        }

        _stepsDone.Dispose();

        // A member is null if the constructor threw before setting it.
        _sampler?.Dispose();
        _model?.Dispose();
    }

    /// <summary>Returns the size of prompt batches. A section's prompt may fill the context.</summary>
    private static PromptBatch PromptsOf(LlamaConfig config) => new(1, config.MaxPositions);

    /// <summary>Returns the number of cache positions for the given number of songs: for each song, a whole context in the conditional row,
    /// and a section without its prompt in the unconditional row.</summary>
    private static int PositionsFor(LlamaConfig config, int songs) =>
        songs * (config.MaxPositions + Math.Min(config.MaxPositions, SongLimits.MaxMaxNewTokens + 1));

    private CudaGraph GraphOf(int rows)
    {
        if (!_graphs.TryGetValue(rows, out var graph))
        {
            _model.Decoder.Prepare(rows);
            graph = CudaGraph.Capture(_model.Stream, () =>
            {
                _model.Decoder.Step(_model.Stream, rows, 0, _model.Decoder.HeadRows);
                _sampler.Sample(_model.Stream, rows);
            });
            _graphs.Add(rows, graph);
        }

        return graph;
    }

    private sealed class Sequence(CudaStage1Decoder decoder, int song, long seed) : IStage1Sequence
    {
        private readonly HashSet<int> _seen = [];
        private readonly List<int> _sampled = [];
        private readonly OpeningPrompt _opening = new();
        private ReadOnlyMemory<int> _unread;
        private SongSettings? _settings;        // the settings of the section
        private int _fed;           // the number of positions in the cache, not counting the section's sampled ids
        private int? _pending;      // the last id of the context, not yet fed to the model
        private bool _disposed;

        public int Song => song;

        /// <summary>True while steps are drawing ids of the section.</summary>
        public bool IsRunning { get; private set; }

        public int Unread => _unread.Length;

        public IReadOnlyList<int> Sampled => _sampled;

        private int Conditional => 2 * song;

        private int Unconditional => (2 * song) + 1;

        public void BeginSection(ReadOnlySpan<int> prompt, int section, SectionSampling sampling)
        {
            int[] ids = _pending is { } pending ? [pending, .. prompt] : prompt.ToArray();
            _fed += _sampled.Count;
            _sampled.Clear();
            _seen.UnionWith(prompt.ToArray());
            (_unread, _pending, _settings, IsRunning) = (ids.AsMemory(..^1), ids[^1], SettingsOf(section, sampling), false);
            if (_fed == 0)
            {
                _opening.Begin(_unread.Span);
            }
            else
            {
                _opening.End();
            }

            decoder._model.Reserve(Conditional, Math.Min(_fed + ids.Length + sampling.MaxNewTokens, decoder.ContextLength));
            if (sampling.IsGuided)
            {
                decoder._model.Reserve(Unconditional, Math.Min(sampling.MaxNewTokens + 1, decoder.ContextLength));
            }

            StartOnceRead();
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
                decoder._model.Adopt(Conditional, holder.Conditional, _fed, piece.Length);
            }
            else
            {
                decoder._model.Prefill(Conditional, _fed, piece.Span);
                decoder.PrefilledIds += piece.Length;
            }

            _opening.CountRead(piece.Length);
            _fed += piece.Length;
            _unread = _unread[piece.Length..];
            StartOnceRead();
        }

        /// <summary>Reads the ids that the device has sampled since the last call.</summary>
        public void TakeSampled()
        {
            var progress = decoder._sampler.Progress(song);
            while (_sampled.Count < progress.Step)
            {
                var id = decoder._sampler.IdAt(song, _sampled.Count);
                _sampled.Add(id);
                _seen.Add(id);
                _pending = id;
            }

            IsRunning = !progress.Stopped;
        }

        public void Truncate(ReadOnlySpan<int> kept)
        {
            Stop();
            decoder._model.Truncate(Conditional, kept.Length);
            _opening.Truncate(kept.Length);
            _sampled.Clear();
            _seen.Clear();
            _seen.UnionWith(kept.ToArray());
            (_fed, _unread, _pending) = (kept.Length, default, null);
        }

        public void Dispose()
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            decoder._open.Remove(this);
            Stop();
            decoder._model.Release(Conditional);
            decoder._model.Release(Unconditional);
            decoder._freeSongs.Add(song);
        }

        /// <summary>Starts the rows once the prompt is read. Until then, the device samples nothing for them, because they have not started
        /// yet, or they stopped at the end of the previous section.</summary>
        private void StartOnceRead()
        {
            if (_settings is not { } settings || _pending is not { } pending || !_unread.IsEmpty)
            {
                return;
            }

            var model = decoder._model;
            model.Decoder.SetRow(model.Stream, Conditional, pending, _fed, active: true);
            if (settings.UnconditionalRow is { } unconditional)
            {
                model.Decoder.SetRow(model.Stream, unconditional, pending, 0, active: true);
            }

            decoder._sampler.SetSong(model.Stream, song, settings, [.. _seen]);
            IsRunning = true;
        }

        private void Stop()
        {
            IsRunning = false;
            var model = decoder._model;
            decoder._sampler.StopSong(model.Stream, song);
            model.Decoder.StopRow(model.Stream, Conditional);
            model.Decoder.StopRow(model.Stream, Unconditional);
            model.Stream.Synchronize();
        }

        private SongSettings SettingsOf(int section, SectionSampling sampling) => new()
        {
            Row = Conditional,
            UnconditionalRow = sampling.IsGuided ? Unconditional : null,
            Seed = (ulong)seed,
            Section = section,
            Guidance = (float)sampling.GuidanceScale,
            RepetitionPenalty = (float)sampling.RepetitionPenalty,
            Temperature = (float)sampling.Temperature,
            TopK = sampling.TopK,
            TopP = (float)sampling.TopP,
            Allowed = [.. sampling.Allowed.Select(range => new Cuda.Decode.IdRange(range.First, range.End))],
            EndId = sampling.EndId,
            MinTokens = sampling.MinNewTokens,
            MaxTokens = sampling.MaxNewTokens,
        };
    }
}
