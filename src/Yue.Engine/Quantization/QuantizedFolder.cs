using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Yue.Engine.Llama;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Quantization;

/// <summary>The folder of a checkpoint that is being quantized: <c>TARGET.part</c> until it is complete.</summary>
/// <remarks>A file gets its final name only when all its bytes are on the disk, and <c>config.json</c> is written last. Therefore, an
/// interrupted run can always be continued, and its folder cannot be loaded as a checkpoint.</remarks>
internal sealed class QuantizedFolder : IDisposable
{
    private const string Suffix = ".part";
    private const string LockFile = "lock";
    private const string CalibrationFile = "calibration.safetensors";
    private const string ConfigFile = "config.json";
    private const long MaxSmallFileBytes = 64 << 20;

    private readonly string _target;
    private readonly FileStream _lock;

    private QuantizedFolder(string target, FileStream held) => (_target, _lock) = (target, held);

    /// <summary>The folder that the run writes to.</summary>
    public string Path => _target + Suffix;

    /// <summary>True if all files of the folder were removed, because they were made from different sources or with different settings, or
    /// because the record of their run could not be read.</summary>
    public bool StartedOver { get; private set; }

    /// <summary>Returns the size in bytes of the files of a run that is not complete.</summary>
    public static long PartBytesOf(string target) => new DirectoryInfo(target + Suffix) is { Exists: true } part
        ? part.EnumerateFiles().Sum(file => file.Length)
        : 0;

    /// <summary>Returns true if the target is the complete result of the run that a record describes. If this run was interrupted just
    /// before its folder was renamed, renames the folder.</summary>
    public static bool IsComplete(string target, QuantizationRecord record)
    {
        if (RecordOf(target + Suffix) is { } part && IsSame(part, record))
        {
            Rename(target);
        }

        return RecordOf(target) is { } complete && IsSame(complete, record);
    }

    /// <summary>Returns the record of a complete checkpoint; null if the folder does not exist or contains something else.</summary>
    public static QuantizationRecord? RecordOf(string target) =>
        File.Exists(System.IO.Path.Combine(target, ConfigFile)) ? QuantizationRecord.TryRead(target) : null;

    /// <summary>Returns true if a folder is a quantized checkpoint, complete or damaged.</summary>
    public static bool IsQuantized(string folder)
    {
        try
        {
            return LlamaConfig.Load(folder).IsQuantized;
        }
        catch (CheckpointException)
        {
            return false;
        }
    }

