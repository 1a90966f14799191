using static TorchSharp.torch;

namespace Yue.Engine.Tensors;

/// <summary>Shape checks at module boundaries, and the dimension letters used throughout.</summary>
/// <remarks>
/// <c>B</c> rows, <c>T</c> time, <c>C</c> channels, <c>H</c> query heads, <c>K</c> key-value heads, <c>G</c> = H/K, <c>D</c> head size,
/// <c>L</c> layers, <c>V</c> vocabulary, <c>Q</c> codebooks, <c>F</c> frames, <c>S</c> samples or, in attention, the positions attended to.
/// </remarks>
public static class Shape
{
    /// <summary>Throws unless <paramref name="tensor"/> has exactly the expected shape.</summary>
    public static void Expect(
        Tensor tensor,
        ReadOnlySpan<long> expected,
        [System.Runtime.CompilerServices.CallerArgumentExpression(nameof(tensor))] string name = "")
    {
        if (!tensor.shape.AsSpan().SequenceEqual(expected))
        {
            throw new ArgumentException($"{name} has shape {Text(tensor.shape)}, expected {Text(expected)}");
        }
    }

    /// <summary>Returns the two dimensions of a matrix.</summary>
    public static (long, long) Dims2(Tensor tensor) => tensor.shape is [var a, var b] ? (a, b) : throw WrongRank(tensor, 2);

    /// <summary>Returns the three dimensions of a tensor, such as [B, C, T].</summary>
    public static (long, long, long) Dims3(Tensor tensor) =>
        tensor.shape is [var a, var b, var c] ? (a, b, c) : throw WrongRank(tensor, 3);

    /// <summary>Returns the four dimensions of a tensor, such as [B, H, T, D].</summary>
    public static (long, long, long, long) Dims4(Tensor tensor) =>
        tensor.shape is [var a, var b, var c, var d] ? (a, b, c, d) : throw WrongRank(tensor, 4);

    /// <summary>Returns a shape as text: <c>[2, 3]</c>.</summary>
    public static string Text(ReadOnlySpan<long> shape) => $"[{string.Join(", ", shape.ToArray())}]";

    private static ArgumentException WrongRank(Tensor tensor, int rank) =>
        new($"a tensor has shape {Text(tensor.shape)}, expected {rank} dimensions");
}
