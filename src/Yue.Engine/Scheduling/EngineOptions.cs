using Yue.Engine.Residency;
using Yue.Engine.Settings;

namespace Yue.Engine.Scheduling;

/// <summary>The engine's settings, from section <c>Yue</c> of appsettings.json, <c>YUE_…</c> variables, and the command line.</summary>
public sealed class EngineOptions : IDeviceOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Yue";

    public const int MaxSongsAtOnce = 32;
    public const int MinContextTokens = 2_048;
    public const int MaxContextTokens = 131_072;

    /// <summary>The checkpoint folders, keyed by the model names that requests use. The first one is the default; checkpoints from
    /// the configuration are sorted by name. If there are none, the built-in demo model runs.</summary>
    public IDictionary<string, string> Stage1 { get; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>The folders of LoRA adapters, by name. A model named <c>CHECKPOINT+LORA</c> in <see cref="Stage1"/> is the checkpoint with
    /// the adapter merged into it.</summary>
    public IDictionary<string, string> Lora { get; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>The stage-2 checkpoint folder of YuE 1.</summary>
    public string? Stage2 { get; set; }

    /// <summary>The codec folder of YuE 1 (<c>xcodec_mini_infer</c>), with the vocoders in its <c>decoders</c> folder.</summary>
    public string? Codec { get; set; }

    /// <summary>The folder of YuE 2's sound decoder (<c>YuE2-Vae</c>).</summary>
    public string? Vae { get; set; }

    /// <summary>The SentencePiece model of YuE 1; null means <c>tokenizer.model</c> in the stage-1 folder.</summary>
    public string? Tokenizer { get; set; }

    /// <summary>The folder for compiled kernels.</summary>
    public string CacheFolder { get; set; } = Yue.Engine.Tensors.Native.CacheFolder.Default;

    /// <summary>The device to run on: <c>auto</c>, <c>cpu</c>, or <c>cuda</c> with an optional index (<c>cuda:1</c>).</summary>
    [SettingForm(@"^(auto|cpu|cuda(:[0-9]{1,3})?)\z", "auto, cpu, cuda, or cuda with an index such as cuda:1")]
    public string Device { get; set; } = "auto";

    /// <summary>The type of the language models' matrices on a GPU: <c>bf16</c>, as in the files; <c>int8</c>, <c>fp8</c>, <c>int6</c> or
    /// <c>int4</c>, converted while loading; or <c>f32</c> for comparisons with the CPU, which is slow and requires an <c>f32</c>
    /// cache.</summary>
    [SettingChoice("bf16", "int8", "fp8", "int6", "int4", "f32")]
    public string Weights { get; set; } = "bf16";

    /// <summary>The type of keys and values on a GPU: <c>bf16</c>, <c>fp8</c> with a scale per position and head, or <c>f32</c> with
    /// <c>f32</c> weights.</summary>
    [SettingChoice("bf16", "fp8", "f32")]
    public string KeyValueCache { get; set; } = "bf16";

    /// <summary>The number of concurrent songs. 0 means as many as fit into a GPU's memory, up to eight, or one on the CPU.</summary>
    [SettingRange(0, MaxSongsAtOnce)]
    public int SongsAtOnce { get; set; }

    /// <summary>The maximum context of a song in tokens, including the prompt; 0 means the checkpoint's limit. A shorter context needs less
    /// memory.</summary>
    [SettingRange(MinContextTokens, MaxContextTokens, OrZero = true)]
    public int ContextTokens { get; set; }

    /// <summary>The maximum device memory to use, in MiB. 0 means all free memory of a GPU and no limit on the CPU.</summary>
    [SettingRange(0, 1_000_000)]
    public int DeviceMemoryMegabytes { get; set; }

    /// <summary>The number of seconds without songs after which the models are unloaded, so that other programs can use the memory. The
    /// next song loads them again. 0 means never.</summary>
    [SettingRange(0, 604_800)]
    public int IdleUnloadSeconds { get; set; }

    /// <summary>The number of seconds after which a step counts as hung and the engine as lost; 0 means no limit. A step is a few
    /// tokens, 512 ids of a prompt, a track of a reference clip, or a window of up to 4.2 seconds of both tracks' sound. With YuE 2, a
    /// step can also be one evaluation of flow matching or up to 41 seconds of sound.</summary>
    [SettingRange(0, 3_600)]
    public int StepTimeoutSeconds { get; set; } = 120;
}
