using static TorchSharp.torch;

namespace Yue.Engine.Weights;

/// <summary>The source of a module's weights, such as a checkpoint or, in tests, a table of shapes without values.</summary>
/// <remarks>The source determines the dtype and the device. If a tensor is missing or has another shape, reading it throws
/// <see cref="CheckpointException"/> with the file, the tensor and the expected shape.</remarks>
public interface ITensorSource
{
    /// <summary>The dtype of the tensors that <see cref="Read"/> returns.</summary>
    ScalarType Dtype { get; }

    /// <summary>The device of the tensors that <see cref="Read"/> returns.</summary>
    Device Device { get; }

    /// <summary>Returns true if the tensor exists.</summary>
    bool Contains(string name);

    /// <summary>Returns the stored shape of the tensor. Modules derive their dimensions from it.</summary>
    long[] ShapeOf(string name);

    /// <summary>Returns a new tensor with the stored values, in this source's dtype and on its device. The caller disposes it.</summary>
    /// <param name="name">The name of the tensor in the checkpoint.</param>
    /// <param name="expected">The shape that the module needs.</param>
    Tensor Read(string name, params ReadOnlySpan<long> expected);

    /// <summary>Copies the stored values into <paramref name="destination"/>, which may be a slice of a larger tensor, and converts
    /// them to the dtype and device of the destination. The stored shape must equal the destination's.</summary>
    void ReadInto(string name, Tensor destination);
}
