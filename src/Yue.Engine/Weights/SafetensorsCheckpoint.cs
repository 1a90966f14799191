using System.Text.Json;

namespace Yue.Engine.Weights;

/// <summary>Opens a Hugging Face checkpoint folder.</summary>
public static class SafetensorsCheckpoint
{
    /// <summary>The file name of a checkpoint that is a single file.</summary>
    public const string SingleFile = "model.safetensors";

    /// <summary>The name of the file that maps tensors to shards.</summary>
    public const string IndexFile = "model.safetensors.index.json";

    private const int MaxIndexBytes = 64 << 20;

    /// <summary>Opens <c>model.safetensors</c>, or the shards that <c>model.safetensors.index.json</c> lists.</summary>
    /// <remarks>Throws <see cref="CheckpointException"/> if a file is missing or invalid, or if a tensor is not in the shard that the index
    /// names.</remarks>
    public static Checkpoint Open(string folder)
    {
        var single = Path.Combine(folder, SingleFile);
        if (File.Exists(single))
        {
            return SafetensorsFile.Open(single);
        }

        var index = Path.Combine(folder, IndexFile);
        if (!File.Exists(index))
        {
            throw new CheckpointException(folder, $"the folder has neither {SingleFile} nor {IndexFile}");
        }

        return OpenShards(folder, index, ReadWeightMap(index));
    }

    private static Checkpoint OpenShards(string folder, string index, Dictionary<string, string> weightMap)
    {
        var shards = new Dictionary<string, Checkpoint>(StringComparer.Ordinal);
        try
        {
            var tensors = new Dictionary<string, StoredTensor>(StringComparer.Ordinal);
            foreach (var (tensor, shardName) in weightMap)
            {
                if (!shards.TryGetValue(shardName, out var shard))
                {
                    shards[shardName] = shard = OpenShard(folder, index, shardName);
                }

                tensors[tensor] = shard.Tensors.TryGetValue(tensor, out var stored)
                    ? stored
                    : throw new CheckpointException(
                        shard.Path, $"tensor {tensor} is missing, but {IndexFile} says that it is in this file");
            }

            return new Checkpoint(folder, tensors, [.. shards.Values]) { Metadata = CommonMetadata([.. shards.Values]) };
        }
        catch
        {
            foreach (var shard in shards.Values)
            {
                shard.Dispose();
            }

            throw;
        }
    }

    private static Dictionary<string, string> CommonMetadata(Checkpoint[] shards) => shards is []
        ? []
        : shards[0].Metadata.Where(pair => shards.All(shard => shard.Metadata.Contains(pair))).ToDictionary(StringComparer.Ordinal);

    private static Checkpoint OpenShard(string folder, string index, string name)
    {
        var path = Path.Combine(folder, name);
        return File.Exists(path)
            ? SafetensorsFile.Open(path)
            : throw new CheckpointException(index, $"weight_map names the shard {name}, which is not in the folder");
    }

    private static Dictionary<string, string> ReadWeightMap(string index)
    {
        using var json = JsonText.ReadObject(index, MaxIndexBytes, "the index");
        if (!json.RootElement.TryGetProperty("weight_map", out var map) || map.ValueKind != JsonValueKind.Object)
        {
            throw new CheckpointException(index, "weight_map is missing, expected an object that maps tensor names to file names");
        }

        var weightMap = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var property in map.EnumerateObject())
        {
            var tensor = JsonText.NameOf(index, property);
            var shard = JsonText.StringOf(property.Value);
            if (!IsPlainFileName(shard))
            {
                throw new CheckpointException(
                    index, $"tensor {tensor} is in {JsonText.Excerpt(property.Value)}, "
                        + "expected the name of a .safetensors file in the same folder");
            }

            weightMap.Add(tensor, shard!);
        }

        return weightMap;
    }

    private static bool IsPlainFileName(string? name) =>
        name is not null && name.EndsWith(".safetensors", StringComparison.Ordinal) && name.AsSpan().IndexOfAny("/\\:\0") < 0;
}
