using System.Globalization;
using System.Text.Json;
using Yue.Cuda;
using Yue.Cuda.Compilation;
using Yue.Cuda.Decode;
using Yue.Engine.Families.Yue2.Stages;
using Yue.Engine.Families.Yue2.Tokens;
using Yue.Engine.Tensors.Native;

namespace Yue.Bench;

/// <summary>Times decode steps of the full-size models with random weights, and a plain read of device memory for comparison.</summary>
/// <remarks>
/// <c>gpu [read] [STAGE:ROWS:POSITIONS[:WEIGHTS[:CACHE]]] ...</c> prints one JSON object per line. WEIGHTS is bf16, int8, fp8, int6 or
/// int4, and CACHE is bf16 or fp8. A stage-1 step is the model and the whole sampling chain, with guidance and two rows per song; the model
/// alone is timed too. A stage-2 step is an eighth of a frame. The stages music and score are those of YuE 2, with one row per song; the
/// model, the sampling, and both together are timed.
/// </remarks>
internal static class GpuBench
{
    private const int FirstCodeId = 45334;
    private const int EndOfAudio = 32002;
    private static readonly string[] Default =
    [
        "read", "1:2:2048", "1:2:500", "1:2:16000", "1:16:2048", "2:10:1408", "2:10:2816", "2:10:1408:bf16:fp8",
        "2:32:1408", "2:64:1408", "2:64:1408:bf16:fp8", "1:2:2048:int8", "1:2:2048:fp8", "2:10:1408:int8:fp8",
        "music:1:2048", "music:1:2048:int8", "music:8:2048", "score:1:1250",
    ];
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    private static double _readBytesPerSecond;

    public static int Run(string[] args)
    {
        using var device = CudaDevice.TryOpen(0, out var reason);
        if (device is null)
        {
            Console.Error.WriteLine(reason);
            return 1;
        }

        var kernels = new KernelCache(Path.Combine(CacheFolder.Default, "kernels"));
        Print(new
        {
            name = "device",
            gpu = device.Name,
            computeCapability = device.ComputeCapability,
            multiprocessors = device.MultiprocessorCount,
            compiler = KernelCompiler.Version(out _),
        });
        foreach (var item in args.Length > 0 ? args : Default)
        {
            if (item == "read")
            {
                Read(device, kernels);
            }
            else
            {
                Decode(device, kernels, item.Split(':'));
            }
        }

        return 0;
    }

    private static void Read(CudaDevice device, KernelCache kernels)
    {
        using var stream = CudaStream.Create();
        using var bench = new BenchKernels(device, kernels);
        using var memory = DeviceMemory.Allocate(6L << 30);
        bench.Fill(stream, memory.Address, memory.Bytes, 1, 1, WeightType.BFloat16);
        var times = Time(stream, 20, () => bench.Read(stream, memory.Address, memory.Bytes));
        _readBytesPerSecond = memory.Bytes / times[0] * 1000;
        Report("read", "6 GiB", times, memory.Bytes);
    }

