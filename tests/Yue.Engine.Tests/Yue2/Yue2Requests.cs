using Microsoft.Extensions.Logging.Abstractions;
using Yue.Engine.Families.Yue2;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using Yue.Testing;

namespace Yue.Engine.Tests.Yue2;

/// <summary>Creates engines with the goldens' checkpoint, and requests for short songs.</summary>
internal static class Yue2Requests
{
    public const string Name = "yue2";

    /// <summary>Adds the checkpoint to options and returns them.</summary>
    public static EngineOptions Options(EngineOptions options)
    {
        options.Stage1[Name] = Yue2Goldens.LanguageModelFolder;
        options.Vae = Yue2Goldens.PathOf("YuE2-Vae");
        return options;
    }

    /// <summary>Returns an engine that replaces its model, after loading it, with the result of a function.</summary>
    public static DemoEngine Changed(EngineOptions options, Func<Yue2Model, Yue2Model> change)
    {
        Yue2Family[] families =
        [
            new(new Yue2Settings(options.Vae, options.ContextTokens), (folder, config, host, report) =>
                change(Yue2Model.Load(folder, config, host, report))),
        ];
        return new DemoEngine(new YueEngine(options, families, NullLogger<YueEngine>.Instance));
    }

    /// <summary>Returns a request for one second of sound, with a score that the model writes.</summary>
    public static SongRequest OneSecond() => new()
    {
        Model = Name,
        Lyrics = "[Verse]\nla la\n",
        Genre = "folk",
        Seed = 1,
        Plan = ScorePlan.Full,
        TargetSeconds = [1],
        Sampling = FlowSteps(2),
    };

    /// <summary>Returns a request for one second of sound, with a given score.</summary>
    public static SongRequest Given() => OneSecond() with { Score = "X:1\nK:C\nCDEF|" };

    /// <summary>Returns a request for one second of sound, without a score and therefore, by default, with guidance.</summary>
    public static SongRequest Unplanned() => OneSecond() with { Plan = ScorePlan.Off };

    public static SamplingSettings FlowSteps(int steps) => Yue2Family.About.Sampling with { FlowSteps = steps };
}

/// <summary>Runs an action once, at the first progress report of a stage.</summary>
internal sealed class ActAt(SongStage stage, Action act) : IProgress<SongProgress>
{
    private bool _done;

    public void Report(SongProgress value)
    {
        if (value.Stage == stage && !_done)
        {
            _done = true;
            act();
        }
    }
}
