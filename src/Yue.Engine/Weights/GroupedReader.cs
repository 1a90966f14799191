using System.Runtime.InteropServices;
using Yue.Cuda.Decode;
using Yue.Engine.Tensors;
using static TorchSharp.torch;

namespace Yue.Engine.Weights;

/// <summary>Reads the matrices of a quantized checkpoint as numbers. Instead of <c>NAME.weight</c>, such a checkpoint has
/// <c>NAME.codes</c>, a uint8 tensor whose rows are in the format of <see cref="GroupedWeights"/>.</summary>
internal static class GroupedReader
{
    private const string Weight = ".weight";
    private const string Codes = ".codes";
    private const string Head = "lm_head.weight";
    private const int ChunkValues = 16 << 20;

    /// <summary>Returns the name of a matrix's codes; null for names that do not end with <c>.weight</c>.</summary>
    public static string? CodesOf(string name) =>
        name.EndsWith(Weight, StringComparison.Ordinal) ? string.Concat(name.AsSpan(0, name.Length - Weight.Length), Codes) : null;

    /// <summary>Returns the number of stored rows per row of a matrix.</summary>
    public static int TermsOf(string name) => name == Head ? GroupedWeights.HeadTerms : 1;

    /// <summary>Returns the given number of columns, rounded up to whole groups.</summary>
    public static long PaddedColumns(long columns) =>
        (columns + GroupedWeights.GroupSize - 1) / GroupedWeights.GroupSize * GroupedWeights.GroupSize;

    /// <summary>Throws unless a matrix's codes have the type and shape that its rows and columns require.</summary>
    public static void Check(StoredTensor stored, string name, WeightType type, long rows, long columns)
    {
        long[] expected = [rows * TermsOf(name), GroupedWeights.RowBytes(type, PaddedColumns(columns))];
        if (stored.Dtype != ScalarType.Byte || !stored.Shape.SequenceEqual(expected))
        {
            throw new CheckpointException(
                stored.File,
                $"tensor {CodesOf(name)} has dtype {TensorDtype.SafetensorsName(stored.Dtype)} and shape {Shape.Text([.. stored.Shape])}, "
                    + $"expected U8 and {Shape.Text(expected)}, the {type} rows of a matrix of shape {Shape.Text([rows, columns])}");
        }
    }

    /// <summary>Throws unless the scales of stored rows are at least 0 and less than twice
    /// <see cref="GroupedWeights.MaxMagnitude"/>.</summary>
    /// <param name="codes">[rows, bytes per row], uint8, contiguous.</param>
    /// <param name="type">Int4 or int6.</param>
    /// <param name="file">The file, for the error message.</param>
    /// <param name="name">The name of the matrix, for the error message.</param>
    public static void CheckScales(Tensor codes, WeightType type, string file, string name)
    {
        const byte Max = 0x4e;         // the upper byte of 2^30 in BF16; those of negative and infinite numbers are larger
        using var scope = NewDisposeScope();
        var units = codes.view(-1, GroupedWeights.RowBytes(type, GroupedWeights.UnitSize));
        var scales = units.narrow(1, units.shape[1] - GroupedWeights.ScaleBytesPerUnit, GroupedWeights.ScaleBytesPerUnit);
        if (scales.reshape(-1, sizeof(ushort)).select(1, 1).max().item<byte>() > Max)
        {
            throw new CheckpointException(
                file, $"tensor {CodesOf(name)}: a scale is negative, 2^31 or more, or not a number; the file may be damaged");
        }
    }

    /// <summary>Copies the numbers of a matrix, converting them to the destination's dtype and device.</summary>
    /// <param name="stored">The codes.</param>
    /// <param name="name">The name of the matrix.</param>
    /// <param name="type">Int4 or int6.</param>
    /// <param name="destination">[rows, columns], with any dtype, device and strides.</param>
    public static void Copy(StoredTensor stored, string name, WeightType type, Tensor destination)
    {
        if (destination.shape is not [var rows, var columns])
        {
            throw new CheckpointException(stored.File, $"tensor {CodesOf(name)} is not a matrix of the model");
        }

        Check(stored, name, type, rows, columns);
        var (terms, padded, rowBytes) = (TermsOf(name), (int)PaddedColumns(columns), (int)stored.Shape[1]);
        using var noGradient = no_grad();
        for (long first = 0; first < rows;)
        {
            using var scope = NewDisposeScope();
            var count = Math.Min(rows - first, Math.Max(1, ChunkValues / padded));
            var bytes = new byte[count * terms * rowBytes];
            stored.Source.Read(stored.ByteOffset + (first * terms * rowBytes), bytes);
            CheckScales(tensor(bytes).view(-1, rowBytes), type, stored.File, name);
            var values = empty([count, padded]);
            Unpack(type, bytes, terms, values);
            destination.narrow(0, first, count).copy_(values.narrow(1, 0, columns));
            first += count;
        }
    }

    private static void Unpack(WeightType type, byte[] bytes, int terms, Tensor values)
    {
        var (rows, columns) = ((int)values.shape[0], (int)values.shape[1]);
        var rowBytes = bytes.Length / rows / terms;
        Parallel.For(0, rows, row =>
        {
            var sum = MemoryMarshal.Cast<byte, float>(values.bytes).Slice(row * columns, columns);
            var term = new float[columns];
            sum.Clear();
            for (var i = 0; i < terms; i++)
            {
                GroupedWeights.Unpack(type, bytes.AsSpan(((row * terms) + i) * rowBytes, rowBytes), term);
                System.Numerics.Tensors.TensorPrimitives.Add(sum, term, sum);
            }
        });
    }
}
