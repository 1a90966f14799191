using System.Net;
using System.Text.Json;
using Xunit;
using YueService.Tests.Fakes;

namespace YueService.Tests.Http;

/// <summary>Tests the endpoint that checks a request.</summary>
public sealed class SongCheckTests : IDisposable
{
    private readonly YueApp _app = new();
    private readonly HttpClient _client;

    public SongCheckTests() => _client = _app.CreateClient();

    public void Dispose()
    {
        _client.Dispose();
        _app.Dispose();
    }

    [Fact]
    public async Task The_check_of_a_valid_request_returns_sections_and_tokens_and_makes_no_song()
    {
        _app.Engine.Size = new(321, 4096, [new("model", "reference", "the model cannot follow it")]);
        var check = await CheckAsync("""{"lyrics":"[verse]\nla la 😀\n\n[Pre-Chorus]\nlo","run_n_segments":1,"target_seconds":12.5}""");
        Assert.True(check.GetProperty("valid").GetBoolean());
        Assert.Empty(check.GetProperty("errors").EnumerateObject());
        Assert.Equal(
            """[{"tag":"verse","written":"verse","start":0,"end":15,"in_song":true,"estimated_seconds":12.5},"""
                + """{"tag":"PreChorus","written":"Pre-Chorus","start":17,"end":32,"in_song":false,"estimated_seconds":null}]""",
            check.GetProperty("sections").GetRawText());
        Assert.Equal(
            ["tag_of_several_words 17-29", "section_not_sung 17-32", "model -"],
            check.GetProperty("warnings").EnumerateArray().Select(warning =>
                $"{warning.GetProperty("code")} {warning.GetProperty("start")}-{warning.GetProperty("end")}"));
        Assert.Equal((321, 4096), (check.GetProperty("prompt_tokens").GetInt32(), check.GetProperty("context_tokens").GetInt32()));
        Assert.Equal(JsonValueKind.Null, check.GetProperty("estimated_wait_seconds").ValueKind);
        Assert.Empty(_app.Engine.Requests);
        Assert.Empty((await _client.GetJsonAsync("/v1/songs")).GetProperty("songs").EnumerateArray());
    }

    [Theory]
    [InlineData("""{}""")]
    [InlineData("""[]""")]
    [InlineData("""{"lyrics":"  "}""")]
    [InlineData("""{"lyrics":"---"}""")]
    [InlineData("""{"lyrics":5,"genre":"\ud800","seed":"x","sampling":{"top_p":2},"output":{"format":"ogg"}}""")]
    [InlineData("""{"\ud800":1,"lyrics":5,"\ud800lyrics":1,"\ud800lyrics":2}""")]
    [InlineData("""{"lyrics":"la","stage":"draft","output":{"sample_rate":44100}}""")]
    [InlineData("""{"lyrics":"la","stage":"finish"}""")]
    [InlineData("""{"lyrics":"la","continue_from":"nothing"}""")]
    [InlineData("""{"lyrics":"la","model":"other","title":"\n"}""")]
    [InlineData("""{"lyrics":"la","reference":{"audio":"AAAA"}}""")]
    public async Task The_errors_equal_those_of_a_refused_request(string body)
    {
        using var refused = await _client.PostSongAsync(body);
        var problem = await refused.ProblemAsync(HttpStatusCode.UnprocessableEntity, "urn:yue:invalid-request");
        var check = await CheckAsync(body);
        Assert.False(check.GetProperty("valid").GetBoolean());
        Assert.Equal(problem.GetProperty("errors").GetRawText(), check.GetProperty("errors").GetRawText());
    }

