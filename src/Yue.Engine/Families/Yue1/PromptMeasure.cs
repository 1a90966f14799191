using Yue.Engine.Families.Yue1.Stage1;
using Yue.Engine.Families.Yue1.Text;
using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue1;

/// <summary>Measures prompts without singing them.</summary>
internal static class PromptMeasure
{
    /// <summary>Returns the size of a request.</summary>
    /// <param name="request">The request.</param>
    /// <param name="prompts">Builds the prompts of its checkpoint.</param>
    /// <param name="context">The ids that the checkpoint's context holds.</param>
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
            return new(prompt.Sections[0].Length, context, [.. Findings(request, prompt, context, isLyricsOnly)]);
        }
        catch (SongRequestException fault)
        {
            return new(0, context, [new("unsingable", "lyrics", fault.Message)]);
        }
    }

    private static IEnumerable<SongFinding> Findings(SongRequest request, SongPrompt prompt, int context, bool isLyricsOnly)
    {
        // The others are those of the genre line, which do not depend on the model.
        foreach (var warning in prompt.Warnings.Except(UserText.Clean(request.Genre, "genre").Warnings))
        {
            yield return new("model", warning[..warning.IndexOf(':', StringComparison.Ordinal)], warning);
        }

        if (request.Reference is not null && isLyricsOnly)
        {
            yield return new("model", "reference", NotTrainedOnClips(request.Model ?? "the model"));
        }

        var maxTokens = request.TargetSeconds is { } targets
            ? SectionBudget.OfSeconds(targets.Max()).MaxTokens
            : request.MaxNewTokens;
        if (prompt.Sections[0].Length > Stage1Song.RoomOf(context, maxTokens))
        {
            yield return new("prompt_too_long", "lyrics", Stage1Song.TooLong(prompt, context, maxTokens));
        }
    }

    /// <summary>Returns the warning about a clip for a checkpoint that cannot follow it.</summary>
    public static string NotTrainedOnClips(string model) =>
        $"reference: {model} is a cot checkpoint, which is not trained to follow a clip; an icl one is";

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
