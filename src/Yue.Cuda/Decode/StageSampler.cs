using System.Runtime.InteropServices;
using Yue.Cuda.Compilation;

namespace Yue.Cuda.Decode;

/// <summary>The sampling chain of one stage of a YuE 2 song. Order: guidance on raw logits, penalty by the number of times that an id
/// occurs in the window, minimum length, temperature, top-k, top-p, draw.</summary>
public sealed record StageSettings
{
    public required int Row { get; init; }

    /// <summary>The row of the guidance prompt; null for no guidance.</summary>
    public int? GuideRow { get; init; }

    public required ulong Seed { get; init; }

    public float Guidance { get; init; } = 1;

    /// <summary>The ids that are allowed in addition to <see cref="EndId"/>.</summary>
    public required IdRange Content { get; init; }

    /// <summary>The id that ends the stage.</summary>
    public required int EndId { get; init; }

    /// <summary>The temperature; 0 selects the best id.</summary>
    public float Temperature { get; init; } = 1;

    public required int TopK { get; init; }

    public float TopP { get; init; } = 1;

    /// <summary>The number of best ids that top-p always keeps.</summary>
    public int MinKept { get; init; } = 1;

    /// <summary>The penalty factors of an id, by the number of times that it occurs in the window. The first is for zero times.</summary>
    public required IReadOnlyList<float> Penalties { get; init; }

    /// <summary>The number of ids that must be drawn before the end id is allowed.</summary>
    public int MinTokens { get; init; }

    public required int MaxTokens { get; init; }
}

/// <summary>Runs the sampling chains of several YuE 2 songs in kernels after each step, and feeds the ids back on the device. The scores
/// are computed on all multiprocessors.</summary>
/// <remarks>
/// A song stops on the device at its end id, at its maximum number of ids or at the end of the context. Its rows then become inactive. A
/// song whose best score is not finite stops with <see cref="NoId"/>. The host records an event after the steps, waits for it, and reads
/// the ids, at least every <see cref="SongSampler.RingSize"/> steps. Not thread-safe.
/// </remarks>
public sealed unsafe class StageSampler : IDisposable
{
    /// <summary>The value that means "no id".</summary>
    public const int NoId = -1;

    /// <summary>The maximum size of the penalty window: MAX_WINDOW of stage_state.cuh.</summary>
    public const int MaxWindow = 100;

    private const int KeyThreads = 256;     // KEY_THREADS of stage_keys.cu
    private const int GroupIds = 32;        // GROUP_IDS of stage_state.cuh

    private const string KeySource = "stage_keys.cu";
    private const string DrawSource = "stage_draw.cu";

    private readonly CudaLlama _model;
    private readonly CudaModule _keyModule;
    private readonly CudaModule _drawModule;
    private readonly CudaKernel _stageKeys;
    private readonly CudaKernel _stageDraw;
    private readonly DeviceMemory _songs;
    private readonly DeviceMemory _keys;
    private readonly DeviceMemory _maxima;
    private readonly DeviceMemory _kept;
    private readonly SampledIds _ids;
    private readonly int _stride;

