using System.Text.Json.Nodes;
using Yue.Cuda.Decode;

namespace Yue.Engine.Weights;

/// <summary>The part of a quantized checkpoint's config.json that states the type of its matrices. Memory is planned with it before
/// anything is loaded.</summary>
internal static class QuantizationConfig
{
    private const string Key = "quantization_config";

    /// <summary>Returns the type of the stored matrices; null if the checkpoint is not quantized.</summary>
    /// <exception cref="CheckpointException">The checkpoint is quantized in another format.</exception>
    public static WeightType? Read(JsonConfig json)
    {
        if (json.Text($"{Key}.quant_method") is null)
        {
            json.ExpectNone(Key);
            return null;
        }

        json.Expect($"{Key}.quant_method", QuantizationRecord.FormatName);
        json.Expect($"{Key}.format_version", QuantizationRecord.Version);
        json.Expect($"{Key}.group_size", GroupedWeights.GroupSize);
        json.Expect($"{Key}.head_terms", GroupedWeights.HeadTerms);
        return json.Positive($"{Key}.bits") switch
        {
            4 => WeightType.Int4,
            6 => WeightType.Int6,
            _ => throw json.Unsupported($"{Key}.bits", "4 or 6"),
        };
    }

    /// <summary>Adds this part to a config. A quantized checkpoint stores its head separately, even if the original shares the head with
    /// the embedding.</summary>
    public static void AddTo(JsonObject config, QuantizationRecord record)
    {
        config["tie_word_embeddings"] = false;
        config[Key] = new JsonObject
        {
            ["quant_method"] = record.Format,
            ["format_version"] = record.FormatVersion,
            ["bits"] = record.Bits,
            ["group_size"] = record.GroupSize,
            ["head_terms"] = record.HeadTerms,
        };
    }
}