    [Theory]
    [InlineData("prompt_too_long", "lyrics")]
    [InlineData("prompt_too_long", "max_new_tokens")]
    [InlineData("unsingable", "lyrics")]
    public async Task A_song_that_is_certain_to_fail_is_refused_and_creates_no_job(string code, string field)
    {
        _app.Engine.Size = new(5000, 4096, []) { Fault = new(code, field, "genre line and lyrics take 5000 tokens: shorten the lyrics") };
        const string Body = """{"lyrics":"la"}""";
        using var refused = await _client.PostSongAsync(Body);
        var problem = await refused.ProblemAsync(HttpStatusCode.UnprocessableEntity, "urn:yue:unsingable");
        Assert.Equal([_app.Engine.Size.Fault.Message], problem.GetProperty("errors").GetProperty(field).Strings());
        Assert.Empty((await _client.GetJsonAsync("/v1/songs")).GetProperty("songs").EnumerateArray());

        using var predicted = await _client.PredictAsync(Body);
        await predicted.ProblemAsync(HttpStatusCode.UnprocessableEntity, "urn:yue:unsingable");
        using var spoken = await _client.PostSongAsync("""{"input":"la"}""", path: "/v1/audio/speech");
        await spoken.ProblemAsync(HttpStatusCode.UnprocessableEntity, "urn:yue:unsingable");
        Assert.Empty(_app.Engine.Requests);

        var check = await CheckAsync(Body);
        Assert.False(check.GetProperty("valid").GetBoolean());
        Assert.Equal(problem.GetProperty("errors").GetRawText(), check.GetProperty("errors").GetRawText());
        Assert.Equal((5000, 4096), (check.GetProperty("prompt_tokens").GetInt32(), check.GetProperty("context_tokens").GetInt32()));
        Assert.DoesNotContain(code, check.GetProperty("warnings").EnumerateArray().Select(one => one.GetProperty("code").GetString()));
    }

    [Fact]
    public async Task The_estimated_wait_is_the_time_until_this_song_is_finished()
    {
        _app.Engine.Work = request => request.Lyrics.Length;
        var path = await _client.SubmitAsync("la");
        await _client.WhenAsync(path, "succeeded");

        // The fake engine reports 3.25 s for every song, and the finished song had two letters.
        Assert.Equal(3.3, await WaitAsync("""{"lyrics":"lo"}"""), 0.11);
        Assert.Equal(16.3, await WaitAsync("""{"lyrics":"la la la l"}"""), 0.11);
        Assert.Equal(32.5, await WaitAsync("""{"lyrics":"la la la l","takes":2}"""), 0.11);
        _app.Engine.Slots = 0;
        await _client.SubmitAsync("la la la la la la la");
        Assert.Equal(32.5 + 3.3, await WaitAsync("""{"lyrics":"lo"}"""), 0.11);
    }

    [Fact]
    public async Task Lyrics_of_an_invalid_request_are_checked_too()
    {
        var check = await CheckAsync("""{"lyrics":"𠮷\n[chorus]\nla [x2]\n[intro]\n","genre":"\u0000","seed":"x","seeed":1}""");
        Assert.Equal(["genre", "seed"], check.GetProperty("errors").EnumerateObject().Select(error => error.Name).Order());
        Assert.Equal(["verse", "chorus", "intro"], check.GetProperty("sections").EnumerateArray().Select(Tag));
        Assert.Equal(
            ["unknown_field", "text_before_tag", "note", "section_without_words", "section_not_sung"],
            check.GetProperty("warnings").EnumerateArray().Select(warning => warning.GetProperty("code").GetString()));
        var note = check.GetProperty("warnings")[2];
        Assert.Equal((14, 18), (note.GetProperty("start").GetInt32(), note.GetProperty("end").GetInt32()));
    }

