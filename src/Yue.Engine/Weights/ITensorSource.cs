using static TorchSharp.torch;

namespace Yue.Engine.Weights;

/// <summary>Where a module gets its weights: a checkpoint, or in tests a table of shapes without values.</summary>
/// <remarks>The source decides dtype and device. Every method throws <see cref="CheckpointException"/> with the file,
/// the tensor and what was expected when the tensor is missing or has another shape.</remarks>
public interface ITensorSource
{
    /// <summary>The dtype that <see cref="Read"/> returns.</summary>
    ScalarType Dtype { get; }

    /// <summary>The device that <see cref="Read"/> returns tensors on.</summary>
    Device Device { get; }

    /// <summary>Whether the tensor is there.</summary>
    bool Contains(string name);

    /// <summary>The tensor's shape as stored; modules take their dimensions from it.</summary>
    long[] ShapeOf(string name);

    /// <summary>A new tensor of this source's dtype and device with the stored values; the caller disposes it.</summary>
    /// <param name="name">The checkpoint's name of the tensor.</param>
    /// <param name="expected">The shape that the module needs.</param>
    Tensor Read(string name, params ReadOnlySpan<long> expected);

    /// <summary>Copies the stored values into <paramref name="destination"/>, which may be a slice of a larger
    /// tensor, converting to its dtype and device. The stored shape must equal the destination's.</summary>
    void ReadInto(string name, Tensor destination);
}
