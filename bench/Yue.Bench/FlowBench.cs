using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using TorchSharp;
using Yue.Cuda;
using Yue.Cuda.Compilation;
using Yue.Cuda.Decode;
using Yue.Engine.Families.Yue2.Backbone;
using Yue.Engine.Families.Yue2.Flow;
using Yue.Engine.Families.Yue2.Tokens;
using Yue.Engine.Families.Yue2.Vae;
using Yue.Engine.Llama;
using Yue.Engine.Tensors.Native;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Bench;

/// <summary>Times flow matching and the sound decoder of a YuE 2 song on a GPU.</summary>
/// <remarks><c>flow FOLDER [SECONDS ...]</c> takes a folder with <c>YuE2-3B</c> and <c>YuE2-Vae</c> and prints one JSON object per
/// line, for songs of the given lengths in seconds. Each object has the times either of reading the tokens and of one velocity evaluation
/// (of 64 per song), or of decoding the sound.</remarks>
internal static class FlowBench
{
    private const int PromptTokens = 2400;
    private const int FramesPerSecond = 25;
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    public static int Run(string folder, string[] seconds)
    {
        TorchNativeLibrary.Register();
        InitializeDeviceType(DeviceType.CUDA);
        using var device = CudaDevice.TryOpen(0, out var reason);
        if (device is null)
        {
            Console.Error.WriteLine(reason);
            return 1;
        }

        var cache = new KernelCache(Path.Combine(CacheFolder.Default, "kernels"));
        using var kernels = new BlockKernels(device, cache);
        using var snake = new SnakeKernel(device, cache);
        int[] lengths = seconds.Length == 0 ? [180] : [.. seconds.Select(text => int.Parse(text, CultureInfo.InvariantCulture))];
        foreach (var length in lengths)
        {
            Flow(Path.Combine(folder, "YuE2-3B"), kernels, length);
        }

        foreach (var length in lengths)
        {
            Sound(Path.Combine(folder, "YuE2-Vae"), snake, length);
        }

        return 0;
    }

    private static void Flow(string folder, BlockKernels kernels, int seconds)
    {
        var config = Yue2Config.Load(folder);
        using var checkpoint = SafetensorsCheckpoint.Open(folder);
        var (blocks, plain) = (
            new CheckpointTensors(checkpoint, ScalarType.BFloat16, CUDA), new CheckpointTensors(checkpoint, ScalarType.Float32, CUDA));
        using var language = new LlamaModel(config.Language, Engine.Llama.LlamaWeights.Load(config.Language, blocks));
        var frames = seconds * FramesPerSecond;
        int[] tokens =
        [
            .. Enumerable.Range(0, PromptTokens),
            .. Enumerable.Range(0, frames).Select(i => TokenIds.FirstCode + (i * 7919 % TokenIds.CodeCount)),
            TokenIds.MusicEnd,
        ];
        foreach (var isFused in (bool[])[true, false])
        {
            using var model = new FlowModel(config, plain, language, blocks, isFused ? kernels : null);
            using var chunk = model.TryOpen(tokens, frames, null)!;
            var read = Milliseconds(() =>
            {
                while (chunk.Unread > 0)
                {
                    chunk.Read();
                }
            });
            using var state = randn([frames, model.LatentSize], device: CUDA);
            void Evaluate() => chunk.Velocity(state, 0.3).Dispose();
            for (var i = 0; i < 3; i++)
            {
                Evaluate();
            }

            var times = Enumerable.Range(0, 10).Select(_ => Milliseconds(Evaluate)).Order().ToArray();
            Print(new
            {
                name = isFused ? "velocity" : "velocity-plain",
                seconds,
                readMs = Math.Round(read, 1),
                medianMs = Math.Round(times[5], 2),
                spreadMs = Math.Round(times[^1] - times[0], 2),
                teraflopsPerSecond = Math.Round(Operations(config.Language, frames + 2.0, tokens.Length) / times[5] / 1e9, 1),
            });
        }
    }

    /// <summary>Returns the number of floating-point operations of one evaluation.</summary>
    private static double Operations(LlamaConfig config, double rows, int tokens)
    {
        double attention = config.Heads * config.HeadSize, qkv = (config.Heads + (2 * config.KeyValueHeads)) * config.HeadSize;
        var products = config.HiddenSize * (qkv + attention + (3.0 * config.IntermediateSize));
        return config.Layers * ((2 * rows * products) + (4 * rows * (rows + tokens) * attention));
    }

    private static void Sound(string folder, SnakeKernel snake, int seconds)
    {
        using var checkpoint = SafetensorsCheckpoint.Open(folder);
        var source = new CheckpointTensors(checkpoint, ScalarType.Float32, CUDA);
        foreach (var isFused in (bool[])[true, false])
        {
            using var decoder = new VaeDecoder(VaeConfig.Load(folder), source, isFused ? snake : null);
            using var latents = randn([seconds * FramesPerSecond, decoder.Config.LatentSize], device: CUDA);
            void Decode()
            {
                foreach (var tile in VaeTiles.Decode(decoder, latents))
                {
                    tile.Dispose();
                }
            }

            var first = Milliseconds(Decode);
            var times = Enumerable.Range(0, 5).Select(_ => Milliseconds(Decode)).Order().ToArray();
            Print(new
            {
                name = isFused ? "sound" : "sound-plain",
                seconds,
                firstMs = Math.Round(first, 1),
                medianMs = Math.Round(times[2], 1),
            });
        }
    }

    private static double Milliseconds(Action work)
    {
        cuda.synchronize();
        var clock = Stopwatch.StartNew();
        work();
        cuda.synchronize();
        return clock.Elapsed.TotalMilliseconds;
    }

    private static void Print(object line) => Console.WriteLine(JsonSerializer.Serialize(line, Json));
}
