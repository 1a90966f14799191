using System.Security.Cryptography;
using TorchSharp;
using Yue.Cuda.Decode;
using Yue.Engine.Families.Yue1.Text;
using Yue.Engine.Llama;
using Yue.Engine.Quantization;
using Yue.Engine.Residency;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Families.Yue1.Calibration;

/// <summary>A checkpoint to quantize.</summary>
/// <param name="Source">The folder of the original.</param>
/// <param name="Target">The folder of the result.</param>
public sealed record QuantizationFolders(string Source, string Target);

/// <summary>The checkpoints to quantize, the bits, and the calibration.</summary>
public sealed record Yue1QuantizationOptions
{
    public required QuantizationFolders Stage1 { get; init; }

    public required QuantizationFolders Stage2 { get; init; }

    /// <summary>True for the built-in demo model, which supports only lyrics in Latin letters.</summary>
    public bool IsDemo { get; init; }

    /// <summary>The number of bits per code: 4 or 6.</summary>
    public required int Bits { get; init; }

    /// <summary>The number of songs to calibrate with; 0 rounds each weight on its own.</summary>
    public required int Songs { get; init; }

    /// <summary>The seed of the first song.</summary>
    public required long Seed { get; init; }

    /// <summary>The folder of a LoRA adapter to merge into stage 1; null for none.</summary>
    public string? Lora { get; init; }

    /// <summary><c>auto</c>, <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</summary>
    public required string Device { get; init; }

    /// <summary>The folder for compiled kernels.</summary>
    public required string CacheFolder { get; init; }

    /// <summary>The program and its version, which are stored in the record of the result.</summary>
    public required string Program { get; init; }
}

/// <summary>Quantizes both language models of YuE 1. They sing the songs for their own calibration.</summary>
public sealed class Yue1Quantization
{
    private const double ReadingShare = 0.05;
    private const double SingingShare = 0.3;
    private const double Stage1Share = 0.5;

    private readonly Yue1QuantizationOptions _options;
    private readonly Action<string, double> _report;
    private readonly Action<string> _say;
    private readonly Action<long> _begin;
    private readonly CancellationToken _cancel;
    private double _before;     // the fraction of all work that an earlier run did or that is not needed

    /// <summary>Creates a run.</summary>
    /// <param name="options">The checkpoints, the bits and the calibration.</param>
    /// <param name="report">Called with the step and the finished fraction of this run's work, excluding the work of earlier runs.</param>
    /// <param name="say">Called with messages about the device and existing files.</param>
    /// <param name="begin">Called with the number of bytes to write, before anything is written. It throws if there is no room.</param>
    /// <param name="cancel">Stops the run, which can be continued later.</param>
    public Yue1Quantization(
        Yue1QuantizationOptions options,
        Action<string, double> report,
        Action<string> say,
        Action<long> begin,
        CancellationToken cancel)
    {
        (_options, _report, _say, _begin, _cancel) = (options, report, say, begin, cancel);
    }

    /// <summary>Quantizes each checkpoint whose result is not complete.</summary>
    /// <exception cref="CheckpointException">A checkpoint or the adapter is missing, invalid or already quantized.</exception>
    /// <exception cref="IOException">A target folder contains something other than a quantized checkpoint, or the disk fails.</exception>
    public void Run()
    {
        Report("reading the checkpoints", 0);
        CheckDevice();
        CheckAdapter();
        var (missing1, missing2) = (Missing(_options.Stage1, _options.Lora), Missing(_options.Stage2, adapter: null));
        if (missing1 is null && missing2 is null)
        {
            return;
        }

        _begin((missing1?.BytesLeft ?? 0) + (missing2?.BytesLeft ?? 0));
        using var stage1 = Open(missing1);
        using var stage2 = Open(missing2);
        using var device = new CalibrationDevice(_options.Device, _options.CacheFolder);
        var sings = _options.Songs > 0 && new[] { stage1, stage2 }.Any(job => job?.HasCalibration() == false);
        _before = (sings ? 0 : SingingShare)
            + (Stage1Share * (stage1?.FinishedShare ?? 1))
            + ((1 - SingingShare - Stage1Share) * (stage2?.FinishedShare ?? 1));
        if (sings)
        {
            Sing(device, stage1, stage2);
        }

        Quantize(stage1, "stage 1", device, _options.Lora, SingingShare, SingingShare + Stage1Share);
        Quantize(stage2, "stage 2", device, adapter: null, SingingShare + Stage1Share, 1);
    }

