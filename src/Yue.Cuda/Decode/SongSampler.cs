using System.Runtime.InteropServices;
using Yue.Cuda.Compilation;

namespace Yue.Cuda.Decode;

/// <summary>The ids from Low up to, but not including, High.</summary>
public readonly record struct IdRange(int Low, int High);

/// <summary>One song's sampling chain. Order: guidance, repetition penalty, minimum length, allowed ids, temperature, top-k, top-p,
/// draw.</summary>
public sealed record SongSettings
{
    public required int Row { get; init; }

    /// <summary>The row without the lyrics; null for raw logits without guidance.</summary>
    public int? UnconditionalRow { get; init; }

    public required ulong Seed { get; init; }

    /// <summary>The number of the section. Each draw is keyed by (seed, section, step).</summary>
    public int Section { get; init; }

    /// <summary>The step of the first draw.</summary>
    public int Step { get; init; }

    public float Guidance { get; init; } = 1.5f;

    public float RepetitionPenalty { get; init; } = 1;

    /// <summary>The temperature; 0 selects the largest score.</summary>
    public float Temperature { get; init; } = 1;

    /// <summary>The number of best ids to keep; 0 keeps all.</summary>
    public int TopK { get; init; } = 50;

    public float TopP { get; init; } = 1;

    /// <summary>The allowed ids: at most four ranges in ascending order.</summary>
    public required IReadOnlyList<IdRange> Allowed { get; init; }

    /// <summary>The id that ends the section; -1 for none.</summary>
    public required int EndId { get; init; }

    /// <summary>The number of ids that must be drawn before the end id is allowed.</summary>
    public int MinTokens { get; init; }

    public required int MaxTokens { get; init; }
}

/// <summary>Runs the sampling chains of several songs in kernels after each step, and feeds the ids back on the device.</summary>
/// <remarks>
/// A song stops on the device at its end id, at its maximum number of ids, at the end of the context, or if no id can be drawn. Its rows
/// then become inactive. The host records an event after the steps, waits for it, and reads the ids from a ring in pinned memory, at least
/// every <see cref="RingSize"/> steps. Not thread-safe.
/// </remarks>
public sealed unsafe class SongSampler : IDisposable
{
    public const int RingSize = SampledIds.RingSize;
    private const int Slices = 32;

    private readonly CudaLlama _model;
    private readonly CudaModule _sumModule;
    private readonly CudaModule _sampleModule;
    private readonly CudaKernel _logSumExp;
    private readonly CudaKernel _sample;
    private readonly DeviceMemory _songs;
    private readonly DeviceMemory _seen;
    private readonly DeviceMemory _stats;
    private readonly DeviceMemory _keys;
    private readonly DeviceMemory _kept;
    private readonly SampledIds _ids;
    private readonly int _seenWords;

