using Yue.Engine.Families.Yue1.Codec;
using Yue.Engine.Families.Yue1.Text;
using Yue.Engine.Families.Yue1.Vocoder;
using Yue.Engine.Families.Yue2.Backbone;
using Yue.Engine.Families.Yue2.Text;
using Yue.Engine.Families.Yue2.Vae;
using Yue.Engine.Llama;
using Yue.Engine.Scheduling;
using Yue.Engine.Weights;

namespace YueService.Doctor;

/// <summary>Checks that the files of the configured checkpoints exist, have the listed sizes and can be read.</summary>
/// <param name="options">The settings, with the checkpoints' folders.</param>
/// <param name="manifest">The manifest with the expected sizes. A checkpoint is looked up by the name of its folder; the folder of an
/// unlisted checkpoint may happen to have the name of a listed one.</param>
internal sealed class CheckpointChecks(EngineOptions options, ModelManifest manifest)
{
    /// <summary>The total number of weights in all checkpoints that could be read.</summary>
    public long Weights { get; private set; }

    /// <summary>Returns a finding for each checkpoint and LoRA adapter, or a warning if no checkpoint is configured.</summary>
    public IEnumerable<Finding> Run()
    {
        if (options.Stage1.Count == 0)
        {
            return [Finding.Warning(
                "checkpoints", "none are configured: the built-in demo model, a small model for trying things out, is used",
                "yue models pull en-cot")];
        }

        return
        [
            .. options.Stage1.Select(model => ModelFamilies.FamilyOf(model.Value).Name == "yue2"
                ? Check($"YuE 2 ({model.Key})", model.Value, CountYue2)
                : Check($"stage 1 ({model.Key})", model.Value, CountStage1)),
            .. options.Stage1.Where(model => ModelFamilies.LoraOf(model.Key) is not null).Select(Adapter),
            .. ModelFamilies.FoldersOf(options).Where(folder => folder.IsNeeded).Select(needed => needed.Setting switch
            {
                nameof(EngineOptions.Stage2) => Check("stage 2", needed.Folder!, CountLlama),
                nameof(EngineOptions.Codec) => Check("codec and vocoders", needed.Folder!, CountSound),
                _ => Check("sound decoder", needed.Folder!, CountVae),
            }),
        ];
    }

    private Finding Adapter(KeyValuePair<string, string> model)
    {
        var name = ModelFamilies.LoraOf(model.Key)!;
        var folder = options.Lora[name];
        try
        {
            LoraAdapter.Check(folder, model.Value);
            return Finding.Ok($"LoRA ({name})", $"{folder} fits {model.Value}");
        }
        catch (CheckpointException fault)
        {
            return Finding.Missing($"LoRA ({name})", fault.Message, $"set Yue:Lora:{name} to an adapter for {model.Value}");
        }
    }

    private long CountStage1(string folder)
    {
        YueTokenizer.Load(options.Tokenizer ?? Path.Combine(folder, "tokenizer.model"));
        return CountLlama(folder);
    }

    private static long CountYue2(string folder)
    {
        Yue2Config.Load(folder);
        BytePairTokenizer.Load(folder);
        using var checkpoint = SafetensorsCheckpoint.Open(folder);
        return Count(checkpoint);
    }

    private static long CountVae(string folder)
    {
        VaeConfig.Load(folder);
        using var checkpoint = VaeCheckpoint.Open(folder);
        return Count(checkpoint);
    }

    private Finding Check(string area, string folder, Func<string, long> count)
    {
        var wrongSize = WrongSize(folder);
        try
        {
            var weights = count(folder);
            Weights += weights;
            return wrongSize is null
                ? Finding.Ok(area, $"{weights:N0} weights in {folder}")
                : Finding.Warning(area, $"{weights:N0} weights, but the files differ from models.json: {wrongSize}", "yue models verify");
        }
        catch (CheckpointException fault)
        {
            var text = wrongSize is null ? fault.Message : $"{fault.Message} ({wrongSize})";
            return Finding.Missing(area, text, "yue models pull " + (Profile(folder) ?? "PROFILE"));
        }
    }

    private string? WrongSize(string folder) => ListedIn(folder)
        .SelectMany(checkpoint => checkpoint.Files)
        .Where(file => file.Size is not null)
        .Select(file => (File: file, There: new FileInfo(Path.Combine(folder, file.Path))))
        .Where(pair => pair.There.Exists && pair.There.Length != pair.File.Size)
        .Select(pair => $"{pair.There.FullName} has {pair.There.Length} bytes, expected {pair.File.Size}")
        .FirstOrDefault();

    private string? Profile(string folder)
    {
        var names = manifest.Checkpoints.Where(pair => ListedIn(folder).Contains(pair.Value)).Select(pair => pair.Key).ToHashSet();
        return manifest.Profiles.FirstOrDefault(profile => profile.Value.Any(names.Contains)).Key;
    }

    private IEnumerable<ManifestCheckpoint> ListedIn(string folder)
    {
        var name = Path.GetFileName(Path.TrimEndingDirectorySeparator(folder));
        return manifest.Checkpoints.Values.Where(checkpoint => checkpoint.Folder == name);
    }

    private static long CountLlama(string folder)
    {
        var config = LlamaConfig.Load(folder);
        using var checkpoint = SafetensorsCheckpoint.Open(folder);
        return config.IsQuantized ? config.Parameters : Count(checkpoint);
    }

    private static long CountSound(string folder)
    {
        CodecConfig.Load(folder);
        VocosConfig.Load(folder);
        HubertConfig.Load(folder);
        return CountTorch(folder, "final_ckpt", "ckpt_00360000.pth", "codec_model")
            + CountTorch(folder, "decoders", "decoder_131000.pth", null)
            + CountTorch(folder, "decoders", "decoder_151000.pth", null);
    }

    private static long CountTorch(string folder, string part, string file, string? rootKey)
    {
        using var checkpoint = TorchCheckpoint.Open(Path.Combine(folder, part, file), rootKey);
        return Count(checkpoint);
    }

    private static long Count(Checkpoint checkpoint) =>
        checkpoint.Tensors.Values.Sum(tensor => tensor.Shape.Aggregate(1L, (product, size) => product * size));
}
