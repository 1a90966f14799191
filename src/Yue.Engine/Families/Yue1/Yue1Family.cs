using System.Collections.Frozen;
using Yue.Engine.Songs;
using Yue.Engine.Weights;

namespace Yue.Engine.Families.Yue1;

/// <summary>The settings of YuE 1 in addition to the checkpoints that requests name.</summary>
/// <param name="Stage2">The stage-2 folder; null with the demo model.</param>
/// <param name="Codec">The codec folder, with the vocoders; null with the demo model.</param>
/// <param name="Tokenizer">The SentencePiece model; null means <c>tokenizer.model</c> in the stage-1 folder.</param>
/// <param name="ContextTokens">The maximum stage-1 context in tokens; 0 means the checkpoint's limit.</param>
/// <param name="Loras">The folders of LoRA adapters, by name; null if there are none.</param>
internal sealed record Yue1Settings(
    string? Stage2 = null,
    string? Codec = null,
    string? Tokenizer = null,
    int ContextTokens = 0,
    IDictionary<string, string>? Loras = null);

/// <summary>YuE 1: two language models, a codec and two vocoders (docs/model.md).</summary>
internal sealed class Yue1Family(Yue1Settings settings) : IModelFamily
{
    /// <summary>The description of the family.</summary>
    public static FamilyDescription About { get; } = new(
        "yue1",
        "YuE 1",
        FrozenSet.Create(SongCapability.ReferenceClip, SongCapability.Stems, SongCapability.SingAgain, SongCapability.Instrumental),
        FrozenSet.Create(
            StringComparer.Ordinal,
            "lyrics",
            "genre",
            "max_new_tokens",
            "target_seconds",
            "run_n_segments",
            "seed",
            "stage",
            "continue_from",
            "replace_section",
            "instrumental",
            "return_codes",
            "output.sample_rate",
            "output.stems",
            "output.fade_out_seconds",
            "sampling.temperature",
            "sampling.top_p",
            "sampling.top_k",
            "sampling.repetition_penalty",
            "sampling.guidance_scale",
            "reference"))
    {
        Licence = new("Apache-2.0", new("https://huggingface.co/m-a-p/YuE-s1-7B-anneal-en-cot")),
    };

    /// <summary>The description if both language models fit into memory together.</summary>
    public static FamilyDescription AboutEarly { get; } = About with
    {
        Capabilities = About.Capabilities.Append(SongCapability.EarlySound).ToFrozenSet(),
    };

    /// <summary>Returns true if a folder's config.json is that of a Llama model, as it is for all stage-1 checkpoints.</summary>
    public bool Recognizes(string folder)
    {
        try
        {
            using var config = JsonConfig.Read(Path.Combine(folder, "config.json"));
            return config.Text("model_type") == "llama";
        }
        catch (CheckpointException)
        {
            return false;
        }
    }

    public IFamilySongs Open(IReadOnlyList<KeyValuePair<string, string>> checkpoints) =>
        new Yue1Songs(checkpoints.Count == 0 ? Yue1Checkpoints.Demo(settings) : Yue1Checkpoints.Of(checkpoints, settings));
}