    /// <summary>Allocates the state of <paramref name="songs"/> songs for a model with a complete head.</summary>
    public SongSampler(CudaDevice device, KernelCache kernels, CudaLlama model, int songs)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(model);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(songs);
        _model = model;
        Songs = songs;
        var vocabulary = model.HeadRows;
        _seenWords = (vocabulary + 31) / 32;
        try
        {
            _sumModule = kernels.Load(device, "log_sum_exp.cu");
            _sampleModule = kernels.Load(device, "sample.cu");
            _logSumExp = _sumModule.Kernel("log_sum_exp");
            _sample = _sampleModule.Kernel("sample");
            _songs = DeviceMemory.Allocate((long)songs * sizeof(SongState));
            _seen = DeviceMemory.Allocate((long)songs * _seenWords * sizeof(uint));
            _stats = DeviceMemory.Allocate((long)CudaLlama.MaxRows * Slices * 2 * sizeof(float));
            _keys = DeviceMemory.Allocate((long)songs * vocabulary * sizeof(uint));
            _kept = DeviceMemory.Allocate((long)songs * vocabulary * sizeof(uint));
            _ids = new SampledIds(songs);
            using var stream = CudaStream.Create();
            _songs.Fill(0, stream);
            _seen.Fill(0, stream);
            stream.Synchronize();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public int Songs { get; }

    /// <summary>Sets a song's settings and the ids that the repetition penalty counts as seen (the prompt and all ids so far).</summary>
    public void SetSong(CudaStream stream, int song, SongSettings settings, ReadOnlySpan<int> seenIds)
    {
        ArgumentNullException.ThrowIfNull(settings);
        _ids.CheckSong(song);
        if (settings.Allowed.Count is 0 or > 4)
        {
            throw new ArgumentException($"{settings.Allowed.Count} ranges of allowed ids; 1 to 4 are allowed", nameof(settings));
        }

        var seen = new uint[_seenWords];
        foreach (var id in seenIds)
        {
            seen[id >> 5] |= 1u << (id & 31);
        }

        var state = new SongState
        {
            Seed = settings.Seed,
            Seen = _seen.Address + ((nint)song * _seenWords * sizeof(uint)),
            Guidance = settings.Guidance,
            Penalty = settings.RepetitionPenalty,
            Temperature = settings.Temperature,
            TopP = settings.TopP,
            TopK = settings.TopK,
            Row = settings.Row,
            UnconditionalRow = settings.UnconditionalRow ?? -1,
            RangeCount = settings.Allowed.Count,
            EndId = settings.EndId,
            MinTokens = settings.MinTokens,
            MaxTokens = settings.MaxTokens,
            Section = settings.Section,
            Step = settings.Step,
            PositionLimit = _model.Shape.Context,
            Running = 1,
        };
        for (var i = 0; i < settings.Allowed.Count; i++)
        {
            var (low, high) = settings.Allowed[i];
            if (low < 0 || high > _model.HeadRows || low >= high)
            {
                throw new ArgumentException($"allowed ids {low} .. {high} are not a range within 0 .. {_model.HeadRows}", nameof(settings));
            }

            state.Low[i] = low;
            state.High[i] = high;
        }

        _ids.Begin(song, settings.Step);
        CudaCopy.ToDevice<uint>(state.Seen, seen, stream);
        CudaCopy.ToDevice(_songs.Address + ((nint)song * sizeof(SongState)), new ReadOnlySpan<SongState>(in state), stream);
    }

    /// <summary>Removes a cancelled song from the following steps. The caller also stops its rows, with
    /// <see cref="CudaLlama.StopRow"/>.</summary>
    public void StopSong(CudaStream stream, int song)
    {
        _ids.CheckSong(song);
        SongState state;
        var runningOffset = (nint)((byte*)&state.Running - (byte*)&state);
        CudaCopy.ToDevice<int>(_songs.Address + ((nint)song * sizeof(SongState)) + runningOffset, [0], stream);
    }

    /// <summary>Enqueues the chain after a step whose logits cover the whole head.</summary>
    public void Sample(CudaStream stream, int rows)
    {
        var (logits, vocabulary, active, stats) = (_model.Logits, _model.HeadRows, _model.Active, _stats.Address);
        _logSumExp.Launch(
            stream, (Slices, rows), 256, 0, cooperative: false, [(nint)(&logits), (nint)(&vocabulary), (nint)(&active), (nint)(&stats)]);
        var (songs, count, keys, kept, ring, ringSize) = (_songs.Address, Songs, _keys.Address, _kept.Address, _ids.Address, RingSize);
        var (token, position) = (_model.Tokens, _model.Positions);
        _sample.Launch(stream, (count, 1), 1024, 0, cooperative: false,
        [
            (nint)(&songs), (nint)(&count), (nint)(&logits), (nint)(&vocabulary), (nint)(&stats), (nint)(&keys), (nint)(&kept),
            (nint)(&token), (nint)(&position), (nint)(&active), (nint)(&ring), (nint)(&ringSize),
        ]);
    }

    /// <summary>Returns the state of a song after its last finished step.</summary>
    public SongProgress Progress(int song) => _ids.Progress(song);

    /// <summary>Returns the id drawn at a step, which must be one of the last <see cref="RingSize"/> steps.</summary>
    public int IdAt(int song, int step) => _ids.IdAt(song, step);

    public void Dispose()
    {
        // A member is null if the constructor threw before setting it.
        foreach (var owned in (IDisposable?[])[_songs, _seen, _stats, _keys, _kept, _ids, _sumModule, _sampleModule])
        {
            owned?.Dispose();
        }
    }

    /// <summary>Mirrors <c>struct Song</c> in sampler_state.cuh.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct SongState
    {
        public ulong Seed;
        public nint Seen;
        public float Guidance, Penalty, Temperature, TopP;
        public int TopK, Row, UnconditionalRow, RangeCount;
        public fixed int Low[4];
        public fixed int High[4];
        public int EndId, MinTokens, MaxTokens, Section, Step, PositionLimit, Running;
    }
}
