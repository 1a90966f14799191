using Yue.Engine.Families.Yue1.Stage1;
using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue1;

/// <summary>Estimates which share of a song's work is done, from the lengths that its sections are likely to have.</summary>
/// <remarks>Work is counted in the time of a song's first token. The figures are those of songs that were measured; they need only be
/// near the truth for the time left to be so. On the CPU they lie between those of an idle machine (1,400 and 1.8) and those of one
/// whose cores are busy with other programs (350 and 5).</remarks>
/// <param name="scope">The stages that the song passes through.</param>
/// <param name="onGpu">True on a GPU, where tokens late in a song take hardly longer than early ones.</param>
/// <param name="sections">The likely tokens and the budget of each section that is sung here.</param>
internal sealed class SongEffort(SongScope scope, bool onGpu, IReadOnlyList<(double Tokens, SectionBudget Budget)> sections)
{
    // Finished sections correct the expectation of the others, as much as they outweigh ten seconds of song.
    private const double PriorTokens = 1000;

    // A section that is longer than expected is expected to go on for a while.
    private const double Longer = 1.1;

    private readonly double _doublingTokens = onGpu ? 100_000 : 700;          // after so many, a token takes twice the time
    private readonly double _stage2 = scope == SongScope.Draft ? 0 : onGpu ? 0.75 : 3.2;        // per token
    private readonly double _decode = onGpu ? 0.05 : 0.3;

    private double _done;

    /// <summary>Returns the effort of a request's song.</summary>
    public static SongEffort Of(SongRequest request, SongPlan plan, SingingPace pace, bool onGpu)
    {
        var seconds = plan.ExpectedSeconds(request, pace).Skip(plan.Before.Count);
        return new(request.Scope, onGpu, [.. plan.BudgetsOf(request).Zip(
            seconds, (budget, seconds) => (2 * Tracks.FramesPerSecond * (seconds ?? 0), budget))]);
    }

    /// <summary>Returns the likely work of a request's song, in the time of a song's first token.</summary>
    public static double WorkOf(SongRequest request, SingingPace pace, bool onGpu)
    {
        var plan = SongPlan.For(request);
        var effort = Of(request, plan, pace, onGpu);
        var tokens = effort.Tokens([], 0);
        return effort.Work(tokens, plan.KeptFrames + (tokens / 2));
    }

    /// <summary>Returns the tokens of all sections that are sung here, as far as they are known or likely.</summary>
    /// <param name="finished">The tokens of each finished section.</param>
    /// <param name="current">The tokens of the section that is being sung.</param>
    public double Tokens(IReadOnlyList<int> finished, int current)
    {
        var ratio = (PriorTokens + finished.Sum()) / (PriorTokens + sections.Take(finished.Count).Sum(section => section.Tokens));
        return finished.Sum() + sections.Skip(finished.Count).Select((section, i) => Math.Clamp(
            Math.Max(section.Tokens * ratio, i == 0 ? Longer * current : 0),
            section.Budget.MinTokens,
            section.Budget.MaxTokens)).Sum();
    }

    /// <summary>Returns the share of the work that is done, which never shrinks.</summary>
    /// <param name="tokens">The tokens that are sampled, reading prompts included.</param>
    /// <param name="ofTokens">The tokens that are likely in the end, reading prompts included.</param>
    /// <param name="frames">The likely frames of the whole song.</param>
    /// <param name="stage2Share">The share of them that stage 2 has finished.</param>
    /// <param name="decodeShare">The share of them that is decoded.</param>
    public double Fraction(double tokens, double ofTokens, double frames, double stage2Share, double decodeShare)
    {
        var all = Work(ofTokens, frames);
        var later = 2 * frames * ((_stage2 * stage2Share) + (_decode * decodeShare));
        var done = all <= 0 ? 1 : (Stage1(tokens) + later) / all;
        return _done = Math.Clamp(done, _done, 1);
    }

    private double Work(double tokens, double frames) => Stage1(tokens) + (2 * frames * (_stage2 + _decode));

    private double Stage1(double tokens) => tokens + (tokens * tokens / (2 * _doublingTokens));
}