    private static void Decode(CudaDevice device, KernelCache kernels, string[] parts)
    {
        var (stage, rows, positions) = (parts[0], Number(parts[1]), Number(parts[2]));
        var type = parts.ElementAtOrDefault(3) switch
        {
            null or "bf16" => WeightType.BFloat16,
            "int8" => WeightType.Int8,
            "fp8" => WeightType.Float8,
            "int6" => WeightType.Int6,
            "int4" => WeightType.Int4,
            var other => throw new ArgumentException($"weights are {other}; they must be bf16, int8, fp8, int6 or int4"),
        };
        var cacheType = parts.ElementAtOrDefault(4) switch
        {
            null or "bf16" => CacheType.BFloat16,
            "fp8" => CacheType.Float8,
            var other => throw new ArgumentException($"cache is {other}; it must be bf16 or fp8"),
        };
        var shape = ShapeOf(stage);
        using var stream = CudaStream.Create();
        using var weights = new RandomWeights(device, kernels, shape, type, stream);
        var pagesEach = KvCache.PagesFor(positions + 64);
        using var cache = new KvCache(device, kernels, shape, pagesEach * rows, cacheType);
        using (var bench = new BenchKernels(device, kernels))
        {
            bench.Fill(
                stream, cache.Address, KvCache.PageBytes(shape, cacheType) * cache.Pages.Count, 7,
                1, cacheType == CacheType.BFloat16 ? WeightType.BFloat16 : WeightType.Float8);
        }

        using var model = new CudaLlama(
            device, kernels, shape, weights.Weights, cache, rows, HeadRows(stage, shape));
        model.Prepare(rows);
        for (var row = 0; row < rows; row++)
        {
            var pages = new List<int>();
            cache.Pages.TryTake(pagesEach, pages);
            model.SetPages(stream, row, pages.ToArray());
        }

        var keyValueBytes = KvCache.PageBytes(shape, cacheType) / KvCache.PageSize * rows * positions;
        var settings = string.Join(':', parts);
        if (stage is "music" or "score")
        {
            var ids = stage == "music" ? StageIds.Music : StageIds.Score;
            Yue2(
                device, kernels, stream, model, ids, rows, positions, settings,
                shape.StepWeightBytes(type, ids.Scored.Count) + keyValueBytes);
        }
        else if (stage == "1")
        {
            Stage1(
                device, kernels, stream, model, rows, positions, settings, shape.StepWeightBytes(type, shape.Vocabulary) + keyValueBytes);
        }
        else
        {
            Stage2(
                device, kernels, stream, model, rows, positions, settings,
                shape.StepWeightBytes(type, FrameDecoder.CodebookSize * 7 / 8) + keyValueBytes);
        }
    }

    private static LlamaShape ShapeOf(string stage) => stage switch
    {
        "1" => new LlamaShape
        {
            Layers = 32,
            Hidden = 4096,
            Intermediate = 11008,
            Heads = 32,
            KeyValueHeads = 4,
            Vocabulary = 83968,
            Context = 16384,
        },
        "2" => new LlamaShape
        {
            Layers = 32,
            Hidden = 2048,
            Intermediate = 5504,
            Heads = 16,
            KeyValueHeads = 16,
            Vocabulary = 83840,
            Context = 8192,
        },
        "music" or "score" => new LlamaShape
        {
            Layers = 28,
            Hidden = 2048,
            Intermediate = 6144,
            Heads = 16,
            KeyValueHeads = 8,
            Vocabulary = TokenIds.Count,
            Context = 24576,
            RopeTheta = 1e6,
            NormEpsilon = 1e-6f,
            NormsQueriesAndKeys = true,
        },
        _ => throw new ArgumentException($"stage is {stage}; it must be 1, 2, music or score"),
    };

    private static int HeadRows(string stage, LlamaShape shape) => stage switch
    {
        "1" => shape.Vocabulary,
        "2" => FrameDecoder.CodebookSize,
        "music" => StageIds.Music.Scored.Count,
        _ => StageIds.Score.Scored.Count,
    };

    private static void Yue2(
        CudaDevice device, KernelCache kernels, CudaStream stream, CudaLlama model, StageIds ids, int rows, int positions, string settings,
        long bytes)
    {
        const int Steps = 60;
        using var sampler = new StageSampler(device, kernels, model, rows);
        var (sampling, scored) = (ids == StageIds.Music ? StageSampling.Music : StageSampling.Score, ids.Scored);
        void Start()
        {
            for (var row = 0; row < rows; row++)
            {
                model.SetRow(stream, row, ids.Content.First + row, positions - (Steps / 2), active: true);
                sampler.SetSong(stream, row, new StageSettings
                {
                    Row = row,
                    Seed = (ulong)row,
                    Content = new IdRange(ids.Content.First, ids.Content.End),
                    EndId = ids.EndId,
                    Temperature = (float)sampling.Temperature,
                    TopK = sampling.TopK,
                    TopP = (float)sampling.TopP,
                    Penalties = sampling.Penalties(),
                    MinTokens = 3 * Steps,
                    MaxTokens = 9000,
                });
            }
        }

        Start();
        using var step = CudaGraph.Capture(stream, () => model.Step(stream, rows, scored.First, scored.Count));
        Report("yue2-model", settings, Time(stream, 40, () => step.Launch(stream)), bytes);
        using var sample = CudaGraph.Capture(stream, () => sampler.Sample(stream, scored.First, scored.Count));
        Report("yue2-sampling", settings, Time(stream, 20, () => sample.Launch(stream)), 0);
        Start();
        using var whole = CudaGraph.Capture(stream, () =>
        {
            model.Step(stream, rows, scored.First, scored.Count);
            sampler.Sample(stream, scored.First, scored.Count);
        });
        Report("yue2-step", settings, Time(stream, Steps - 5, () => whole.Launch(stream)), bytes);
    }