    [Fact]
    public async Task Errors_without_a_field_are_assigned_to_a_field()
    {
        _app.Encoder.HasFfmpeg = false;
        var flac = (await CheckAsync("""{"lyrics":"la","output":{"format":"flac"}}""")).GetProperty("errors");
        Assert.Contains("flac needs ffmpeg", flac.GetProperty("output.format")[0].GetString(), StringComparison.Ordinal);

        _app.Engine.Slots = 0;
        var waiting = await _client.SubmitAsync("la");
        var early = await CheckAsync($$"""{"continue_from":"{{waiting.Split('/')[^1]}}"}""");
        Assert.Contains("queued", early.GetProperty("errors").GetProperty("continue_from")[0].GetString(), StringComparison.Ordinal);

        _app.Engine.Status = _app.Engine.Status with { IsDemo = true };
        var mute = await CheckAsync("""{"lyrics":"[verse]\nпрс"}""");
        Assert.Contains("no vowel", mute.GetProperty("errors").GetProperty("lyrics")[0].GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_body_that_is_not_JSON_causes_a_400()
    {
        using var response = await _client.PostSongAsync("{", path: "/v1/songs/check");
        await response.ProblemAsync(HttpStatusCode.BadRequest, "urn:yue:malformed-json");
    }

    [Fact]
    public async Task Requests_can_be_checked_while_the_queue_is_full_or_models_load()
    {
        _app.FillQueue();
        _app.Engine.Size = null;
        _app.Engine.Status = _app.Engine.Status with { State = Yue.Engine.Scheduling.EngineState.Loading, SongModels = [] };
        var check = await CheckAsync("""{"lyrics":"la","model":"anything"}""");
        Assert.True(check.GetProperty("valid").GetBoolean());
        Assert.Equal(JsonValueKind.Null, check.GetProperty("prompt_tokens").ValueKind);
    }

    [Fact]
    public async Task A_model_that_no_worker_has_causes_a_warning()
    {
        var known = _app.Engine.Status.SongModels;
        _app.Engine.Status = _app.Engine.Status with { SongModels = [known[0]], AbsentModels = [known[1]] };
        var check = await CheckAsync("""{"lyrics":"[verse]\nla","model":"en-icl"}""");
        Assert.True(check.GetProperty("valid").GetBoolean());
        var warning = Assert.Single(check.GetProperty("warnings").EnumerateArray());
        Assert.Equal(("no_worker", "model"), (warning.GetProperty("code").GetString(), warning.GetProperty("field").GetString()));
        Assert.Equal(JsonValueKind.Null, check.GetProperty("estimated_wait_seconds").ValueKind);
    }

    [Fact]
    public async Task Sections_of_lyrics_that_were_not_sent_have_no_positions()
    {
        var path = await _client.SubmitAsync("[verse]\\nla\\n[chorus]\\nlo\\n[outro]\\nli");
        await _client.WhenAsync(path, "succeeded");
        var check = await CheckAsync($$"""{"continue_from":"{{path.Split('/')[^1]}}"}""");
        var sections = check.GetProperty("sections").EnumerateArray().ToList();
        Assert.Equal(["verse", "chorus", "outro"], sections.Select(Tag));
        Assert.All(sections, section => Assert.Equal(JsonValueKind.Null, section.GetProperty("start").ValueKind));

        // The first two sections are kept unchanged. The first has three frames, the second has one.
        Assert.Equal([0.1, 0.0], sections.Take(2).Select(section => section.GetProperty("estimated_seconds").GetDouble()));
    }

    [Fact]
    public async Task The_number_of_warnings_is_limited_and_the_rest_are_counted()
    {
        var check = await CheckAsync(JsonSerializer.Serialize(new { lyrics = string.Concat(Enumerable.Repeat("[x2]\n", 300)) + "la" }));
        var warnings = check.GetProperty("warnings");
        Assert.Equal(201, warnings.GetArrayLength());
        Assert.Equal("warnings that are not listed: 101", warnings[200].GetProperty("message").GetString());
    }

    private async Task<JsonElement> CheckAsync(string body)
    {
        using var response = await _client.PostSongAsync(body, path: "/v1/songs/check");
        return await response.SongAsync();
    }

    private async Task<double> WaitAsync(string body) => (await CheckAsync(body)).GetProperty("estimated_wait_seconds").GetDouble();

    private static string Tag(JsonElement section) => section.GetProperty("tag").GetString()!;
}
