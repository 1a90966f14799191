using System.Collections.Frozen;
using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue1;

/// <summary>YuE 1: two language models, a codec and two vocoders (docs/model.md).</summary>
internal sealed class Yue1Family
{
    /// <summary>What callers see of the family.</summary>
    public static FamilyDescription Description { get; } = new(
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
            "reference"));
}