    private static LlamaConfig ConfigOf(QuantizationFolders folders)
    {
        var config = LlamaConfig.Load(folders.Source);
        return config.IsQuantized
            ? throw new CheckpointException(folders.Source, "the checkpoint is already quantized; name the original")
            : config;
    }

    /// <summary>Throws unless the device exists. Reports if a published checkpoint has to be quantized on the CPU because no GPU can be
    /// used.</summary>
    private void CheckDevice()
    {
        if (ModelSet.TorchDevice(_options.Device).type == DeviceType.CPU && _options is { Device: "auto", IsDemo: false })
        {
            _say("No GPU can be used (run yue doctor to find out why), and the CPU takes many times as long.");
        }
    }

    /// <summary>Throws unless the adapter was made for stage 1 and changes only matrices that are rounded.</summary>
    private void CheckAdapter()
    {
        if (_options.Lora is { } folder)
        {
            var config = ConfigOf(_options.Stage1);
            using var checkpoint = SafetensorsCheckpoint.Open(_options.Stage1.Source);
            using var adapter = LoraAdapter.Open(folder, new CheckpointTensors(checkpoint, ScalarType.Float32));
            CheckpointQuantizer.CheckAdapter(config, adapter.Names, folder);
        }
    }

    /// <summary>Returns the result to make from a checkpoint; null if it is already complete.</summary>
    private Result? Missing(QuantizationFolders folders, string? adapter)
    {
        var config = ConfigOf(folders);
        SafetensorsCheckpoint.Open(folders.Source).Dispose();       // fails early, before hashing and hours of work
        var record = new QuantizationRecord
        {
            Format = QuantizationRecord.FormatName,
            FormatVersion = QuantizationRecord.Version,
            Bits = _options.Bits,
            GroupSize = GroupedWeights.GroupSize,
            HeadTerms = GroupedWeights.HeadTerms,
            Calibration = _options.Songs > 0 ? new CalibrationRecord(_options.Songs, 0, _options.Seed) : null,
            Sources = SourcesOf(folders.Source),
            Lora = adapter is null ? [] : SourcesOf(adapter),
            Program = _options.Program,
        };
        if (QuantizedFolder.IsComplete(folders.Target, record))
        {
            _say($"{folders.Target} is complete.");
            return null;
        }

        if (Path.Exists(folders.Target))
        {
            if (!QuantizedFolder.IsQuantized(folders.Target))
            {
                throw new IOException($"{folders.Target} exists and is not a quantized checkpoint. Choose another folder with --output.");
            }

            _say(QuantizedFolder.RecordOf(folders.Target) is null
                ? $"{folders.Target} is damaged and will be replaced."
                : $"{folders.Target} was made from other files or with other options, and will be replaced.");
        }

        return new Result(folders, config, record);
    }

    /// <summary>Opens the folder of a result that is not complete.</summary>
    private Job? Open(Result? missing)
    {
        if (missing is null)
        {
            return null;
        }

        var folder = QuantizedFolder.Open(missing.Folders.Target, missing.Record);
        if (folder.StartedOver)
        {
            _say($"{folder.Path} contained files of another run and was emptied.");
        }

        return new Job(missing, folder);
    }

