using System.Text;
using Xunit;
using Yue.Engine.Weights;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Weights;

public sealed class SafetensorsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.Float16)]
    [InlineData(ScalarType.BFloat16)]
    [InlineData(ScalarType.Float64)]
    [InlineData(ScalarType.Int64)]
    [InlineData(ScalarType.Int32)]
    [InlineData(ScalarType.Int16)]
    [InlineData(ScalarType.Int8)]
    [InlineData(ScalarType.Byte)]
    [InlineData(ScalarType.Bool)]
    public void Every_dtype_is_read_as_written_and_converted(ScalarType dtype)
    {
        using var written = arange(0, 24).to(dtype).view(2, 3, 4);
        using var scalar = ones([], dtype);
        SafetensorsWriter.Write(
            _folder["a.safetensors"],
            [TensorData.From("x", written), TensorData.From("scalar", scalar), TensorData.From("none", zeros([0, 3], dtype))]);

        using var checkpoint = SafetensorsFile.Open(_folder["a.safetensors"]);
        using var same = new CheckpointTensors(checkpoint, dtype).Read("x", 2, 3, 4);
        using var converted = new CheckpointTensors(checkpoint, ScalarType.Float32).Read("x", 2, 3, 4);
        using var readScalar = new CheckpointTensors(checkpoint, ScalarType.Float32).Read("scalar");
        using var none = new CheckpointTensors(checkpoint, dtype).Read("none", 0, 3);

        Assert.Equal((dtype, dtype), (checkpoint.Tensors["x"].Dtype, same.dtype));
        ExactAssert.Equal(written, same);
        TensorAssert.Close(written.to(ScalarType.Float32), converted, 0);
        Assert.Equal(1f, readScalar.item<float>());
        Assert.Equal([0, 3], none.shape);
    }

    [Fact]
    public void A_bool_byte_that_is_neither_0_nor_1_is_true()
    {
        SafetensorsWriter.Write(_folder["a.safetensors"], [new TensorData("x", ScalarType.Bool, [3], new byte[] { 0, 1, 7 })]);
        using var checkpoint = SafetensorsFile.Open(_folder["a.safetensors"]);
        using var values = new CheckpointTensors(checkpoint, ScalarType.Float32).Read("x", 3);
        Assert.Equal([0f, 1f, 1f], values.data<float>().ToArray());
    }

    [Fact]
    public void Values_are_read_into_a_slice_of_a_larger_tensor()
    {
        SafetensorsWriter.Write(_folder["a.safetensors"], [TensorData.From("gate", arange(0, 6, ScalarType.Float32).view(3, 2))]);
        using var checkpoint = SafetensorsFile.Open(_folder["a.safetensors"]);
        using var both = zeros([3, 2, 2], ScalarType.Float64);
        new CheckpointTensors(checkpoint, ScalarType.Float32).ReadInto("gate", both.select(1, 1));
        Assert.Equal([0, 0, 0, 1, 0, 0, 2, 3, 0, 0, 4, 5], both.data<double>().ToArray());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(16)]
    [InlineData(50)]
    [InlineData(100)]
    [InlineData(1000)]
    public void The_values_do_not_depend_on_how_many_are_read_at_once(int chunkBytes)
    {
        using var written = arange(0, 60, ScalarType.Float32).view(5, 4, 3);
        SafetensorsWriter.Write(_folder["a.safetensors"], [TensorData.From("x", written)]);
        using var checkpoint = SafetensorsFile.Open(_folder["a.safetensors"]);
        var tensors = new CheckpointTensors(checkpoint, ScalarType.Float32, chunkBytes: chunkBytes);
        using var same = tensors.Read("x", 5, 4, 3);
        using var permuted = zeros([3, 5, 4], ScalarType.Float64);
        tensors.ReadInto("x", permuted.permute(1, 2, 0));
        ExactAssert.Equal(written, same);
        ExactAssert.Equal(written, permuted.permute(1, 2, 0));
    }

    [Fact]
    public void A_missing_tensor_and_a_wrong_shape_are_reported()
    {
        SafetensorsWriter.Write(_folder["a.safetensors"], [TensorData.From("x", zeros(2, 3))]);
        using var checkpoint = SafetensorsFile.Open(_folder["a.safetensors"]);
        var tensors = new CheckpointTensors(checkpoint, ScalarType.Float32);
        AssertRefused("a.safetensors: tensor y is missing", () => tensors.Read("y", 2));
        AssertRefused("a.safetensors: tensor x has shape [2, 3], expected [3, 2]", () => tensors.Read("x", 3, 2));
        AssertRefused("a.safetensors: tensor x has shape [2, 3], expected [6]", () => tensors.ReadInto("x", zeros(6)));
    }

    [Theory]
    [InlineData(
        """{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", 4, "tensor x of shape [2] and dtype F32 has 4 bytes, expected 8")]
    [InlineData(
        """{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 4,
        "tensor x ends at byte 8 of the data, but the data in the file ends at byte 4: the file is truncated")]
    [InlineData("""{"x":{"dtype":"F8","shape":[8],"data_offsets":[0,8]}}""", 8, "tensor x has dtype F8, expected one of F32, F16")]
    [InlineData("""{"x":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}}""", 8, "expected fewer values")]
    [InlineData("""{"x":{"dtype":"F64","shape":[4611686018427387904],"data_offsets":[0,8]}}""", 8, "expected fewer values")]
    [InlineData("""{"x":{"dtype":"U8","shape":[-8],"data_offsets":[0,8]}}""", 8, "tensor x has -8 in its shape")]
    [InlineData("""{"x":{"dtype":"U8","shape":[1e99],"data_offsets":[0,8]}}""", 8, "tensor x has 1e99 in its shape")]
    [InlineData("""{"x":{"dtype":"U8","shape":8,"data_offsets":[0,8]}}""", 8, "tensor x has no shape")]
    [InlineData("""{"x":{"dtype":"U8","shape":[8],"data_offsets":[8,0]}}""", 8, "tensor x has data_offsets [8, 0]")]
    [InlineData("""{"x":{"dtype":"U8","shape":[8],"data_offsets":[0]}}""", 8, "tensor x has data_offsets [0]")]
    [InlineData("""{"x":{"dtype":"U8","shape":[8]}}""", 8, "tensor x has no data_offsets")]
    [InlineData("""{"x":{"dtype":7,"shape":[8],"data_offsets":[0,8]}}""", 8, "tensor x has dtype none")]
    [InlineData("""{"x":[]}""", 8, "tensor x is described by [], expected an object")]
    [InlineData(
        """{"x":{"dtype":"U8","shape":[6],"data_offsets":[0,6]},"y":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}""",
        8, "tensor y begins at byte 4 of the data, expected 6: it overlaps")]
    [InlineData(
        """{"x":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}""", 8,
        "tensor x begins at byte 4 of the data, expected 0: there is a gap")]
    [InlineData("""{"x":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}""", 8, "the tensors end at byte 4 of the data, expected 8")]
    [InlineData(
        """{"x":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"x":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}""",
        8, "the header is not valid JSON")]
    [InlineData("""{"\ud800":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}""", 4, "not valid")]
    [InlineData("""["x"]""", 4, "the header is a JSON Array, expected an object")]
    [InlineData("""{"x":""", 4, "the header is not valid JSON")]
    public void An_invalid_header_is_refused(string header, int dataBytes, string message)
    {
        var path = _folder.Write(
            "a.safetensors", [.. PickleBytes.Int64(header.Length), .. Encoding.ASCII.GetBytes(header), .. new byte[dataBytes]]);
        AssertRefused(message, () => SafetensorsFile.Open(path));
    }

    [Theory]
    [InlineData(long.MaxValue)]
    [InlineData(-1)]
    [InlineData(100_000_001)]
    [InlineData(5)]
    public void A_header_longer_than_the_file_is_refused(long length)
    {
        var path = _folder.Write("a.safetensors", [.. PickleBytes.Int64(length), .. "{}  "u8]);
        AssertRefused($"the header's length is {(ulong)length} bytes, expected at most 4", () => SafetensorsFile.Open(path));
    }

    [Fact]
    public void Missing_empty_and_short_files_and_folders_are_refused()
    {
        AssertRefused("the file does not exist", () => SafetensorsFile.Open(_folder["none.safetensors"]));
        AssertRefused("the file is empty", () => SafetensorsFile.Open(_folder.Write("empty.safetensors", "")));
        AssertRefused(
            "the file has 3 bytes, expected at least the 8 bytes", () => SafetensorsFile.Open(_folder.Write("short.safetensors", "abc")));
        AssertRefused("is a folder; a file was expected", () => SafetensorsFile.Open(_folder.Path));
    }

    [Fact]
    public void Deep_nesting_is_refused()
    {
        var header = new string('[', 100_000);
        var path = _folder.Write("a.safetensors", [.. PickleBytes.Int64(header.Length), .. Encoding.ASCII.GetBytes(header)]);
        AssertRefused("the header is not valid JSON", () => SafetensorsFile.Open(path));
    }

    private static void AssertRefused(string message, Func<object?> action) =>
        Assert.Contains(message, Assert.Throws<CheckpointException>(action).Message, StringComparison.Ordinal);

    private static void AssertRefused(string message, Action action) =>
        Assert.Contains(message, Assert.Throws<CheckpointException>(action).Message, StringComparison.Ordinal);
}
