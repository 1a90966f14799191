using Yue.Cuda.Compilation;

namespace Yue.Cuda.Decode;

/// <summary>Stage 2: decodes frames of eight codes. The first code is given; the other seven are chosen greedily, each within its own
/// codebook.</summary>
/// <remarks>
/// A frame takes eight steps, whose inputs are the given id and the ids of slots 1 .. 7. The last step only adds its input to the cache.
/// Slot k uses only the head rows of codebook k. Frames are counted on the device, so <see cref="Frame"/> can be captured once and
/// replayed. <see cref="SetRow"/> starts a row and uploads its given ids; its prompt must be in the cache. Not thread-safe.
/// </remarks>
public sealed unsafe class FrameDecoder : IDisposable
{
    public const int Slots = 8;
    public const int CodebookSize = 1024;

    private readonly CudaLlama _model;
    private readonly CudaModule _module;
    private readonly CudaKernel _greedy;
    private readonly DeviceMemory _given;
    private readonly DeviceMemory _codes;
    private readonly DeviceMemory _frames;
    private readonly int _firstId;
    private readonly int _maxFrames;

    /// <param name="device">The device, whose context is current.</param>
    /// <param name="kernels">Compiled kernels.</param>
    /// <param name="model">The model, which must allow at least 1,024 head rows.</param>
    /// <param name="firstId">The id of code 0 of codebook 0; codebook k begins 1,024 · k ids later.</param>
    /// <param name="maxFrames">The maximum number of frames per row.</param>
    public FrameDecoder(CudaDevice device, KernelCache kernels, CudaLlama model, int firstId, int maxFrames)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(model);
        (_model, _firstId, _maxFrames) = (model, firstId, maxFrames);
        try
        {
            _module = kernels.Load(device, "greedy.cu");
            _greedy = _module.Kernel("greedy");
            _given = DeviceMemory.Allocate((long)CudaLlama.MaxRows * maxFrames * sizeof(int));
            _codes = DeviceMemory.Allocate((long)CudaLlama.MaxRows * maxFrames * Slots * sizeof(int));
            _frames = DeviceMemory.Allocate(2L * CudaLlama.MaxRows * sizeof(int));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Starts a row, whose prompt of <paramref name="position"/> ids must be in the cache.</summary>
    public void SetRow(CudaStream stream, int row, int position, ReadOnlySpan<int> givenIds)
    {
        if (givenIds.Length == 0 || givenIds.Length > _maxFrames)
        {
            throw new ArgumentException($"{givenIds.Length} frames; 1 to {_maxFrames} are allowed", nameof(givenIds));
        }

        ArgumentOutOfRangeException.ThrowIfGreaterThan(position + (givenIds.Length * Slots), _model.Shape.Context, nameof(position));
        CudaCopy.ToDevice(_given.Address + ((nint)row * _maxFrames * sizeof(int)), givenIds, stream);
        CudaCopy.ToDevice<int>(_codes.Address + ((nint)row * _maxFrames * Slots * sizeof(int)), [givenIds[0]], stream);
        CudaCopy.ToDevice<int>(_frames.Address + (row * sizeof(int)), [0], stream);
        CudaCopy.ToDevice<int>(_frames.Address + ((CudaLlama.MaxRows + row) * sizeof(int)), [givenIds.Length], stream);
        _model.SetRow(stream, row, givenIds[0], position, active: true);
    }

    /// <summary>Enqueues one frame of the first <paramref name="rows"/> rows on the stream. A row stops on the device after its last
    /// frame.</summary>
    public void Frame(CudaStream stream, int rows)
    {
        for (var slot = 1; slot <= Slots; slot++)
        {
            var count = slot < Slots ? CodebookSize : 0;
            var firstId = _firstId + (slot * CodebookSize);
            _model.Step(stream, rows, count == 0 ? 0 : firstId, count);
            Choose(stream, rows, count, firstId, slot);
        }
    }

    /// <summary>Returns all ids of a row's frames: [frames, 8]. Waits for the stream.</summary>
    public int[] Ids(CudaStream stream, int row, int frames) =>
        CudaCopy.ToHost<int>(_codes.Address + ((nint)row * _maxFrames * Slots * sizeof(int)), frames * Slots, stream);

    public void Dispose()
    {
        // A member is null if the constructor threw before setting it.
        _given?.Dispose();
        _codes?.Dispose();
        _frames?.Dispose();
        _module?.Dispose();
    }

    private void Choose(CudaStream stream, int rows, int count, int firstId, int slot)
    {
        var (logits, from, given, givenStride) = (_model.Logits, 0, _given.Address, _maxFrames);
        var (codes, codesStride, slots, frame) = (_codes.Address, _maxFrames * Slots, Slots, _frames.Address);
        var frameCount = frame + (CudaLlama.MaxRows * sizeof(int));
        var (token, position, active) = (_model.Tokens, _model.Positions, _model.Active);
        _greedy.Launch(stream, (rows, 1), 256, 0, cooperative: false,
        [
            (nint)(&logits), (nint)(&count), (nint)(&from), (nint)(&count), (nint)(&firstId), (nint)(&given), (nint)(&givenStride),
            (nint)(&codes), (nint)(&codesStride), (nint)(&slots), (nint)(&slot), (nint)(&frame), (nint)(&frameCount),
            (nint)(&token), (nint)(&position), (nint)(&active),
        ]);
    }
}
