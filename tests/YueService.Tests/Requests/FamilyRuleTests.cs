using System.Collections.Frozen;
using System.Text.Json;
using Xunit;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using YueService.Api.Requests;
using YueService.Jobs.Audio;

namespace YueService.Tests.Requests;

/// <summary>Tests that fields are rejected if the chosen model does not support them, and that the errors name the models that
/// do.</summary>
public sealed class FamilyRuleTests
{
    private static readonly FamilyDescription Ballad = new(
        "ballad",
        "Ballad",
        FrozenSet<SongCapability>.Empty,
        FrozenSet.Create(StringComparer.Ordinal, "lyrics", "genre", "seed", "sampling.top_k"))
    {
        Licence = new("MIT", new("https://example.org")),
    };

    private static readonly ModelDescription[] Models =
    [
        new("ballad-1", Ballad),
        new("en-cot", ModelFamilies.Descriptions[0]),
        new("en-icl", ModelFamilies.Descriptions[0]),
    ];

    [Fact]
    public void Every_unsupported_field_is_named_with_the_models_that_support_it()
    {
        var faults = Faults(
            """{"lyrics":"la","model":"ballad-1","run_n_segments":3,"sampling":{"top_k":7,"top_p":0.5},"output":{"stems":true},"top":1}""");
        Assert.Equal(["output.stems", "run_n_segments", "sampling.top_p"], faults.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(
            "sampling.top_p is not supported by the model ballad-1 (Ballad); leave it out, "
                + "or choose a model that supports it: en-cot, en-icl.",
            faults["sampling.top_p"]);
    }

    [Fact]
    public void The_default_model_rejects_unsupported_fields_too() =>
        Assert.Equal(["instrumental"], Faults("""{"lyrics":"la","instrumental":true}""").Keys);

    [Fact]
    public void A_field_that_no_model_supports_must_be_left_out() => Assert.Equal(
        "instrumental is not supported by the model ballad-1 (Ballad) or by any other model of this service; leave it out.",
        Faults("""{"lyrics":"la","instrumental":true}""", Models[..1])["instrumental"]);

    [Theory]
    [InlineData("""{"lyrics":"la","model":"en-cot","sampling":{"top_p":0.5},"output":{"stems":true}}""")]
    [InlineData("""{"lyrics":"la","genre":"folk","seed":1,"sampling":{"top_k":7},"client_job_id":"a","output":{"format":"wav"}}""")]
    [InlineData("""{"lyrics":"la","run_n_segments":2,"stage":"full","return_codes":false,"sampling":{"top_p":0.93,"top_k":null}}""")]
    [InlineData("""{"lyrics":"la","run_n_segments":null,"sampling":{}}""")]
    public void Supported_fields_and_the_defaults_of_other_fields_are_accepted(string body) => Assert.Empty(Faults(body));

    [Fact]
    public void A_clip_sent_as_a_file_is_checked_like_a_field()
    {
        using var json = JsonDocument.Parse("""{"lyrics":"la"}""");
        var files = new Dictionary<string, ClipFile> { ["reference.audio"] = ClipFile.Of([1]) };
        PredictReader.Read(json.RootElement, files, strict: false, Models, out var findings);
        Assert.Equal(["reference.audio"], findings.Errors.Keys);
    }

    [Fact]
    public void A_song_is_continued_with_the_fields_of_its_own_model() => Assert.Empty(Faults(
        """
        {"lyrics":"[verse]\nla\n[chorus]\nla","run_n_segments":1,
         "continue_from":{"model":"en-cot","sections":[{"tag":"verse","vocal":[1],"instrumental":[2]}]}}
        """));

    [Fact]
    public void Fields_of_speech_requests_are_checked_under_their_own_names()
    {
        using var json = JsonDocument.Parse("""{"input":"la","instructions":"folk","seed":1}""");
        var mute = new ModelDescription("mute", Ballad with { Fields = FrozenSet.Create(StringComparer.Ordinal, "lyrics") });
        SpeechReader.Read(json.RootElement, strict: false, [mute, .. Models], out var findings);
        Assert.Equal(["instructions", "seed"], findings.Errors.Keys.Order(StringComparer.Ordinal));
        Assert.Contains(
            "choose a model that supports it: ballad-1, en-cot, en-icl", findings.Errors["instructions"][0], StringComparison.Ordinal);
    }

    private static Dictionary<string, string> Faults(string body, ModelDescription[]? models = null)
    {
        using var json = JsonDocument.Parse(body);
        PredictReader.Read(json.RootElement, new Dictionary<string, ClipFile>(), strict: false, models ?? Models, out var findings);
        return findings.Errors.ToDictionary(error => error.Key, error => Assert.Single(error.Value));
    }
}
