using Yue.Engine.Families.Yue1.Stage1;
using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Llama;
using Yue.Engine.Songs;

namespace Yue.Engine.Families.Yue1;

/// <summary>Estimates the finished fraction of a song's work from the expected lengths of its sections.</summary>
/// <remarks>The unit of work is the time that a song's first token takes. The constants were measured; they need only be approximately
/// right. On the CPU, <c>_doublingTokens</c> and <c>_stage2</c> are between the values of an idle machine (1,400 and 1.8) and those of a
/// machine whose cores are busy with other programs (350 and 5).</remarks>
/// <param name="scope">The stages of the song.</param>
/// <param name="devices">The devices of the models. On a GPU, late tokens of a song take only slightly longer than early ones.</param>
/// <param name="sections">The expected number of tokens and the budget of each section to sing.</param>
internal sealed class SongEffort(SongScope scope, SongDevices devices, IReadOnlyList<(double Tokens, SectionBudget Budget)> sections)
{
    // With the language models on a GPU, decoding a token's sound on the CPU was measured at 0.65 units of work with 16 cores, and about
    // 3.4 with two. This constant divided by the number of cores is close enough.
    private const double DecodeWorkOnOneCore = 8;

    // Finished sections correct the estimates for the remaining ones; this prior has the weight of ten seconds of song.
    private const double PriorTokens = 1000;

    // A section that is longer than expected is assumed to continue for a while.
    private const double Longer = 1.1;

    // After this many tokens, a token takes twice as long as the first one.
    private readonly double _doublingTokens = devices.LanguageOnGpu ? 100_000 : 700;

    // The work of stage 2 and of decoding, per token.
    private readonly double _stage2 = scope == SongScope.Draft ? 0 : devices.LanguageOnGpu ? 0.75 : 3.2;
    private readonly double _decode = DecodeWork(devices, CpuWork.Cores);

    private double _done;

    /// <summary>Returns the effort of a request's song.</summary>
    public static SongEffort Of(SongRequest request, SongPlan plan, SingingPace pace, SongDevices devices)
    {
        var seconds = plan.ExpectedSeconds(request, pace).Skip(plan.Before.Count);
        return new(request.Scope, devices, [.. plan.BudgetsOf(request).Zip(
            seconds, (budget, seconds) => (2 * Tracks.FramesPerSecond * (seconds ?? 0), budget))]);
    }

    /// <summary>Returns the expected work of a request's song, in units of the time of a song's first token.</summary>
    public static double WorkOf(SongRequest request, SingingPace pace, SongDevices devices)
    {
        var plan = SongPlan.For(request);
        var effort = Of(request, plan, pace, devices);
        var tokens = effort.Tokens([], 0);
        return effort.Work(tokens, plan.KeptFrames + (tokens / 2));
    }

    /// <summary>Returns the work of decoding the sound of a token.</summary>
    /// <param name="devices">The devices of the models.</param>
    /// <param name="cores">The number of CPU cores.</param>
    public static double DecodeWork(SongDevices devices, int cores) =>
        devices.SoundOnGpu ? 0.05 : devices.LanguageOnGpu ? DecodeWorkOnOneCore / cores : 0.3;

    /// <summary>Returns the known or expected number of tokens in all sections to sing.</summary>
    /// <param name="finished">The number of tokens of each finished section.</param>
    /// <param name="current">The number of tokens of the section that is being sung.</param>
    public double Tokens(IReadOnlyList<int> finished, int current)
    {
        var ratio = (PriorTokens + finished.Sum()) / (PriorTokens + sections.Take(finished.Count).Sum(section => section.Tokens));
        return finished.Sum() + sections.Skip(finished.Count).Select((section, i) => Math.Clamp(
            Math.Max(section.Tokens * ratio, i == 0 ? Longer * current : 0),
            section.Budget.MinTokens,
            section.Budget.MaxTokens)).Sum();
    }

    /// <summary>Returns the finished fraction of the work, which never decreases.</summary>
    /// <param name="tokens">The number of sampled tokens, plus the work of reading prompts, in units of tokens.</param>
    /// <param name="allTokens">The expected final value of <paramref name="tokens"/>.</param>
    /// <param name="frames">The expected number of frames of the whole song.</param>
    /// <param name="stage2Share">The fraction of <paramref name="frames"/> that stage 2 has finished.</param>
    /// <param name="decodeShare">The fraction of <paramref name="frames"/> that is decoded.</param>
    public double Fraction(double tokens, double allTokens, double frames, double stage2Share, double decodeShare)
    {
        var all = Work(allTokens, frames);
        var later = 2 * frames * ((_stage2 * stage2Share) + (_decode * decodeShare));
        var done = all <= 0 ? 1 : (Stage1(tokens) + later) / all;
        return _done = Math.Clamp(done, _done, 1);
    }

    private double Work(double tokens, double frames) => Stage1(tokens) + (2 * frames * (_stage2 + _decode));

    private double Stage1(double tokens) => tokens + (tokens * tokens / (2 * _doublingTokens));
}
