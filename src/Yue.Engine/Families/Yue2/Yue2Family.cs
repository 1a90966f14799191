using System.Collections.Frozen;
using Yue.Engine.Families.Yue2.Flow;
using Yue.Engine.Families.Yue2.Stages;
using Yue.Engine.Songs;
using Yue.Engine.Weights;

namespace Yue.Engine.Families.Yue2;

/// <summary>The settings of YuE 2 in addition to the checkpoints that requests can name.</summary>
/// <param name="Vae">The folder of the sound decoder; null if it is not set.</param>
/// <param name="ContextTokens">The maximum context in tokens; 0 means the checkpoint's limit.</param>
internal sealed record Yue2Settings(string? Vae = null, int ContextTokens = 0);

/// <summary>YuE 2: one transformer that writes a score and music tokens, flow matching, and a sound decoder (docs/model-yue2.md).</summary>
/// <param name="settings">The settings in addition to the checkpoints.</param>
/// <param name="load">Loads a checkpoint.</param>
internal sealed class Yue2Family(Yue2Settings settings, LoadYue2 load) : IModelFamily
{
    private const string PublishedPage = "https://huggingface.co/m-a-p/YuE2-3B";

    public Yue2Family(Yue2Settings settings)
        : this(settings, Yue2Model.Load)
    {
    }

    /// <summary>The description of the family.</summary>
    public static FamilyDescription About { get; } = new(
        "yue2",
        "YuE 2",
        FrozenSet.Create(SongCapability.Score, SongCapability.Instrumental, SongCapability.EarlySound),
        FrozenSet.Create(
            StringComparer.Ordinal,
            "lyrics",
            "genre",
            "score",
            "plan",
            "target_seconds",
            "seed",
            "stage",
            "instrumental",
            "output.fade_out_seconds",
            "sampling.temperature",
            "sampling.top_p",
            "sampling.top_k",
            "sampling.repetition_penalty",
            "sampling.guidance_scale",
            "sampling.flow_steps"))
    {
        Sampling = new()
        {
            Temperature = StageSampling.Music.Temperature,
            TopP = StageSampling.Music.TopP,
            TopK = StageSampling.Music.TopK,
            RepetitionPenalty = StageSampling.Music.RepetitionPenalty,
            FlowSteps = FlowSolver.DefaultSteps,
        },
        InstrumentalLyrics = "[Intro]\n\n[Verse]\n\n[Chorus]\n\n[Outro]\n",
        Licence = new(
            "CC-BY-NC-4.0",
            new(PublishedPage),
            "Individuals, musicians and academic users may use the weights free of charge, and publish and monetize what they make. "
                + "Commercial use of the weights by a company needs a license from the authors."),
        Scopes = [SongScope.Full, SongScope.Score],
        SingsSections = false,
    };

    /// <summary>Returns true if a folder's config.json is that of a YuE 2 model.</summary>
    public bool Recognizes(string folder)
    {
        try
        {
            using var config = JsonConfig.Read(Path.Combine(folder, "config.json"));
            return config.Text("model_type") == "yue2";
        }
        catch (CheckpointException)
        {
            return false;
        }
    }

    public IFamilySongs Open(IReadOnlyList<KeyValuePair<string, string>> checkpoints)
    {
        if (checkpoints.FirstOrDefault(checkpoint => ModelName.LoraOf(checkpoint.Key) is not null) is { Value: { } adapted })
        {
            throw new CheckpointException(adapted, "LoRA adapters are supported for stage-1 checkpoints of YuE 1 only");
        }

        return new Yue2Songs(
            checkpoints,
            settings.Vae
                ?? throw new CheckpointException("settings", "Vae is not set; set it to the folder of YuE 2's sound decoder, YuE2-Vae"),
            settings.ContextTokens,
            load);
    }
}
