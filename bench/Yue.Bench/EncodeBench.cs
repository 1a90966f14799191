using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Yue.Cuda;
using Yue.Engine.Families.Yue1.Codec;
using Yue.Engine.Families.Yue1.Demo;
using Yue.Engine.Layers;
using Yue.Engine.Songs;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Bench;

/// <summary>Times the encoding of reference clips of several lengths, and measures the effect of encoding only a part of a clip. Prints one
/// JSON object per line.</summary>
internal static class EncodeBench
{
    private const double BandwidthKbps = 0.5;
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    public static int Run(string[] arguments)
    {
        int[] lengths =
            [.. arguments.TakeWhile(text => !text.StartsWith('-')).Select(text => int.Parse(text, CultureInfo.InvariantCulture))];
        var options = arguments[lengths.Length..].Chunk(2).ToDictionary(pair => pair[0], pair => pair[1]);
        var folder = options.GetValueOrDefault("--Codec") ?? DemoModel.Folders.Codec;
        var codecDevice = device(options.GetValueOrDefault("--Device", "cpu"));
        using var gpu = codecDevice.type == TorchSharp.DeviceType.CUDA ? CudaDevice.TryOpen(Math.Max(0, codecDevice.index), out _) : null;
        using var checkpoint = TorchCheckpoint.Open(Path.Combine(folder, "final_ckpt", "ckpt_00360000.pth"), "codec_model");
        using var encoder = new CodecEncoder(
            new CheckpointTensors(checkpoint, ScalarType.Float32, codecDevice), CodecConfig.Load(folder), HubertConfig.Load(folder));
        Print(new
        {
            name = "loaded",
            cores = Environment.ProcessorCount,
            memory_mb = Environment.WorkingSet / 1e6,
            device_memory_mb = UsedMegabytes(gpu),
        });
        foreach (var seconds in lengths.Length == 0 ? [10, 30, 60] : lengths)
        {
            Time(encoder, gpu, seconds);
        }

        ComparePart(encoder, SongLimits.MaxReferenceSeconds);
        return 0;
    }

    /// <summary>Encodes a clip three times and prints the shortest time.</summary>
    private static void Time(CodecEncoder encoder, CudaDevice? gpu, int seconds)
    {
        var wave = Melody.Samples(encoder.SampleRateHz, seconds);
        var best = Enumerable.Range(0, 3).Min(_ =>
        {
            var clock = Stopwatch.StartNew();
            Encode(encoder, wave);
            return clock.Elapsed.TotalSeconds;
        });
        using var process = Process.GetCurrentProcess();
        Print(new
        {
            name = "encode",
            audio_seconds = seconds,
            seconds = best,
            seconds_per_minute = best * 60 / seconds,
            peak_memory_mb = process.PeakWorkingSet64 / 1e6,
            device_memory_mb = UsedMegabytes(gpu),
        });
    }

    /// <summary>Encodes a clip, and then only the part of it that the service encodes, and prints the share of equal codes in the middle of
    /// the part.</summary>
    private static void ComparePart(CodecEncoder encoder, int partSeconds)
    {
        var rateHz = encoder.SampleRateHz;
        var wave = Melody.Samples(rateHz, 2 * partSeconds);
        var first = partSeconds / 2;
        var whole = Encode(encoder, wave);
        var part = Encode(encoder, wave[(first * rateHz)..((first + partSeconds) * rateHz)]);
        var (frames, middle) = (part.Length, part.Length / 4);
        var offset = first * (whole.Length / (2 * partSeconds));
        var equal = Enumerable.Range(middle, frames / 2).Count(frame => part[frame] == whole[offset + frame]);
        Print(new
        {
            name = "part",
            part_seconds = partSeconds,
            clip_seconds = 2 * partSeconds,
            equal_codes = (double)equal / (frames / 2),
        });
    }

    private static long[] Encode(CodecEncoder encoder, float[] samples)
    {
        using var wave = tensor(samples);
        using var codes = encoder.Encode(wave, BandwidthKbps);
        using var onHost = codes.cpu();
        return onHost.data<long>().ToArray();
    }

    /// <summary>Returns the used memory of a GPU in megabytes, including that of other processes. libtorch keeps allocated memory, so
    /// this is the peak so far.</summary>
    private static double? UsedMegabytes(CudaDevice? gpu) => gpu is null ? null : (gpu.Memory.Total - gpu.Memory.Free) / 1e6;

    private static void Print(object line) => Console.WriteLine(JsonSerializer.Serialize(line, Json));
}
