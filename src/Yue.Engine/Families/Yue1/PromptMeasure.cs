using Yue.Engine.Families.Yue1.Stage1;
using Yue.Engine.Families.Yue1.Text;
using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue1;

/// <summary>Measures the prompts of songs without making the songs.</summary>
internal static class PromptMeasure
{
    private static readonly SongRequest Defaults = new() { Lyrics = "" };

    /// <summary>Returns the size of the prompt for a request, with the warnings and the fault that depend on the model.</summary>
    /// <param name="request">The request.</param>
    /// <param name="prompts">Builds prompts for the request's checkpoint.</param>
    /// <param name="context">The size of the checkpoint's context in ids.</param>
    /// <param name="isLyricsOnly">True if the checkpoint is not trained on audio prompts.</param>
    public static SongMeasure Of(SongRequest request, PromptBuilder prompts, int context, bool isLyricsOnly)
    {
        var plan = SongPlan.For(request);
        if (plan.Sung.Count == 0)
        {
            return new(0, context, []);
        }

        try
        {
            var prompt = prompts.Build(request.Genre, plan.Lyrics, ClipOf(request.Reference));
            return new(prompt.Sections[0].Length, context, [.. Findings(request, prompt, isLyricsOnly)])
            {
                Fault = FaultOf(request, plan, prompt, context),
            };
        }
        catch (SongRequestException fault)
        {
            return new(0, context, []) { Fault = new("unsingable", "lyrics", fault.Message) };
        }
    }

    /// <summary>Returns the reason why a section does not fit into the context; null if all sections fit.</summary>
    private static SongFinding? FaultOf(SongRequest request, SongPlan plan, SongPrompt prompt, int context)
    {
        var budgets = plan.BudgetsOf(request);
        for (var i = 0; i < plan.Sung.Count; i++)
        {
            var section = plan.Before.Count + i;
            if (Stage1Song.FaultOf(prompt, section, context, budgets[i].MaxTokens) is { } fault)
            {
                // If the section would fit with the default limit, the requested limit is too large.
                var isLimit = prompt.MinContext(section) <= Stage1Song.RoomOf(context, Defaults.MaxNewTokens);
                var field = !isLimit ? "lyrics" : request.TargetSeconds is null ? "max_new_tokens" : "target_seconds";
                return new("prompt_too_long", field, fault);
            }
        }

        return null;
    }

    private static IEnumerable<SongFinding> Findings(SongRequest request, SongPrompt prompt, bool isLyricsOnly)
    {
        // Warnings about the genre line are left out, because they do not depend on the model.
        foreach (var warning in prompt.Warnings.Except(UserText.Clean(request.Genre, "genre").Warnings))
        {
            yield return new("model", warning[..warning.IndexOf(':', StringComparison.Ordinal)], warning);
        }

        if (request.Reference is not null && isLyricsOnly)
        {
            yield return new("model", "reference", NotTrainedOnClips(request.Model ?? "the model"));
        }
    }

    /// <summary>Returns the warning that a checkpoint is not trained to follow a clip.</summary>
    public static string NotTrainedOnClips(string model) =>
        $"reference: {model} is a cot checkpoint, which is not trained to follow a clip; use an icl checkpoint";

    /// <summary>Returns a clip of the size that a reference has once it is encoded.</summary>
    private static ReferenceClip? ClipOf(SongReference? reference)
    {
        if (reference is null)
        {
            return null;
        }

        var codes = new int[(int)(reference.Tracks.Min(track => track.DurationSeconds) * ReferenceClip.FrameRateHz)];
        var (start, end, first) = (reference.StartSeconds, reference.EndSeconds, reference.FirstSecond);
        return reference.Tracks.Count == 1
            ? ReferenceClip.OfMix(codes, start, end, first)
            : ReferenceClip.OfTracks(codes, codes, start, end, first);
    }
}
