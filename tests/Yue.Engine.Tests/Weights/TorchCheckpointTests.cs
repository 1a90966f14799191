using System.IO.Compression;
using Xunit;
using Yue.Engine.Weights;
using Yue.Testing;
using static TorchSharp.torch;
using static Yue.Engine.Tests.Weights.PickleBytes;

namespace Yue.Engine.Tests.Weights;

public sealed class TorchCheckpointTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(null)]
    [InlineData("codec_model")]
    public void A_written_checkpoint_is_read_back(string? rootKey)
    {
        using var matrix = arange(0, 6, ScalarType.Float32).view(2, 3);
        using var counts = tensor(new long[] { 1, -2, long.MaxValue });
        TorchCheckpointWriter.Write(_folder["a.pth"], rootKey, [TensorData.From("m", matrix), TensorData.From("n", counts)]);

        using var checkpoint = TorchCheckpoint.Open(_folder["a.pth"], rootKey);
        using var readMatrix = new CheckpointTensors(checkpoint, ScalarType.Float32).Read("m", 2, 3);
        using var readCounts = new CheckpointTensors(checkpoint, ScalarType.Int64).Read("n", 3);
        ExactAssert.Equal(matrix, readMatrix);
        ExactAssert.Equal(counts, readCounts);
    }

    [Fact]
    public void Archives_are_deterministic_with_aligned_values_and_valid_checksums()
    {
        TensorData[] tensors = [TensorData.From("x", arange(0, 5, ScalarType.Float32)), TensorData.From("y", ones(33, ScalarType.Float32))];
        TorchCheckpointWriter.Write(_folder["a.pth"], null, tensors);
        Directory.CreateDirectory(_folder["again"]);
        TorchCheckpointWriter.Write(_folder["again", "a.pth"], null, tensors);

        var bytes = File.ReadAllBytes(_folder["a.pth"]);
        Assert.Equal(bytes, File.ReadAllBytes(_folder["again", "a.pth"]));
        Assert.Equal(0, bytes.AsSpan().IndexOf(tensors[1].Bytes.Span) % 64);
        using var archive = ZipFile.OpenRead(_folder["a.pth"]);
        Assert.Equal(["a/data.pkl", "a/byteorder", "a/data/0", "a/data/1", "a/version"], archive.Entries.Select(entry => entry.FullName));
        Assert.All(archive.Entries, entry =>
        {
            using var content = entry.Open();
            content.CopyTo(Stream.Null);                // throws if the checksum is wrong
        });
    }

    [Theory]
    [InlineData(new[] { 2, 3 }, new[] { 3, 1 }, 0, "cpu", new float[] { 0, 1, 2, 3, 4, 5 })]
    [InlineData(new[] { 3, 2 }, new[] { 1, 3 }, 0, "cuda:7", new float[] { 0, 3, 1, 4, 2, 5 })]
    [InlineData(new[] { 2, 2 }, new[] { 3, 1 }, 1, "meta", new float[] { 1, 2, 4, 5 })]
    [InlineData(new[] { 2, 2 }, new[] { 1, 1 }, 3, "cpu", new float[] { 3, 4, 4, 5 })]
    [InlineData(new[] { 2, 3 }, new[] { 0, 2 }, 0, "cpu", new float[] { 0, 2, 4, 0, 2, 4 })]
    [InlineData(new[] { 2, 1 }, new[] { 5, 99 }, 0, "cpu", new float[] { 0, 5 })]
    [InlineData(new int[0], new int[0], 5, "cpu", new float[] { 5 })]
    public void A_view_is_read_by_its_strides_and_offset_and_its_device_is_ignored(
        int[] shape, int[] strides, int offset, string device, float[] expected)
    {
        using var checkpoint = Open(DictOf("x", Tensor(shape, strides, offset, device: device)));
        foreach (var chunkBytes in (int[])[CheckpointTensors.DefaultChunkBytes, 12, 4])
        {
            var tensors = new CheckpointTensors(checkpoint, ScalarType.Float32, chunkBytes: chunkBytes);
            using var values = tensors.Read("x", [.. shape.Select(size => (long)size)]);
            Assert.Equal(expected, values.data<float>().ToArray());
        }
    }

    [Fact]
    public void A_parameter_is_read_as_its_tensor_and_other_objects_are_ignored()
    {
        var parameter = Join("ctorch._utils\n_rebuild_parameter\n(", Tensor([6], [1]), "\u0088ccollections\nOrderedDict\n)RtR");
        using var checkpoint = Open(Join("\u0080\u0002}(", Utf8("x"), parameter, Utf8("step"), "K\u0005", Utf8("none"), "Nu."));
        Assert.Equal(["x"], checkpoint.Tensors.Keys);
    }

    [Fact]
    public void Objects_of_foreign_classes_become_stubs_and_nothing_is_called()
    {
        var marker = _folder["called"];
        var call = Join("cposix\nsystem\n(", Utf8($"touch {marker}"), "tR");
        var built = Join("comegaconf.listconfig\nListConfig\n)\u0081}", Utf8("_content"), "]K\u0001asb");
        var dict = Join("ccollections\ndefaultdict\ncbuiltins\nlist\n\u0085R(", Utf8("a"), "K\u0001u");
        using var checkpoint = Open(
            Join("\u0080\u0002}(", Utf8("x"), Tensor([6], [1]), Utf8("call"), call, Utf8("built"), built, Utf8("dict"), dict, "u."));
        Assert.Equal(["x"], checkpoint.Tensors.Keys);
        Assert.False(File.Exists(marker));
    }

    [Fact]
    public void A_file_in_the_legacy_format_that_is_not_a_zip_archive_is_read()
    {
        var path = _folder.Write("old.pth", LegacyFile(values: Floats(0, 1, 2, 3, 4, 5)));
        using var checkpoint = TorchCheckpoint.Open(path, "state");
        using var values = new CheckpointTensors(checkpoint, ScalarType.Float32).Read("x", 2, 2);
        Assert.Equal([1f, 2f, 4f, 5f], values.data<float>().ToArray());

        _folder.Write("old.pth", LegacyFile(values: Floats(0, 1, 2)));
        AssertRefused("storage 0 states 6 values; 6 were expected, and the file has 3 left", () => TorchCheckpoint.Open(path, "state"));
    }

    [Fact]
    public void The_error_about_a_wrong_root_key_lists_the_keys()
    {
        var path = _folder.Write("a.pth", Archive(DictOf("generator", Join("}(", Utf8("x"), Tensor([6], [1]), "u"))));
        AssertRefused(
            "the pickled dict has no dict under the key codec_model; its keys are generator",
            () => TorchCheckpoint.Open(path, "codec_model"));
        AssertRefused("the state dict contains no tensors", () => TorchCheckpoint.Open(path, null));
    }

    [Fact]
    public void A_compressed_entry_is_refused()
    {
        var path = _folder.Write("a.pth", Archive(DictOf("x", Tensor([6], [1])), new byte[24], CompressionLevel.Optimal));
        AssertRefused("is compressed or encrypted (method 8", () => TorchCheckpoint.Open(path, null));
    }

    [Fact]
    public void A_big_endian_file_is_refused()
    {
        var path = _folder.Write("a.pth", Archive(DictOf("x", Tensor([6], [1])), byteOrder: "big"));
        AssertRefused("the byte order is big, expected little", () => TorchCheckpoint.Open(path, null));
    }

    [Fact]
    public void A_truncated_or_foreign_file_is_refused()
    {
        var whole = Archive(DictOf("x", Tensor([6], [1])));
        AssertRefused("the archive's end record is missing", () => TorchCheckpoint.Open(_folder.Write("cut.pth", whole[..^30]), null));
        AssertRefused(
            "the archive's end record is missing", () => TorchCheckpoint.Open(_folder.Write("text.pth", new string('x', 100_000)), null));
        AssertRefused("the file does not exist", () => TorchCheckpoint.Open(_folder["none.pth"], null));
    }

    private Checkpoint Open(byte[] pickle) => TorchCheckpoint.Open(_folder.Write("a.pth", Archive(pickle)), null);

    /// <summary>Returns a file as PyTorch before 1.6 wrote it, with {"state": {"x": a view of storage 0}}.</summary>
    private static byte[] LegacyFile(byte[] values)
    {
        var tensor = Tensor([2, 2], [3, 1], offset: 1);
        return Join(
            "\u0080\u0002\u008A\u000A\u006C\u00FC\u009C\u0046\u00F9\u0020\u006A\u00A8\u0050\u0019.",
            "\u0080\u0002M\u00E9\u0003.",
            DictOf("little_endian", [0x88]),
            DictOf("state", Join("}(", Utf8("x"), tensor, "u")),
            "\u0080\u0002]", Utf8("0"), "a.",
            Int64(6),
            values);
    }

    private static void AssertRefused(string message, Func<object?> action) =>
        Assert.Contains(message, Assert.Throws<CheckpointException>(action).Message, StringComparison.Ordinal);
}
