using Xunit;
using Yue.Engine.Weights;
using Yue.Testing;
using static Yue.Engine.Tests.Weights.PickleBytes;

namespace Yue.Engine.Tests.Weights;

public sealed class HostilePickleTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(new[] { 7 }, new[] { 1 }, 0, 6)]
    [InlineData(new[] { 6 }, new[] { 1 }, 1, 6)]
    [InlineData(new[] { 6 }, new[] { 1 }, -1, 6)]
    [InlineData(new[] { -1 }, new[] { 1 }, 0, 6)]
    [InlineData(new[] { 2 }, new[] { -1 }, 5, 6)]
    [InlineData(new[] { 2, 2 }, new[] { 1 }, 0, 6)]
    [InlineData(new[] { int.MaxValue, int.MaxValue, int.MaxValue }, new[] { 0, 0, 0 }, 0, 6)]
    [InlineData(new[] { 20_000_000 }, new[] { 0 }, 0, 6)]
    [InlineData(new[] { 2, int.MaxValue }, new[] { int.MaxValue, int.MaxValue }, 0, 6)]
    public void A_view_outside_its_storage_is_refused(int[] shape, int[] strides, int offset, int storageCount) =>
        AssertRefused("tensor x of shape", DictOf("x", Tensor(shape, strides, offset, storageCount)));

    [Fact]
    public void A_storage_whose_size_or_class_does_not_match_its_entry_is_refused()
    {
        AssertRefused("tensor x has 24 bytes in storage 0, expected 7 values of 4 bytes", DictOf("x", Tensor([6], [1], storageCount: 7)));
        AssertRefused(
            "tensor x has 24 bytes in storage 0, expected 6 values of 8 bytes", DictOf("x", Tensor([6], [1], storage: "DoubleStorage")));
        AssertRefused(
            "tensor x has storage class torch.ComplexFloatStorage", DictOf("x", Tensor([6], [1], storage: "ComplexFloatStorage")));
        AssertRefused("the archive has no entry model/data/1", DictOf("x", Replace(Tensor([6], [1]), Utf8("0"), Utf8("1"))));
        AssertRefused(
            "the archive has no entry model/data/../../secret", DictOf("x", Replace(Tensor([6], [1]), Utf8("0"), Utf8("../../secret"))));
    }

    [Fact]
    public void A_duplicate_name_and_a_tensor_of_an_unsupported_kind_are_refused()
    {
        var tensor = Tensor([6], [1]);
        AssertRefused("tensor x is in the state dict twice", Join("}(", Utf8("x"), tensor, Utf8("x"), tensor, "u."));
        AssertRefused(
            "tensor x is stored through torch._utils._rebuild_sparse_tensor",
            DictOf("x", Join("ctorch._utils\n_rebuild_sparse_tensor\n)R")));
        AssertRefused("the state dict has a key that is not a string", Join("}(K\u0001", tensor, "u."));
        AssertRefused("the pickled object is not a dict", Join("]."));
    }

    [Theory]
    [InlineData("\u0080\u0006}.", "protocol 6 is not supported")]
    [InlineData("\u00FF.", "opcode 0xFF is unknown or not supported")]
    [InlineData("\u0082\u0001.", "opcode 0x82 is unknown or not supported")]
    [InlineData("}", "an opcode or a byte exceeds the rest of the pickle (bytes: 1, remaining: 0)")]
    [InlineData(".", "a value is read from an empty stack")]
    [InlineData("u.", "a mark is missing")]
    [InlineData("}(K\u0001u.", "a dict has a key without a value")]
    [InlineData("K\u0001(K\u0001K\u0001u.", "a value that is not a collection is given an item")]
    [InlineData("K\u0001K\u0001a.", "a value that is not a collection is appended to")]
    [InlineData("h\u0005.", "memo entry 5 is used before it is set")]
    [InlineData("}r\u00FF\u00FF\u00FF\u00FF.", "memo entry -1 is outside")]
    [InlineData("X\u00FF\u00FF\u00FF\u007F.", "a string exceeds the rest of the pickle (bytes: 2147483647, ")]
    [InlineData("X\u00FF\u00FF\u00FF\u00FF.", "a length of 4294967295 bytes exceeds")]
    [InlineData("\u008D\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF.", "a length of 18446744073709551615 bytes exceeds")]
    [InlineData("B\u00FF\u00FF\u00FF\u007F.", "a byte string exceeds the rest of the pickle (bytes: 2147483647, ")]
    [InlineData("\u008B\u00FF\u00FF\u00FF\u007F.", "an integer exceeds the rest of the pickle (bytes: 2147483647, ")]
    [InlineData("X\u0001\u0000\u0000\u0000\u00FF.", "a string is not valid UTF-8")]
    [InlineData("cno line end", "a text line does not end")]
    [InlineData("K\u0001)R.", "the called object is not a class or function")]
    [InlineData("cm\nn\nK\u0001R.", "a call's arguments are not a tuple")]
    [InlineData("K\u0001Q.", "a persistent id is not of the form")]
    [InlineData("ctorch._utils\n_rebuild_tensor_v2\n)R.", "a tensor's arguments are not")]
    [InlineData("ctorch._utils\n_rebuild_parameter\n)R.", "a parameter is not a tensor")]
    [InlineData("K\u0001K\u0001\u0093.", "an imported name is not a string")]
    [InlineData("ccollections\nOrderedDict\n]K\u0001a\u0085R.", "an OrderedDict's item is not a pair")]
    [InlineData("pnine\n.", "a memo key is not a number")]
    [InlineData("Fnine\n.", "a float is not a number")]
    public void An_invalid_pickle_is_refused(string pickle, string message) => AssertRefused(message, Join(pickle));

    [Fact]
    public void A_pickle_that_creates_too_many_values_is_refused()
    {
        AssertRefused("values are on the stack", Join(new string('N', (1 << 20) + 1), "."));
        AssertRefused("collections are nested", Join(new string('(', 100_000), "."));
        AssertRefused("memo entry 2097152 is outside", Join("N", new string('\u0094', (1 << 21) + 1), "."));
        AssertRefused("creates more than 4194304 values", Join(string.Concat(Enumerable.Repeat("]0", (1 << 21) + 1)), "."));
        AssertRefused("model/data.pkl has 16777217 bytes, expected at most 16777216", new byte[(16 << 20) + 1]);

        // A list of 1,000 pairs, converted to an OrderedDict 10,000 times.
        var pairs = Join("](", string.Concat(Enumerable.Repeat("K\u0001K\u0001\u0086", 1000)), "eq\u0000");
        var copies = string.Concat(Enumerable.Repeat("ccollections\nOrderedDict\nh\u0000\u0085R0", 10_000));
        AssertRefused("creates more than 4194304 values", Join(pairs, copies, "."));
    }

    [Fact]
    public void Deep_nesting_and_a_list_that_contains_itself_are_harmless()
    {
        var deep = string.Concat(Enumerable.Repeat("]", 500_000)) + new string('a', 499_999);
        using var nested = Open(Join("}(", Utf8("deep"), deep, Utf8("self"), "]q\u0000h\u0000a", Utf8("x"), Tensor([6], [1]), "u."));
        Assert.Equal(["x"], nested.Tensors.Keys);
    }

    private Checkpoint Open(byte[] pickle) => TorchCheckpoint.Open(_folder.Write("a.pth", Archive(pickle)), null);

    private void AssertRefused(string message, byte[] pickle)
    {
        var error = Assert.Throws<CheckpointException>(() => Open(pickle));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Equal(_folder["a.pth"], error.File);
    }

    private static byte[] Replace(byte[] bytes, byte[] part, byte[] replacement)
    {
        var at = bytes.AsSpan().IndexOf(part);
        Assert.True(at >= 0);
        return [.. bytes[..at], .. replacement, .. bytes[(at + part.Length)..]];
    }
}
