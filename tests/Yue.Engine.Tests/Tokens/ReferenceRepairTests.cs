using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using Xunit;
using Yue.Testing;

namespace Yue.Engine.Tests.Tokens;

public sealed class ReferenceRepairTests
{
    [Fact]
    [Trait("Category", Goldens.Category)]
    public void Repaired_rows_equal_the_reference()
    {
        var file = File.ReadAllBytes(Goldens.PathOf("stage2", "expected.safetensors"));
        var headerLength = (int)BinaryPrimitives.ReadInt64LittleEndian(file);
        using var header = JsonDocument.Parse(file.AsMemory(8, headerLength));
        var raws = header.RootElement.EnumerateObject()
            .Where(entry => entry.Name.EndsWith(".raw_codes", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(raws);
        foreach (var raw in raws)
        {
            var codes = header.RootElement.GetProperty(raw.Name.Replace(".raw_codes", ".codes", StringComparison.Ordinal));
            var (rawValues, expected) = (Values(raw.Value), Values(codes));
            var T = raw.Value.GetProperty("shape")[1].GetInt32();
            for (var start = 0; start < rawValues.Length; start += T)
            {
                ReferenceRepair.Apply(rawValues.AsSpan(start, T));
            }

            Assert.Equal(expected, rawValues);
        }

        int[] Values(JsonElement tensor)
        {
            Assert.Equal("I32", tensor.GetProperty("dtype").GetString());
            var offsets = tensor.GetProperty("data_offsets");
            return MemoryMarshal.Cast<byte, int>(
                file.AsSpan()[(8 + headerLength + offsets[0].GetInt32())..(8 + headerLength + offsets[1].GetInt32())]).ToArray();
        }
    }

    [Theory]
    [InlineData(new[] { 5, -1, 7, 7, 2000 }, new[] { 5, 7, 7, 7, 7 }, 2)]
    [InlineData(new[] { 3, 4, 4, 3, -9 }, new[] { 3, 4, 4, 3, 3 }, 1)]
    [InlineData(new[] { 1, 2, 3 }, new[] { 1, 2, 3 }, 0)]
    [InlineData(new int[0], new int[0], 0)]
    public void Invalid_values_become_the_first_of_the_most_frequent_values(int[] row, int[] expected, int replaced)
    {
        Assert.Equal(replaced, ReferenceRepair.Apply(row));
        Assert.Equal(expected, row);
    }
}