    private void Sing(CalibrationDevice device, Job? stage1, Job? stage2)
    {
        var prompts = new PromptBuilder(
            YueTokenizer.Load(Path.Combine(_options.Stage1.Source, "tokenizer.model")), latinOnly: _options.IsDemo);
        var singing = new CalibrationSongs(device, _options.Seed, _cancel);
        var songs = singing.Stage1(
            _options.Stage1.Source, _options.Lora, prompts, _options.Songs,
            done => ReportSinging($"singing song {done + 1} of {_options.Songs}", done / (2.0 * _options.Songs)));
        device.ReleaseUnused();
        stage1?.Keep([.. songs.Select(song => song.Ids)]);
        if (stage2 is not null)
        {
            stage2.Keep(singing.Stage2(
                _options.Stage2.Source, songs,
                (done, count) => ReportSinging($"stage 2: chunk {done + 1} of {count}", 0.5 + (done / (2.0 * count)))));
            device.ReleaseUnused();
        }
    }

    private void Quantize(Job? job, string name, CalibrationDevice device, string? adapter, double from, double to)
    {
        if (job is null)
        {
            return;
        }

        var result = job.Result;
        var (record, sequences) = job.Folder.ReadCalibration() ?? (result.Record, []);
        if (sequences.Count == 0)
        {
            job.Folder.WriteCalibration(record, []);
        }

        using var checkpoint = SafetensorsCheckpoint.Open(result.Folders.Source);
        var source = new CheckpointTensors(checkpoint, ScalarType.Float32, device.Device, device.Gpu?.Upload);
        using var lora = adapter is null ? null : LoraAdapter.Open(adapter, source);
        var quantizer = new CheckpointQuantizer(
            result.Config, lora is null ? source : new LoraTensors(source, lora), checkpoint, job.Folder, record);
        Report(name, from);
        quantizer.Run(sequences, done => Report($"{name}: {done:P0}", Share(from, to, done)), _cancel);
        job.Folder.Complete(result.Folders.Source, quantizer.Shards, record);
        device.ReleaseUnused();
    }

    private void ReportSinging(string step, double done) => Report(step, Share(ReadingShare, SingingShare, done));

    /// <summary>Converts the finished fraction of all work to that of this run's work, and reports it.</summary>
    private void Report(string step, double done) => _report(step, _before < 1 ? Math.Max(0, (done - _before) / (1 - _before)) : 1);

    private static double Share(double from, double to, double done) => from + ((to - from) * done);

    private List<SourceFile> SourcesOf(string folder)
    {
        var files = new List<SourceFile>();
        foreach (var file in new DirectoryInfo(folder).EnumerateFiles().OrderBy(file => file.Name, StringComparer.Ordinal)
            .Where(file => file.Extension == ".safetensors" || file.Name is "config.json" or "adapter_config.json"))
        {
            _cancel.ThrowIfCancellationRequested();
            using var content = file.OpenRead();
            files.Add(new SourceFile(file.Name, file.Length, Convert.ToHexStringLower(SHA256.HashData(content))));
        }

        return files;
    }

    /// <summary>A result that is not complete.</summary>
    private sealed record Result(QuantizationFolders Folders, LlamaConfig Config, QuantizationRecord Record)
    {
        /// <summary>The size in bytes of the files that are not written yet.</summary>
        public long BytesLeft =>
            Math.Max(0, CheckpointQuantizer.BytesOf(Config, Record.Type) - QuantizedFolder.PartBytesOf(Folders.Target));
    }

    /// <summary>The work on a result.</summary>
    private sealed record Job(Result Result, QuantizedFolder Folder) : IDisposable
    {
        /// <summary>The finished fraction of the result.</summary>
        public double FinishedShare => CheckpointQuantizer.FinishedShare(Result.Config, Folder);

        /// <summary>Returns true if the sequences of the run are already stored.</summary>
        public bool HasCalibration() => Folder.ReadCalibration() is not null;

        /// <summary>Stores the sequences if there are none yet.</summary>
        public void Keep(IReadOnlyList<int[]> sequences)
        {
            if (!HasCalibration())
            {
                var tokens = sequences.Sum(ids => (long)ids.Length);
                Folder.WriteCalibration(
                    Result.Record with { Calibration = Result.Record.Calibration! with { Tokens = tokens } }, sequences);
            }
        }

        public void Dispose() => Folder.Dispose();
    }
}
