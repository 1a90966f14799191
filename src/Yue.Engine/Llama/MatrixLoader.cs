using Yue.Cuda.Decode;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Llama;

/// <summary>Reads matrices, joins some of them, and converts them to the type in which they are multiplied. Codes that a quantized
/// checkpoint stores in this type are copied unchanged.</summary>
/// <param name="source">The checkpoint.</param>
/// <param name="quantizer">Converts to fewer bits; null keeps the values.</param>
internal sealed class MatrixLoader(ITensorSource source, MatrixQuantizer? quantizer)
{
    private readonly CheckpointTensors? _stored =
        source is CheckpointTensors { Quantization.Type: var type } tensors && type == quantizer?.Type ? tensors : null;

    /// <summary>Reads matrices into a single one, with their rows in sequence.</summary>
    /// <param name="columns">The number of columns.</param>
    /// <param name="parts">The modules, and the number of rows of each.</param>
    public WeightMatrix Load(long columns, params ReadOnlySpan<(string Module, long Rows)> parts)
    {
        long rows = 0;
        foreach (var part in parts)
        {
            rows += part.Rows;
        }

        using var scope = NewDisposeScope();
        var all = Empty(rows, columns);
        var first = 0L;
        foreach (var (module, count) in parts)
        {
            Read(module, columns, all.narrow(0, first, count));
            first += count;
        }

        return Matrix(all, columns, parts[0].Module, terms: 1);
    }

    /// <summary>Reads two matrices whose rows alternate.</summary>
    /// <param name="columns">The number of columns.</param>
    /// <param name="rows">The number of rows of each.</param>
    /// <param name="even">The module of rows 0, 2, 4, ….</param>
    /// <param name="odd">The module of rows 1, 3, 5, ….</param>
    public WeightMatrix LoadAlternating(long columns, long rows, string even, string odd)
    {
        using var scope = NewDisposeScope();
        var all = Empty(2 * rows, columns);
        var pairs = all.view(rows, 2, -1);
        Read(even, columns, pairs.select(1, 0));
        Read(odd, columns, pairs.select(1, 1));
        return Matrix(all, columns, even, terms: 1);
    }

    /// <summary>Reads the head.</summary>
    /// <param name="embedding">The embedding if it is also the head; null if the head has its own tensor.</param>
    /// <param name="rows">The number of rows of the whole head.</param>
    /// <param name="columns">The number of columns.</param>
    /// <param name="ids">The rows that are needed.</param>
    public WeightMatrix LoadHead(Tensor? embedding, long rows, long columns, IdRange ids)
    {
        const string Module = "lm_head";
        using var scope = NewDisposeScope();
        var terms = quantizer is null ? 1 : LlamaShape.HeadTerms(quantizer.Type);
        var storedTerms = _stored is null ? 1 : terms;
        var all = embedding ?? Empty(rows * storedTerms, columns);
        if (embedding is null)
        {
            Read(Module, columns, all);
        }

        var (first, count) = ((long)ids.Low * storedTerms, (long)(ids.High - ids.Low) * storedTerms);
        return Matrix(count < all.shape[0] ? all.narrow(0, first, count).clone() : all, columns, Module, terms);
    }

    private Tensor Empty(long rows, long columns) => _stored is null
        ? empty([rows, columns], source.Dtype, source.Device)
        : empty([rows, GroupedWeights.RowBytes(quantizer!.Type, columns)], ScalarType.Byte, source.Device);

    private void Read(string module, long columns, Tensor destination)
    {
        if (_stored is null)
        {
            source.ReadInto(module + ".weight", destination);
        }
        else
        {
            _stored.ReadCodesInto(module + ".weight", columns, destination);
        }
    }

    /// <summary>Returns the matrix as it was read, or converted. It stays alive after the dispose scope.</summary>
    private WeightMatrix Matrix(Tensor values, long columns, string module, int terms)
    {
        if (_stored is not null)
        {
            GroupedReader.CheckScales(values, quantizer!.Type, _stored.Path, module + ".weight");
        }

        var matrix = quantizer is null ? new WeightMatrix(values)
            : _stored is null ? quantizer.Quantize(values, module, terms)
            : quantizer.Stored(values, columns, terms);
        matrix.Detach();
        return matrix;
    }
}