    /// <summary>Allocates the state of <paramref name="songs"/> songs for stages whose ids fit into the model's head rows.</summary>
    public StageSampler(CudaDevice device, KernelCache kernels, CudaLlama model, int songs)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(model);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(songs);
        (_model, Songs) = (model, songs);
        _stride = Blocks(model.HeadRows) * KeyThreads;
        try
        {
            _keyModule = kernels.Load(device, KeySource);
            _drawModule = kernels.Load(device, DrawSource);
            _stageKeys = _keyModule.Kernel("stage_keys");
            _stageDraw = _drawModule.Kernel("stage_draw");
            var sizes = Sizes(songs, model.HeadRows);
            _songs = DeviceMemory.Allocate(sizes.States);
            _keys = DeviceMemory.Allocate(sizes.Keys);
            _maxima = DeviceMemory.Allocate(sizes.Maxima);
            _kept = DeviceMemory.Allocate(sizes.Kept);
            _ids = new SampledIds(songs);
            using var stream = CudaStream.Create();
            _songs.Fill(0, stream);
            stream.Synchronize();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The kernel files to compile.</summary>
    public static IReadOnlyList<KernelBuild> Builds { get; } = [new(KeySource, []), new(DrawSource, [])];

    public int Songs { get; }

    /// <summary>Returns the device memory, in bytes, that a sampler needs for the given number of songs.</summary>
    public static long MemoryBytes(int songs, int headRows)
    {
        var (states, keys, maxima, kept) = Sizes(songs, headRows);
        return states + keys + maxima + kept;
    }

    /// <summary>Begins a stage of a song.</summary>
    public void SetSong(CudaStream stream, int song, StageSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        _ids.CheckSong(song);
        Check(settings);
        var state = new SongState
        {
            Seed = settings.Seed,
            Guidance = settings.Guidance,
            Temperature = settings.Temperature,
            TopP = settings.TopP,
            TopK = settings.TopK,
            Row = settings.Row,
            GuideRow = settings.GuideRow ?? -1,
            First = settings.Content.Low,
            Count = settings.Content.High - settings.Content.Low,
            EndId = settings.EndId,
            MinTokens = settings.MinTokens,
            MaxTokens = settings.MaxTokens,
            MinKept = settings.MinKept,
            Window = settings.Penalties.Count - 1,
            PositionLimit = _model.Shape.Context,
            Running = 1,
        };
        for (var i = 0; i < settings.Penalties.Count; i++)
        {
            state.Penalties[i] = settings.Penalties[i];
        }

        _ids.Begin(song, 0);
        CudaCopy.ToDevice(_songs.Address + ((nint)song * sizeof(SongState)), new ReadOnlySpan<SongState>(in state), stream);
    }

    /// <summary>Removes a song from the following steps. The caller also stops its rows, with <see cref="CudaLlama.StopRow"/>.</summary>
    public void StopSong(CudaStream stream, int song)
    {
        _ids.CheckSong(song);
        SongState state;
        var runningOffset = (nint)((byte*)&state.Running - (byte*)&state);
        CudaCopy.ToDevice<int>(_songs.Address + ((nint)song * sizeof(SongState)) + runningOffset, [0], stream);
    }

    /// <summary>Enqueues the chain after a step whose head rows cover the ids of every running song.</summary>
    /// <param name="stream">The stream of the step.</param>
    /// <param name="headStart">The first head row of the step.</param>
    /// <param name="headRows">The number of head rows of the step.</param>
    public void Sample(CudaStream stream, int headStart, int headRows)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(headRows, _model.HeadRows);
        var (songs, logits, keys, maxima, stride) = (_songs.Address, _model.Logits, _keys.Address, _maxima.Address, _stride);
        _stageKeys.Launch(stream, (Blocks(headRows), Songs), KeyThreads, 0, cooperative: false,
        [
            (nint)(&songs), (nint)(&logits), (nint)(&headStart), (nint)(&headRows), (nint)(&keys), (nint)(&maxima), (nint)(&stride),
        ]);
        var (count, kept, ring, ringSize) = (Songs, _kept.Address, _ids.Address, SampledIds.RingSize);
        var (token, position, active) = (_model.Tokens, _model.Positions, _model.Active);
        _stageDraw.Launch(stream, (count, 1), 1024, 0, cooperative: false,
        [
            (nint)(&songs), (nint)(&count), (nint)(&keys), (nint)(&maxima), (nint)(&stride), (nint)(&kept), (nint)(&token),
            (nint)(&position), (nint)(&active), (nint)(&ring), (nint)(&ringSize),
        ]);
    }

    /// <summary>Returns the state of a song after its last finished step.</summary>
    public SongProgress Progress(int song) => _ids.Progress(song);

    /// <summary>Returns the id drawn at a step, which must be one of the last <see cref="SongSampler.RingSize"/> steps.</summary>
    public int IdAt(int song, int step) => _ids.IdAt(song, step);

    public void Dispose()
    {
        // A member is null if the constructor threw before setting it.
        foreach (var owned in (IDisposable?[])[_songs, _keys, _maxima, _kept, _ids, _keyModule, _drawModule])
        {
            owned?.Dispose();
        }
    }

    /// <summary>Returns the sizes of the blocks of device memory, in bytes.</summary>
    private static (long States, long Keys, long Maxima, long Kept) Sizes(int songs, int headRows)
    {
        var keys = (long)songs * Blocks(headRows) * KeyThreads * sizeof(uint);
        return ((long)songs * sizeof(SongState), keys, keys / GroupIds, 2 * keys);
    }

    private static int Blocks(int headRows) => (headRows + KeyThreads - 1) / KeyThreads;

    private void Check(StageSettings settings)
    {
        var (low, high) = settings.Content;
        if (low < 0 || low >= high || high > _model.Shape.Vocabulary || settings.EndId < 0 || settings.EndId >= _model.Shape.Vocabulary)
        {
            throw new ArgumentException(
                $"ids {low} .. {high} and {settings.EndId} are not within 0 .. {_model.Shape.Vocabulary}", nameof(settings));
        }

        // The candidates are the content ids and the end id.
        if (high - low + 1 > _model.HeadRows)
        {
            throw new ArgumentException($"{high - low + 1} ids are allowed, but steps have {_model.HeadRows} head rows", nameof(settings));
        }

        if (settings.Penalties.Count is < 2 or > MaxWindow + 1)
        {
            throw new ArgumentException(
                $"{settings.Penalties.Count} penalties; a window of N ids (1 to {MaxWindow}) needs N + 1", nameof(settings));
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(settings.TopK, 1, nameof(settings));
        ArgumentOutOfRangeException.ThrowIfLessThan(settings.MinKept, 1, nameof(settings));
    }

    /// <summary>Mirrors <c>struct StageSong</c> in stage_state.cuh.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct SongState
    {
        public ulong Seed;
        public float Guidance, Temperature, TopP;
        public int TopK, Row, GuideRow, First, Count, EndId, MinTokens, MaxTokens, MinKept, Window, Step, PositionLimit, Running;
        public fixed float Penalties[MaxWindow + 1];
        public fixed int History[MaxWindow];
    }
}
