using Xunit;
using Yue.Engine.Tests.Weights;
using Yue.Engine.Weights;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Quantization;

/// <summary>Tests the quantization of the demo model with a LoRA adapter merged into stage 1.</summary>
public sealed class QuantizedLoraTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string _adapter;

    public QuantizedLoraTests() => _adapter = Directory.CreateDirectory(_folder["adapter"]).FullName;

    public void Dispose() => _folder.Dispose();

    /// <remarks>The calibration songs are also made with the adapter. Stage 2 is already complete in the second run.</remarks>
    [Fact]
    public void Merging_an_adapter_during_quantization_equals_merging_it_beforehand()
    {
        TestAdapter.Write(_adapter, "\"lora_alpha\":64", TestAdapter.Query, TestAdapter.Down);
        var adapted = QuantizedDemo.Options(_folder["out"], bits: 6, songs: 1) with { Lora = _adapter };
        var merged = adapted with
        {
            Stage1 = new(TestAdapter.WriteMerged(_adapter, _folder["merged"]), _folder["out", "merged"]),
            Lora = null,
        };
        QuantizedDemo.Run(adapted);
        QuantizedDemo.Run(merged);
        using var found = SafetensorsCheckpoint.Open(adapted.Stage1.Target);
        using var expected = SafetensorsCheckpoint.Open(merged.Stage1.Target);
        Assert.Equal(expected.Tensors.Keys.Order(), found.Tensors.Keys.Order());
        Assert.All(expected.Tensors, tensor => Assert.Equal(BytesOf(tensor.Value), BytesOf(found.Tensors[tensor.Key])));

        var (record, other) = (QuantizationRecord.Of(found)!, QuantizationRecord.Of(expected)!);
        Assert.Equal(["adapter_config.json", "adapter_model.safetensors"], record.Lora.Select(file => file.Name));
        Assert.Equal((0, record.Calibration), (other.Lora.Count, other.Calibration));
    }

    [Fact]
    public void An_adapter_that_does_not_fit_is_refused_before_anything_is_written()
    {
        using var scope = NewDisposeScope();
        TestAdapter.Write(_adapter, "\"lora_alpha\":8", TestAdapter.Query);
        TestAdapter.WriteTensors(
            _adapter,
            (TestAdapter.Query + ".lora_A", zeros(TestAdapter.Rank, 8)),
            (TestAdapter.Query + ".lora_B", zeros(8, TestAdapter.Rank)));
        AssertRefused($"{_adapter}: the adapter changes {TestAdapter.Query}.weight of shape [8, 8]");
        TestAdapter.Write(_adapter, "\"lora_alpha\":8", "model.embed_tokens");
        AssertRefused($"{_adapter}: the adapter changes model.embed_tokens.weight, which the model does not use as a matrix");
        File.Delete(Path.Combine(_adapter, "adapter_config.json"));
        AssertRefused(Path.Combine(_adapter, "adapter_config.json"));
    }

    private void AssertRefused(string says)
    {
        var options = QuantizedDemo.Options(_folder["out"], bits: 4, songs: 1) with { Lora = _adapter };
        Assert.Contains(says, Assert.Throws<CheckpointException>(() => QuantizedDemo.Run(options)).Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["out"]));
    }

    private static byte[] BytesOf(StoredTensor tensor)
    {
        using var values = empty([.. tensor.Shape], tensor.Dtype);
        TensorReader.Copy(tensor, values, CheckpointTensors.DefaultChunkBytes);
        return values.bytes.ToArray();
    }
}
