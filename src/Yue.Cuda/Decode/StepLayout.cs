using System.Runtime.InteropServices;

namespace Yue.Cuda.Decode;

/// <summary>The launch parameters of a step kernel, read from its compiled module. Mirrors <c>struct StepLayout</c> in step.cuh.</summary>
/// <param name="Threads">The number of threads per block.</param>
/// <param name="SlotBytes">The shared memory of one slot of the copy ring, in bytes; 0 if the kernel has no ring.</param>
/// <param name="OtherBytes">The shared memory of a block in bytes, not counting the slots.</param>
/// <param name="MinSlots">The minimum number of slots that the step needs to make progress.</param>
/// <param name="MaxSlots">The maximum number of slots that the step can use.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct StepLayout(int Threads, int SlotBytes, int OtherBytes, int MinSlots, int MaxSlots)
{
    /// <summary>Returns the number of slots of the copy ring: as many as fit.</summary>
    /// <param name="rows">The number of rows that the kernel is built for, which the error names.</param>
    /// <param name="available">The maximum shared memory of a block on the device, in bytes.</param>
    /// <param name="maxSlots">The maximum number of slots.</param>
    /// <exception cref="NotSupportedException">The device has too little shared memory for the smallest possible ring, or
    /// <paramref name="maxSlots"/> is too small for it.</exception>
    public int Slots(int rows, int available, int maxSlots)
    {
        if (SlotBytes == 0)
        {
            return 0;
        }

        var slots = Math.Min(Math.Min(MaxSlots, maxSlots), (available - OtherBytes) / SlotBytes);
        return slots >= MinSlots
            ? slots
            : throw new NotSupportedException(
                $"a step of {rows} rows needs {SharedBytes(MinSlots)} bytes of shared memory per block and {MinSlots} slots; "
                    + $"{available} bytes and {maxSlots} slots are available");
    }

    /// <summary>Returns the dynamic shared memory, in bytes, of a block with the given number of slots.</summary>
    public int SharedBytes(int slots) => OtherBytes + (slots * SlotBytes);
}
