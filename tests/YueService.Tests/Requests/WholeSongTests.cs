using System.Text.Json;
using Xunit;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using YueService.Api.Requests;
using YueService.Jobs.Audio;

namespace YueService.Tests.Requests;

/// <summary>Tests requests for a YuE 2 model.</summary>
public sealed class WholeSongTests
{
    private static readonly ModelDescription[] Models =
        [new("en-cot", ModelFamilies.Descriptions[0]), new("yue2", ModelFamilies.Descriptions[1])];

    [Fact]
    public void Absent_fields_have_the_defaults_of_YuE_2()
    {
        var song = Song("""{"lyrics":"[Verse]\nla\n","model":"yue2"}""");
        Assert.Equal((ScorePlan.Full, null, null), (song.Plan, song.Score, song.TargetSeconds));
        Assert.Equal(
            new SamplingSettings { Temperature = 1, TopP = 0.95, TopK = 100, RepetitionPenalty = 1.2, FlowSteps = 32 }, song.Sampling);
        Assert.Equal("[Intro]\n\n[Verse]\n\n[Chorus]\n\n[Outro]\n", Song("""{"instrumental":true,"model":"yue2"}""").Lyrics);
        Assert.Equal("[verse]\n\n[chorus]", Song("""{"instrumental":true,"model":"en-cot"}""").Lyrics);
        Assert.Null(Song("""{"lyrics":"la","model":"en-cot","plan":"full","sampling":{"flow_steps":32}}""").Plan);
    }

    [Fact]
    public void Every_field_reaches_the_song()
    {
        var song = Song(
            """
            {"model":"yue2","lyrics":"…","plan":"melody","score":"X:1\nK:C\n","target_seconds":300.5,"seed":7,"instrumental":true,
             "sampling":{"flow_steps":8,"top_k":0,"top_p":0.5,"temperature":0.7,"repetition_penalty":1.5,"guidance_scale":2},
             "output":{"fade_out_seconds":3,"loudness_lufs":-14}}
            """);
        Assert.Equal((ScorePlan.Melody, "X:1\nK:C\n", true, "…", 7), (song.Plan, song.Score, song.Instrumental, song.Lyrics, song.Seed));
        Assert.Equal([300.5], song.TargetSeconds);
        Assert.Equal(
            new SamplingSettings { Temperature = 0.7, TopP = 0.5, TopK = 0, RepetitionPenalty = 1.5, GuidanceScale = 2, FlowSteps = 8 },
            song.Sampling);
        Assert.Equal(SongScope.Score, Song("""{"model":"yue2","lyrics":"la","stage":"score"}""").Scope);
    }

    [Theory]
    [InlineData("stage", "\"stage\":\"draft\"")]
    [InlineData("stage", "\"stage\":\"finish\"")]
    [InlineData("plan", "\"plan\":\"off\",\"stage\":\"score\"")]
    [InlineData("plan", "\"plan\":\"Full\"")]
    [InlineData("score", "\"score\":\"K:C\",\"plan\":\"off\"")]
    [InlineData("score", "\"score\":\"K:C\",\"stage\":\"score\"")]
    [InlineData("score", "\"score\":\" \\n\"")]
    [InlineData("score", "\"score\":\"\"")]
    [InlineData("target_seconds", "\"target_seconds\":[1,2]")]
    [InlineData("target_seconds", "\"target_seconds\":901")]
    [InlineData("sampling.flow_steps", "\"sampling\":{\"flow_steps\":0}")]
    [InlineData("sampling.flow_steps", "\"sampling\":{\"flow_steps\":101}")]
    [InlineData("max_new_tokens", "\"max_new_tokens\":500")]
    [InlineData("run_n_segments", "\"run_n_segments\":1")]
    [InlineData("output.stems", "\"output\":{\"stems\":true}")]
    [InlineData("output.sample_rate", "\"output\":{\"sample_rate\":16000}")]
    [InlineData(
        "continue_from",
        "\"continue_from\":{\"model\":\"yue2\",\"sections\":[{\"tag\":\"verse\",\"vocal\":[1],\"instrumental\":[2]}]}")]
    [InlineData("reference.audio", "\"reference\":{\"audio\":\"AAAA\"}")]
    public void An_unsupported_or_invalid_field_is_named(string field, string json) =>
        Assert.Equal([field], Faults($$"""{"model":"yue2","lyrics":"la",{{json}}}""").Keys);

    [Theory]
    [InlineData("score", "\"score\":\"K:C\"")]
    [InlineData("plan", "\"plan\":\"melody\"")]
    [InlineData("sampling.flow_steps", "\"sampling\":{\"flow_steps\":8}")]
    [InlineData("target_seconds", "\"target_seconds\":101")]
    [InlineData("stage", "\"stage\":\"score\"")]
    public void YuE_1_refuses_the_fields_of_YuE_2(string field, string json) =>
        Assert.Equal([field], Faults($$"""{"model":"en-cot","lyrics":"la",{{json}}}""").Keys);

    [Fact]
    public void Stage_score_can_rewrite_a_given_score_as_an_instrumental() =>
        Assert.Empty(Faults("""{"model":"yue2","instrumental":true,"score":"K:C","stage":"score"}"""));

    private static SongRequest Song(string body)
    {
        using var json = JsonDocument.Parse(body);
        var command = PredictReader.Read(json.RootElement, new Dictionary<string, ClipFile>(), strict: true, Models, out var findings);
        Assert.Empty(findings.Errors);
        return command!.Song;
    }

    private static IReadOnlyDictionary<string, string[]> Faults(string body)
    {
        using var json = JsonDocument.Parse(body);
        PredictReader.Read(json.RootElement, new Dictionary<string, ClipFile>(), strict: true, Models, out var findings);
        return findings.Errors;
    }
}
