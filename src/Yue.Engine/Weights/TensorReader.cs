using Yue.Cuda;
using Yue.Engine.Tensors;
using static TorchSharp.torch;

namespace Yue.Engine.Weights;

/// <summary>Copies a stored tensor into a tensor in memory, in pieces of bounded size.</summary>
internal static class TensorReader
{
    /// <summary>Copies the values, converting them to the destination's dtype and device.</summary>
    /// <param name="source">The tensor to read.</param>
    /// <param name="destination">A tensor of the same shape, with any dtype, device and strides.</param>
    /// <param name="chunkBytes">The maximum number of bytes to buffer. A destination that needs no conversion is filled in place.</param>
    /// <param name="upload">Copies values to a GPU if they need no conversion; null if there is no GPU.</param>
    public static void Copy(StoredTensor source, Tensor destination, int chunkBytes, DeviceUpload? upload = null)
    {
        if (TensorDtype.CountOf(destination.shape) == 0 || TryUpload(source, destination, upload))
        {
            return;
        }

        using var scope = NewDisposeScope();
        using var noGradient = no_grad();

        // The dimension with the largest stride is the outermost one, so a block of it is a short range of the file.
        var order = Enumerable.Range(0, source.Strides.Length).OrderByDescending(i => source.Strides[i]).ToArray();
        var block = new Block(
            source.Source,
            source.Dtype,
            [.. order.Select(i => source.Shape[i])],
            [.. order.Select(i => source.Strides[i])],
            source.ByteOffset);
        Copy(block, destination.permute([.. order.Select(i => (long)i)]), chunkBytes);
    }

    /// <summary>Copies a tensor directly to the device if it needs no conversion and its rows are contiguous, have at least 512 bytes and
    /// fit into the upload's buffer. Otherwise, returns false.</summary>
    private static bool TryUpload(StoredTensor source, Tensor destination, DeviceUpload? upload)
    {
        const int MinRowBytes = 512;
        if (upload is null || destination.device_type != TorchSharp.DeviceType.CUDA
            || source.Dtype != destination.dtype || source.Shape.Count < 2)
        {
            return false;
        }

        using var row = destination.select(0, 0);
        var rowBytes = row.numel() * TensorDtype.SizeOf(source.Dtype);
        if (rowBytes < MinRowBytes || rowBytes > upload.BufferBytes
            || !source.Strides.AsSpan().SequenceEqual(StoredTensor.RowMajor([.. source.Shape])) || !row.is_contiguous())
        {
            return false;
        }

        var pitch = destination.stride(0) * TensorDtype.SizeOf(source.Dtype);
        upload.Copy(
            destination.AddressOfFirst(), pitch, rowBytes, source.Shape[0],
            (offset, buffer) => source.Source.Read(source.ByteOffset + offset, buffer));
        return true;
    }

    private static void Copy(Block block, Tensor destination, int chunkBytes)
    {
        var extent = block.Extent;
        if (extent * block.ElementBytes <= chunkBytes || block.Sizes.Length == 0)
        {
            CopyAtOnce(block, destination, (int)extent);
            return;
        }

        // If the extent is more than one element, the first stride is above 0, because it is the largest.
        var rowBytes = Math.Max(block.RowExtent, block.Strides[0]) * block.ElementBytes;
        var rowsAtOnce = block.RowExtent * block.ElementBytes > chunkBytes ? 0 : Math.Max(1, chunkBytes / rowBytes);
        for (long row = 0; row < block.Sizes[0]; row += Math.Max(rowsAtOnce, 1))
        {
            using var scope = NewDisposeScope();
            if (rowsAtOnce == 0)
            {
                Copy(block.Row(row), destination.select(0, row), chunkBytes);
            }
            else
            {
                var rows = Math.Min(rowsAtOnce, block.Sizes[0] - row);
                Copy(block.Rows(row, rows), destination.narrow(0, row, rows), chunkBytes);
            }
        }
    }

    private static void CopyAtOnce(Block block, Tensor destination, int extent)
    {
        // A byte of a stored bool may have any value, so it is read as a uint8 and compared with zero.
        var isBool = block.Dtype == ScalarType.Bool;
        if (!isBool && block.HasNoGaps && destination.dtype == block.Dtype
            && destination.device_type == TorchSharp.DeviceType.CPU && destination.is_contiguous())
        {
            block.File.Read(block.ByteOffset, destination.bytes);
            return;
        }

        var staged = empty([extent], isBool ? ScalarType.Byte : block.Dtype);
        block.File.Read(block.ByteOffset, staged.bytes);
        var values = staged.as_strided(block.Sizes, block.Strides);
        destination.copy_(isBool ? values.ne(Scalars.Of(0)) : values);
    }

    /// <summary>A strided range of a file. It has at least one element, and its dimensions are in descending order of stride.</summary>
    private readonly record struct Block(CheckpointFile File, ScalarType Dtype, long[] Sizes, long[] Strides, long ByteOffset)
    {
        public int ElementBytes => TensorDtype.SizeOf(Dtype);

        /// <summary>The number of elements from the first to the last one, including gaps.</summary>
        public long Extent => ExtentFrom(0);

        /// <summary>The extent of one row along dimension 0.</summary>
        public long RowExtent => ExtentFrom(1);

        public bool HasNoGaps => Strides.AsSpan().SequenceEqual(StoredTensor.RowMajor(Sizes));

        public Block Row(long row) =>
            this with { Sizes = Sizes[1..], Strides = Strides[1..], ByteOffset = ByteOffset + (row * Strides[0] * ElementBytes) };

        public Block Rows(long row, long count) =>
            this with { Sizes = [count, .. Sizes[1..]], ByteOffset = ByteOffset + (row * Strides[0] * ElementBytes) };

        private long ExtentFrom(int dimension)
        {
            long extent = 1;
            for (var i = dimension; i < Sizes.Length; i++)
            {
                extent += (Sizes[i] - 1) * Strides[i];
            }

            return extent;
        }
    }
}
