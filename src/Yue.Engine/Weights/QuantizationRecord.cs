using System.Text.Json;
using System.Text.Json.Serialization;
using Yue.Cuda.Decode;

namespace Yue.Engine.Weights;

/// <summary>A file that a quantized checkpoint was made from.</summary>
/// <param name="Name">The file's name in the folder of the source checkpoint or adapter.</param>
/// <param name="Bytes">Its size in bytes.</param>
/// <param name="Sha256">The SHA-256 of its content, in lowercase hex.</param>
public sealed record SourceFile(string Name, long Bytes, string Sha256);

/// <summary>The activations that the rounding of weights was fitted to.</summary>
/// <param name="Songs">The number of songs that the model made for the calibration.</param>
/// <param name="Tokens">The number of positions that were run through the layers.</param>
/// <param name="Seed">The seed of the first song.</param>
public sealed record CalibrationRecord(int Songs, long Tokens, long Seed);

/// <summary>The origin of a quantized checkpoint: JSON in the metadata of its safetensors files.</summary>
public sealed record QuantizationRecord
{
    /// <summary>The key of the record in the metadata of a safetensors file.</summary>
    public const string MetadataKey = "yue_quantization";

    /// <summary>The name of the format that <see cref="GroupedWeights"/> describes.</summary>
    public const string FormatName = "yue-groups";

    /// <summary>The version of the format.</summary>
    public const int Version = 1;

    private const int MaxLength = 1 << 20;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.General)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        AllowDuplicateProperties = false,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    public required string Format { get; init; }

    public required int FormatVersion { get; init; }

    /// <summary>The number of bits per code: 4 or 6.</summary>
    public required int Bits { get; init; }

    /// <summary>The number of weights that share a scale.</summary>
    public required int GroupSize { get; init; }

    /// <summary>The number of stored rows per row of the head.</summary>
    public required int HeadTerms { get; init; }

    /// <summary>The calibration; null if every weight was rounded independently.</summary>
    public CalibrationRecord? Calibration { get; init; }

    public required IReadOnlyList<SourceFile> Sources { get; init; }

    /// <summary>The files of the LoRA adapter that was merged before rounding; empty if there was none.</summary>
    public IReadOnlyList<SourceFile> Lora { get; init; } = [];

    /// <summary>The name and version of the program that made the checkpoint.</summary>
    public required string Program { get; init; }

    /// <summary>The type of the matrices.</summary>
    [JsonIgnore]
    public WeightType Type => Bits == 4 ? WeightType.Int4 : WeightType.Int6;

    /// <summary>Returns the record of a checkpoint; null if it is not quantized.</summary>
    /// <exception cref="CheckpointException">The record is invalid or of an unsupported format.</exception>
    public static QuantizationRecord? Of(Checkpoint checkpoint)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        return checkpoint.Metadata.TryGetValue(MetadataKey, out var text) ? Parse(text, checkpoint.Path) : null;
    }

    /// <summary>Returns the record of a checkpoint folder; null if it is not quantized or cannot be loaded.</summary>
    public static QuantizationRecord? TryRead(string folder)
    {
        try
        {
            using var checkpoint = SafetensorsCheckpoint.Open(folder);
            return Of(checkpoint);
        }
        catch (CheckpointException)
        {
            return null;
        }
    }

    /// <summary>Returns the record as JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, Json);

    internal static QuantizationRecord Parse(string text, string file)
    {
        if (text.Length > MaxLength)
        {
            throw new CheckpointException(file, $"{MetadataKey} has {text.Length} characters, expected at most {MaxLength}");
        }

        try
        {
            var record = JsonSerializer.Deserialize<QuantizationRecord>(text, Json)
                ?? throw new CheckpointException(file, $"{MetadataKey} is null");
            record.Check(file);
            return record;
        }
        catch (JsonException error)
        {
            throw new CheckpointException(file, $"{MetadataKey} is invalid: {error.Message}", error);
        }
    }

    private void Check(string file)
    {
        Require(Format == FormatName, "format", Format, FormatName);
        Require(FormatVersion == Version, "format_version", FormatVersion, Version);
        Require(Bits is 4 or 6, "bits", Bits, "4 or 6");
        Require(GroupSize == GroupedWeights.GroupSize, "group_size", GroupSize, GroupedWeights.GroupSize);
        Require(HeadTerms == GroupedWeights.HeadTerms, "head_terms", HeadTerms, GroupedWeights.HeadTerms);

        void Require(bool holds, string key, object found, object expected)
        {
            if (!holds)
            {
                throw new CheckpointException(file, $"{MetadataKey}: {key} is {found}; supported: {expected}");
            }
        }
    }
}