    /// <summary>Opens the folder of a run, and removes damaged files. Removes all files if they were made from different sources or with
    /// different settings, or if the record of their run cannot be read.</summary>
    /// <param name="target">The folder of the complete checkpoint.</param>
    /// <param name="record">The record of the run. Its number of calibration tokens may be unknown.</param>
    /// <exception cref="IOException">Another process is quantizing into the folder, or the disk fails.</exception>
    public static QuantizedFolder Open(string target, QuantizationRecord record)
    {
        var part = target + Suffix;
        Directory.CreateDirectory(part);
        FileStream held;
        try
        {
            held = new FileStream(System.IO.Path.Combine(part, LockFile), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw new IOException($"{part} is in use: another process is quantizing into it", e);
        }

        var folder = new QuantizedFolder(target, held);
        if (folder.ReadCalibration() is not { } before || !IsSame(before.Record, record))
        {
            folder.Clear();
        }

        folder.RemoveDamaged();
        return folder;
    }

    /// <summary>Returns true if two records describe the same run, except for the number of calibration tokens.</summary>
    public static bool IsSame(QuantizationRecord one, QuantizationRecord other) => Text(one) == Text(other);

    /// <summary>Returns the record and the sequences of the run; null if none are stored or they cannot be read.</summary>
    public (QuantizationRecord Record, IReadOnlyList<int[]> Sequences)? ReadCalibration()
    {
        var path = System.IO.Path.Combine(Path, CalibrationFile);
        if (!File.Exists(path))
        {
            return null;
        }

        try
        {
            using var file = SafetensorsFile.Open(path);
            var tensors = new CheckpointTensors(file, ScalarType.Int32);
            return QuantizationRecord.Of(file) is { } record ? (record, [.. Sequences(tensors)]) : null;
        }
        catch (CheckpointException)
        {
            return null;        // damaged, or written by an older version
        }
    }

    /// <summary>Stores the sequences of the run.</summary>
    public void WriteCalibration(QuantizationRecord record, IReadOnlyList<int[]> sequences)
    {
        TensorBytes Stored(string name, int[] values) =>
            new(name, ScalarType.Int32, [values.Length], MemoryMarshal.AsBytes(values.AsSpan()).ToArray());
        Write(
            CalibrationFile,
            record,
            Stored("lengths", [.. sequences.Select(ids => ids.Length)]),
            Stored("ids", [.. sequences.SelectMany(ids => ids)]));
    }

    /// <summary>Returns true if a file of the run is complete.</summary>
    public bool Has(string name) => File.Exists(System.IO.Path.Combine(Path, name));

    /// <summary>Opens a complete file.</summary>
    public Checkpoint Open(string name) => SafetensorsFile.Open(System.IO.Path.Combine(Path, name));

    /// <summary>Writes a file with the run's record.</summary>
    public void Write(string name, QuantizationRecord record, params IReadOnlyList<TensorBytes> tensors) => ShardWriter.Write(
        System.IO.Path.Combine(Path, name),
        tensors,
        new Dictionary<string, string> { ["format"] = "pt", [QuantizationRecord.MetadataKey] = record.ToJson() });

    /// <summary>Adds the source's small files, the index, and the config, and gives the folder its final name.</summary>
    /// <param name="source">The folder of the original checkpoint.</param>
    /// <param name="shards">The names of the shards.</param>
    /// <param name="record">The record of the run.</param>
    public void Complete(string source, IReadOnlyList<string> shards, QuantizationRecord record)
    {
        foreach (var file in new DirectoryInfo(source).EnumerateFiles().Where(IsCopied))
        {
            file.CopyTo(System.IO.Path.Combine(Path, file.Name), overwrite: true);
        }

        WriteText(SafetensorsCheckpoint.IndexFile, IndexOf(shards));
        var config = JsonNode.Parse(File.ReadAllText(System.IO.Path.Combine(source, ConfigFile)))!.AsObject();
        QuantizationConfig.AddTo(config, record);
        File.Delete(System.IO.Path.Combine(Path, CalibrationFile));
        _lock.Dispose();
        File.Delete(System.IO.Path.Combine(Path, LockFile));
        WriteText(ConfigFile, config);
        Rename(_target);
    }

    public void Dispose() => _lock.Dispose();

    private static void Rename(string target)
    {
        if (Directory.Exists(target))
        {
            Directory.Delete(target, recursive: true);
        }

        Directory.Move(target + Suffix, target);
    }

    private static string Text(QuantizationRecord record) => (record with
    {
        Calibration = record.Calibration is { } calibration ? calibration with { Tokens = 0 } : null,
    }).ToJson();

    private static IEnumerable<int[]> Sequences(CheckpointTensors file)
    {
        using var lengths = file.Read("lengths", file.ShapeOf("lengths"));
        using var ids = file.Read("ids", file.ShapeOf("ids"));
        var (counts, values) = (lengths.data<int>().ToArray(), ids.data<int>().ToArray());
        var first = 0;
        foreach (var count in counts)
        {
            yield return values[first..(first + count)];
            first += count;
        }
    }

    private static bool IsCopied(FileInfo file) =>
        file.Length <= MaxSmallFileBytes
        && file.Extension != ".safetensors"
        && !file.Name.StartsWith('.')
        && file.Name is not (ConfigFile or SafetensorsCheckpoint.IndexFile or WeightsManifest.FileName);

    private JsonObject IndexOf(IReadOnlyList<string> shards)
    {
        var map = new JsonObject();
        long size = 0;
        foreach (var shard in shards)
        {
            using var file = Open(shard);
            foreach (var (name, tensor) in file.Tensors)
            {
                map[name] = shard;
                size += TensorDtype.SizeOf(tensor.Dtype) * tensor.Shape.Aggregate(1L, (product, count) => product * count);
            }
        }

        return new JsonObject { ["metadata"] = new JsonObject { ["total_size"] = size }, ["weight_map"] = map };
    }

    private void WriteText(string name, JsonObject json)
    {
        var path = System.IO.Path.Combine(Path, name);
        using (var file = new FileStream(path + ".new", FileMode.Create, FileAccess.Write, FileShare.None))
        {
            JsonSerializer.Serialize(file, json, JsonSerializerOptions.Default);
            file.Flush(flushToDisk: true);
        }

        File.Move(path + ".new", path, overwrite: true);
    }

    /// <summary>Removes shards that a faulty disk or an incomplete copy has truncated, so that they are written again.</summary>
    private void RemoveDamaged()
    {
        foreach (var file in Directory.GetFiles(Path, "*.safetensors"))
        {
            try
            {
                SafetensorsFile.Open(file).Dispose();
            }
            catch (CheckpointException)
            {
                File.Delete(file);
            }
        }
    }

    private void Clear()
    {
        foreach (var file in Directory.GetFiles(Path).Where(file => System.IO.Path.GetFileName(file) != LockFile))
        {
            StartedOver = true;
            File.Delete(file);
        }
    }
}
