using Xunit;

namespace Yue.Cuda.Tests;

[Collection(Gpu.Name)]
[Trait("Category", Gpu.Name)]
public sealed class DeviceUploadTests(Gpu gpu)
{
    private const int RowBytes = 48;
    private const int Rows = 1001;

    [Theory]
    [InlineData(RowBytes)]
    [InlineData(80)]
    public void Rows_are_copied_and_nothing_between_them_is_touched(int pitch)
    {
        using var upload = new DeviceUpload(gpu.Require(), bufferBytes: 1024);
        using var stream = CudaStream.Create();
        using var memory = DeviceMemory.Allocate(Rows * pitch);
        memory.Fill(0xee, stream);
        stream.Synchronize();

        upload.Copy(memory.Address, pitch, RowBytes, Rows, Read);

        var bytes = CudaCopy.ToHost<byte>(memory.Address, Rows * pitch, stream);
        for (var at = 0; at < bytes.Length; at++)
        {
            var (row, column) = Math.DivRem(at, pitch);
            Assert.Equal(column < RowBytes ? ByteAt(((long)row * RowBytes) + column) : 0xee, bytes[at]);
        }
    }

    [Fact]
    public void An_exception_from_a_read_is_rethrown_and_the_next_copy_works()
    {
        using var upload = new DeviceUpload(gpu.Require(), bufferBytes: 1024);
        using var stream = CudaStream.Create();
        using var memory = DeviceMemory.Allocate(Rows * RowBytes);

        var error = Assert.Throws<InvalidDataException>(() => upload.Copy(memory.Address, RowBytes, RowBytes, Rows, (offset, buffer) =>
        {
            if (offset > Rows * RowBytes / 2)
            {
                throw new InvalidDataException("the file was shortened");
            }

            Read(offset, buffer);
        }));
        Assert.Equal("the file was shortened", error.Message);

        upload.Copy(memory.Address, RowBytes, RowBytes, Rows, Read);
        var bytes = CudaCopy.ToHost<byte>(memory.Address, Rows * RowBytes, stream);
        Assert.All(Enumerable.Range(0, bytes.Length), at => Assert.Equal(ByteAt(at), bytes[at]));
    }

    private static void Read(long offset, Span<byte> buffer)
    {
        for (var i = 0; i < buffer.Length; i++)
        {
            buffer[i] = ByteAt(offset + i);
        }
    }

    private static byte ByteAt(long offset) => (byte)(offset * 31 % 251);
}
