using Xunit;
using Yue.Engine.Weights;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Weights;

public sealed class ShardTests : IDisposable
{
    private const string First = "model-00001-of-00002.safetensors";
    private const string Second = "model-00002-of-00002.safetensors";

    private readonly TemporaryFolder _folder = new();

    public ShardTests() => SafetensorsWriter.WriteShards(_folder.Path, [[TensorData.From("x", ones(2))], [TensorData.From("y", zeros(3))]]);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Shards_form_one_checkpoint()
    {
        using var checkpoint = SafetensorsCheckpoint.Open(_folder.Path);
        using var y = new CheckpointTensors(checkpoint, ScalarType.Float32).Read("y", 3);
        Assert.Equal(["x", "y"], checkpoint.Tensors.Keys.Order());
        Assert.Equal(_folder[Second], checkpoint.Tensors["y"].File);
        Assert.Equal([0f, 0f, 0f], y.data<float>().ToArray());
    }

    [Fact]
    public void A_folder_without_weights_is_refused_with_the_missing_names()
    {
        File.Delete(_folder["model.safetensors.index.json"]);
        AssertRefused("the folder has neither model.safetensors nor model.safetensors.index.json");
    }

    [Fact]
    public void A_missing_shard_is_reported()
    {
        File.Delete(_folder[Second]);
        AssertRefused($"weight_map names the shard {Second}, which is not in the folder");
    }

    [Fact]
    public void A_truncated_shard_is_reported()
    {
        using (var shard = File.OpenWrite(_folder[Second]))
        {
            shard.SetLength(shard.Length - 4);
        }

        AssertRefused($"{Second}: tensor y ends at byte 12 of the data, but the data in the file ends at byte 8: the file is truncated");
    }

    [Fact]
    public void Swapped_shards_are_detected()
    {
        File.Move(_folder[First], _folder["kept"]);
        File.Move(_folder[Second], _folder[First]);
        File.Move(_folder["kept"], _folder[Second]);
        AssertRefused($"{First}: tensor x is missing, but model.safetensors.index.json says that it is in this file");
    }

    [Theory]
    [InlineData("\"../other.safetensors\"")]
    [InlineData("\"/etc/passwd\"")]
    [InlineData("\"sub/model.safetensors\"")]
    [InlineData("\"..\\\\other.safetensors\"")]
    [InlineData("\"..\"")]
    [InlineData("7")]
    [InlineData("null")]
    public void A_shard_outside_the_folder_is_refused(string name)
    {
        _folder.Write("model.safetensors.index.json", "{\"weight_map\":{\"x\":" + name + "}}");
        AssertRefused($"tensor x is in {name}, expected the name of a .safetensors file in the same folder");
    }

    [Theory]
    [InlineData("{}", "weight_map is missing")]
    [InlineData("""{"weight_map":[]}""", "weight_map is missing")]
    [InlineData("""{"weight_map":{"x":"a.safetensors","x":"b.safetensors"}}""", "the index is not valid JSON")]
    [InlineData("{", "the index is not valid JSON")]
    public void An_invalid_index_is_refused(string json, string message)
    {
        _folder.Write("model.safetensors.index.json", json);
        AssertRefused(message);
    }

    private void AssertRefused(string message) =>
        Assert.Contains(
            message, Assert.Throws<CheckpointException>(() => SafetensorsCheckpoint.Open(_folder.Path)).Message, StringComparison.Ordinal);
}