    private static void Stage1(
        CudaDevice device, KernelCache kernels, CudaStream stream, CudaLlama model, int rows, int positions, string settings, long bytes)
    {
        const int Steps = 60;
        var songs = (rows + 1) / 2;
        using var sampler = new SongSampler(device, kernels, model, songs);
        void Start()
        {
            for (var row = 0; row < rows; row++)
            {
                model.SetRow(stream, row, 1000 + row, positions - (Steps / 2), active: true);
            }

            for (var song = 0; song < songs; song++)
            {
                sampler.SetSong(stream, song, new SongSettings
                {
                    Row = 2 * song,
                    UnconditionalRow = (2 * song) + 1 < rows ? (2 * song) + 1 : null,
                    Seed = (ulong)song,
                    RepetitionPenalty = 1.1f,
                    TopP = 0.93f,
                    Allowed = [new IdRange(EndOfAudio, EndOfAudio + 1), new IdRange(FirstCodeId, FirstCodeId + 1024)],
                    EndId = EndOfAudio,
                    MinTokens = 2 * Steps,
                    MaxTokens = 3000,
                }, [1, 2, 3]);
            }
        }

        Start();
        using var step = CudaGraph.Capture(stream, () => model.Step(stream, rows, 0, model.HeadRows));
        Report("stage1-model", settings, Time(stream, 20, () => step.Launch(stream)), bytes);
        Start();
        using var whole = CudaGraph.Capture(stream, () =>
        {
            model.Step(stream, rows, 0, model.HeadRows);
            sampler.Sample(stream, rows);
        });
        Report("stage1-step", settings, Time(stream, Steps - 5, () => whole.Launch(stream)), bytes);
    }

    private static void Stage2(
        CudaDevice device, KernelCache kernels, CudaStream stream, CudaLlama model, int rows, int positions, string settings, long bytes)
    {
        const int Frames = 16;
        using var decoder = new FrameDecoder(device, kernels, model, FirstCodeId, Frames);
        for (var row = 0; row < rows; row++)
        {
            decoder.SetRow(stream, row, positions - (Frames * 4), [.. Enumerable.Range(FirstCodeId, Frames)]);
        }

        using var frame = CudaGraph.Capture(stream, () => decoder.Frame(stream, rows));
        Report(
            "stage2-step", settings,
            [.. Time(stream, Frames - 5, () => frame.Launch(stream)).Select(time => time / FrameDecoder.Slots)], bytes);
    }

    /// <summary>Returns the sorted times of the calls in milliseconds, after three warm-up calls.</summary>
    private static double[] Time(CudaStream stream, int count, Action work)
    {
        using var start = CudaEvent.Create();
        using var end = CudaEvent.Create();
        var times = new double[count];
        for (var i = -3; i < count; i++)
        {
            start.Record(stream);
            work();
            end.Record(stream);
            end.Synchronize();
            if (i >= 0)
            {
                times[i] = end.MillisecondsSince(start);
            }
        }

        Array.Sort(times);
        return times;
    }

    private static void Report(string name, string settings, double[] times, long bytes)
    {
        var median = times[times.Length / 2];
        var rate = bytes / median * 1000;
        Print(new
        {
            name,
            settings,
            medianMs = Math.Round(median, 4),
            spreadMs = Math.Round(times[times.Length * 9 / 10] - times[times.Length / 10], 4),
            bytes,
            gbPerSecond = Math.Round(rate / 1e9),
            fractionOfRead = _readBytesPerSecond > 0 ? Math.Round(rate / _readBytesPerSecond, 3) : (double?)null,
        });
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    private static void Print(object line) => Console.WriteLine(JsonSerializer.Serialize(line, Json));
}
