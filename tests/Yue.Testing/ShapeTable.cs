using System.Text.Json;
using Yue.Engine.Tensors;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Testing;

/// <summary>Weights without values: a table of names and shapes. Its tensors are on the <c>meta</c> device, and it records the names that
/// are read.</summary>
/// <remarks>A model built from it needs no memory for its weights. Afterwards, <see cref="Unread"/> contains the names that the model does
/// not use.</remarks>
/// <param name="shapes">The shape of each tensor, by name.</param>
/// <param name="dtype">The dtype of the tensors that are read.</param>
public sealed class ShapeTable(IReadOnlyDictionary<string, long[]> shapes, ScalarType dtype = ScalarType.Float32) : ITensorSource
{
    private readonly HashSet<string> _read = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public ScalarType Dtype => dtype;

    /// <inheritdoc/>
    public Device Device => META;

    /// <summary>The names that have been read, sorted.</summary>
    public IEnumerable<string> ReadNames => _read.Order(StringComparer.Ordinal);

    /// <summary>The names that have not been read, sorted.</summary>
    public IEnumerable<string> Unread => shapes.Keys.Where(name => !_read.Contains(name)).Order(StringComparer.Ordinal);

    /// <summary>Parses a table from JSON text: an array of pairs <c>["name", [dimensions]]</c>.</summary>
    public static ShapeTable FromJson(string json, ScalarType dtype = ScalarType.Float32)
    {
        using var document = JsonDocument.Parse(json);
        return new(
            document.RootElement.EnumerateArray().ToDictionary(
                pair => pair[0].GetString()!,
                pair => pair[1].EnumerateArray().Select(dimension => dimension.GetInt64()).ToArray(),
                StringComparer.Ordinal),
            dtype);
    }

    /// <summary>Parses a table from lines of text: <c>name [dimensions]</c>.</summary>
    public static ShapeTable FromLines(IEnumerable<string> lines, ScalarType dtype = ScalarType.Float32) =>
        new(
            lines.Where(line => line.Length > 0).Select(line => line.Split(' ', 2)).ToDictionary(
                words => words[0], words => JsonSerializer.Deserialize<long[]>(words[1])!, StringComparer.Ordinal),
            dtype);

    /// <inheritdoc/>
    public bool Contains(string name) => shapes.ContainsKey(name);

    /// <inheritdoc/>
    public long[] ShapeOf(string name) => [.. Find(name)];

    /// <inheritdoc/>
    public Tensor Read(string name, params ReadOnlySpan<long> expected)
    {
        Check(name, expected);
        _read.Add(name);
        return empty(expected.ToArray(), dtype, META);
    }

    /// <inheritdoc/>
    public void ReadInto(string name, Tensor destination)
    {
        Check(name, destination.shape);
        _read.Add(name);
    }

    private long[] Find(string name) =>
        shapes.TryGetValue(name, out var shape) ? shape : throw new CheckpointException("shape table", $"tensor {name} is missing");

    private void Check(string name, ReadOnlySpan<long> expected)
    {
        if (!expected.SequenceEqual(Find(name)))
        {
            throw new CheckpointException(
                "shape table", $"tensor {name} has shape {Shape.Text(Find(name))}, expected {Shape.Text(expected)}");
        }
    }
}
