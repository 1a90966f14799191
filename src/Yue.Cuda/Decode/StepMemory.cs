namespace Yue.Cuda.Decode;

/// <summary>The division of the step kernel's shared memory, as in step.cu: slots of the copy ring, stages of x or sums, and the
/// rest.</summary>
/// <param name="Slots">Slots of the ring.</param>
/// <param name="SharedBytes">Shared memory of a block.</param>
public readonly record struct StepMemory(int Slots, int SharedBytes)
{
    internal const int ConsumerWarps = 8;
    internal const int MaxSlots = 32;

    /// <summary>As many slots as fit.</summary>
    /// <param name="build">The rows that the kernel is built for.</param>
    /// <param name="weights">The weights' type.</param>
    /// <param name="computeCapability">The device's, times ten.</param>
    /// <param name="available">The shared memory that a block of the device may have, in bytes.</param>
    /// <param name="mostSlots">Slots at most.</param>
    /// <exception cref="NotSupportedException">The device has too little for a ring that the step can work with.</exception>
    public static StepMemory For(int build, WeightType weights, int computeCapability, int available, int mostSlots = MaxSlots)
    {
        // ring.cuh: eight row segments of 2 KiB, or 1 KiB where more would not stay in registers, a little apart.
        var slotBytes = 8 * ((build <= (weights == WeightType.BFloat16 ? 16 : 8) ? 2048 : 1024) + 64);

        // ring.cuh and model.cuh: stages of x, which the sums of a batch of tiles share, or these sums alone.
        var isStaged = build >= 32 && computeCapability is >= 90 and < 120;
        var tileSumBytes = ConsumerWarps * build * 8 * sizeof(float);
        var stagedBytes = 2 * (build / 8) * ConsumerWarps * 32 * 16;
        var batch = isStaged ? stagedBytes / tileSumBytes : build == 80 ? 2 : 64 / build;
        var listedUnits = build >= 64 ? 512 : 256;
        var fixedBytes = (2 * MaxSlots * sizeof(long)) + (((4 * build) + 2) * sizeof(int))
            + (2 * listedUnits * sizeof(int)) + (batch * build * sizeof(float))
            + (isStaged ? stagedBytes + 16 : batch * tileSumBytes) + 64 + 128;
        var slots = Math.Min(Math.Min(MaxSlots, mostSlots), (available - fixedBytes) / slotBytes);

        // A staged product has all tiles of a group in the ring at once (tiles.cuh), attention the keys and values of a page.
        var least = isStaged ? 384 / build : 4;
        return slots >= least
            ? new StepMemory(slots, fixedBytes + (slots * slotBytes))
            : throw new NotSupportedException(
                $"a step of {build} rows needs {fixedBytes + (least * slotBytes)} bytes of shared memory a block and {least} slots; "
                    + $"{available} bytes and {mostSlots} slots are there");
    }
}
