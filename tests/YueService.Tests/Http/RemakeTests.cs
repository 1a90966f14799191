using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Xunit;
using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Songs;
using YueService.Tests.Fakes;

namespace YueService.Tests.Http;

/// <summary>Tests requests that continue from a song's codes or run only some stages.</summary>
public sealed class RemakeTests : IDisposable
{
    private const string Codes =
        """{"model":"en-cot","sections":["""
        + """{"tag":"verse","vocal":[1,2,3],"instrumental":[1021,1022,1023],"ended":"end_of_audio"},"""
        + """{"tag":"chorus","vocal":[4],"instrumental":[5],"ended":"max_new_tokens","unpaired":6}]}""";

    private const string Lyrics = """[verse]\na\n[chorus]\nb\n[outro]\nc""";
    private readonly YueApp _app = new();
    private readonly HttpClient _client;

    public RemakeTests() => _client = _app.CreateClient();

    public void Dispose()
    {
        _client.Dispose();
        _app.Dispose();
    }

    /// <summary>Body, invalid field, and a part of the expected message.</summary>
    public static TheoryData<string, string, string> Faults => new()
    {
        // Invalid codes.
        { Remake("""{"sections":[{"tag":"verse","vocal":[1],"instrumental":[1]}]}"""), "continue_from.model", "is missing" },
        { Remake("""{"model":"en-cot"}"""), "continue_from.sections", "is missing; send an array of 1 to 100 objects" },
        { Remake("""{"model":"en-cot","sections":[]}"""), "continue_from.sections", "has 0 items; send an array of 1 to 100 objects" },
        { Remake("""{"model":"en-cot","sections":[3]}"""), "continue_from.sections[0]", "is the number 3; send an object" },
        { Remake(Section("""[1]""", """[1]""", tag: "null")), "continue_from.sections[0].tag", "is missing" },
        { Remake(Section("""[0,1024]""", """[0,1]""")), "continue_from.sections[0].vocal[1]", "is 1024; "
            + "send a whole number from 0 to 1023" },
        { Remake(Section("""[0,1]""", """[-1,1]""")), "continue_from.sections[0].instrumental[0]", "is -1; "
            + "send a whole number from 0 to 1023" },
        { Remake(Section("""[0.5]""", """[1]""")), "continue_from.sections[0].vocal[0]", "is 0.5" },
        { Remake(Section("""["1"]""", """[1]""")), "continue_from.sections[0].vocal[0]", "is the text \"1\"" },
        { Remake(Section("""[]""", """[1]""")), "continue_from.sections[0].vocal", "has 0 items; "
            + "send an array of 1 to 5000 whole numbers" },
        { Remake(Section("""null""", """[1]""")), "continue_from.sections[0].vocal", "is missing" },
        { Remake(Section("""[1,2]""", """[1]""")), "continue_from.sections[0].instrumental", "differs from vocal in its number of "
            + "codes (1 and 2); send the same number for both tracks" },
        { Remake(Section("""[1]""", """[1]""", ""","ended":"cut" """)), "continue_from.sections[0].ended", "send "
            + "\"end_of_audio\" or \"max_new_tokens\"" },
        { Remake(Section("""[1]""", """[1]""", ""","unpaired":1024""")), "continue_from.sections[0].unpaired", "from 0 to 1023" },

        // Codes that contradict the rest of the request.
        { Remake(Section("""[1]""", """[1]""", model: "zh-cot")), "continue_from", "was sung by the model zh-cot, "
            + "which is not available; the models are en-cot, en-icl" },
        { Remake(Codes, ""","model":"en-icl" """), "model", "is en-icl, but en-cot sang the song in continue_from" },
        { """{"lyrics":"[verse]\na\n[chorus]\nb","continue_from":""" + Codes + "}", "lyrics", "leaves nothing to sing "
            + "(sections of the lyrics: 2, of continue_from: 2)" },
        { """{"lyrics":"[outro]\na","replace_section":1,"continue_from":""" + Codes + "}", "lyrics", "leaves nothing to sing "
            + "(sections of the lyrics: 1, of continue_from: 2)" },
        { """{"lyrics":"[outro]\na\n[verse]\nb\n[chorus]\nc","continue_from":""" + Codes + "}", "lyrics", "has [outro] as section 1, "
            + "but continue_from has verse" },
        { Remake(Codes, ""","replace_section":3"""), "replace_section", "is 3, "
            + "but the last section of continue_from is 2; send a whole number from 1 to 2" },
        { """{"lyrics":"la","replace_section":1}""", "replace_section", "needs continue_from" },
        { """{"stage":"finish"}""", "continue_from", "is missing, but stage is \"finish\"" },
        { """{"continue_from":""" + Codes + ""","stage":"finish","replace_section":1}""", "replace_section", "has no "
            + "meaning with stage \"finish\"" },
        { """{"continue_from":""" + Codes + ""","stage":"finish","target_seconds":9}""", "target_seconds", "has no "
            + "meaning with stage \"finish\"" },
        { """{"lyrics":"la","stage":"draft","output":{"sample_rate":44100}}""", "output.sample_rate", "is 44100, but stage is \"draft\"" },
        { """{"lyrics":"[verse]b[chorus]d[outro]f","target_seconds":[3,4,5]}""", "target_seconds", "has 3 items, but 2 sections are sung" },
        { """{"lyrics":"la","target_seconds":30.5,"max_new_tokens":3000}""", "target_seconds", "requests 30.5 s, which is 3050 tokens, "
            + "but max_new_tokens is 3000" },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task Invalid_codes_and_contradictory_fields_are_reported(string body, string path, string expected)
    {
        using var response = await _client.PredictAsync(body);
        var (field, message) = Assert.Single(await response.FieldErrorsAsync());
        Assert.Equal(path, field);
        Assert.StartsWith(path + " ", message, StringComparison.Ordinal);
        Assert.Contains(expected, message, StringComparison.Ordinal);
        Assert.Empty(_app.Engine.Requests);
    }

    [Fact]
    public async Task Errors_in_several_sections_are_reported_together()
    {
        using var response = await _client.PredictAsync(Remake(
            """
            {"model":"en-cot","sections":[
             {"tag":"a","vocal":[1,-1],"instrumental":[2048,1]},7,{"tag":"b","vocal":[1],"instrumental":"1"}]}
            """));
        Assert.Equal(
            [
                "continue_from.sections[0].instrumental[0]",
                "continue_from.sections[0].vocal[1]",
                "continue_from.sections[1]",
                "continue_from.sections[2].instrumental",
            ],
            (await response.FieldErrorsAsync()).Keys.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Codes_longer_than_half_an_hour_are_refused()
    {
        using var longest = await _client.PredictAsync(Remake(Sections(18, 5000), ""","stage":"finish" """));
        await longest.SongAsync();
        using var tooLong = await _client.PredictAsync(Remake(Sections(19, 5000), ""","stage":"finish" """));
        Assert.Contains(
            "has 95000 frames in total; send at most 90000", (await tooLong.FieldErrorsAsync())["continue_from.sections"],
            StringComparison.Ordinal);
        using var tooMany = await _client.PredictAsync(Remake(Sections(101, 1), ""","stage":"finish" """));
        Assert.Contains("has 101 items", (await tooMany.FieldErrorsAsync())["continue_from.sections"], StringComparison.Ordinal);
        using var section = await _client.PredictAsync(Remake(Sections(1, 5001), ""","stage":"finish" """));
        Assert.Equal(
            ["continue_from.sections[0].instrumental", "continue_from.sections[0].vocal"], (await section.FieldErrorsAsync()).Keys.Order());
    }

    [Fact]
    public async Task A_body_of_codes_over_the_limit_causes_a_413()
    {
        using var app = new YueApp(("Yue:MaxBodyBytes", "2000"));
        using var client = app.CreateClient();
        using var response = await client.PredictAsync(Remake(Sections(1, 1000)));
        await response.ProblemAsync(HttpStatusCode.RequestEntityTooLarge, "urn:yue:body-too-large");
    }

    [Fact]
    public async Task Codes_are_returned_on_request_and_passed_to_the_engine_unchanged()
    {
        using var first = await _client.PredictAsync("""{"lyrics":"[verse]\na\n[chorus]\nb","return_codes":true}""");
        var song = await first.SongAsync();
        Assert.Equal("full", song.GetProperty("stage").GetString());
        var codes = song.GetProperty("codes").ToString();
        Assert.Equal(Codes, codes);

        using var second = await _client.PredictAsync(Remake(codes));
        var continued = await second.SongAsync();
        Assert.Equal(JsonValueKind.Null, continued.GetProperty("codes").ValueKind);
        Assert.Empty(continued.GetProperty("warnings").Strings());
        var request = _app.Engine.Requests.Last();
        Assert.Equal("en-cot", request.Model);
        Assert.Equal(
            FakeSongEngine.Codes.Sections.Select(section => section.ToIds()),
            request.ContinueFrom!.Sections.Select(section => section.ToIds()));
        Assert.Equal(["verse", "chorus"], request.ContinueFrom.Sections.Select(section => section.Tag));
    }

    [Fact]
    public async Task A_file_response_has_a_warning_instead_of_codes()
    {
        using var response = await _client.PredictAsync(
            """{"lyrics":"la","return_codes":true}""",
            request => request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("audio/wav")));
        Assert.Contains("return_codes was ignored", response.Headers.GetValues("X-Yue-Warnings").Single(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Absent_fields_get_the_defaults_of_the_stage()
    {
        await SingAsync("""{"lyrics":"la","stage":"draft"}""");
        await SingAsync("""{"instrumental":true}""");
        await SingAsync("""{"stage":"finish","continue_from":""" + Codes + "}");
        await SingAsync("""{"lyrics":"[verse]b[chorus]d[outro]f","target_seconds":60}""");
        await SingAsync(Remake(Codes, ""","target_seconds":[7.5]"""));
        var requests = _app.Engine.Requests.ToArray();
        Assert.Equal((SongScope.Draft, 16_000), (requests[0].Scope, requests[0].Output.SampleRate));
        Assert.Equal((true, "[verse]\n\n[chorus]"), (requests[1].Instrumental, requests[1].Lyrics));
        Assert.Equal((SongScope.Finish, "", "en-cot"), (requests[2].Scope, requests[2].Lyrics, requests[2].Model));
        Assert.Equal([60.0, 60.0], requests[3].TargetSeconds!);
        Assert.Equal([7.5], requests[4].TargetSeconds!);
    }

    private static string Remake(string codes, string fields = "") => $$"""{"lyrics":"{{Lyrics}}","continue_from":{{codes}}{{fields}}}""";

    private static string Section(
        string vocal, string instrumental, string fields = "", string model = "en-cot", string tag = "\"verse\"") =>
        $$"""{"model":"{{model}}","sections":[{"tag":{{tag}},"vocal":{{vocal}},"instrumental":{{instrumental}}{{fields}}}]}""";

    private static string Sections(int count, int frames)
    {
        var track = $"[{string.Join(',', Enumerable.Repeat(1023, frames))}]";
        var sections = Enumerable.Repeat($$"""{"tag":"verse","vocal":{{track}},"instrumental":{{track}}}""", count);
        return new StringBuilder("""{"model":"en-cot","sections":[""").AppendJoin(',', sections).Append("]}").ToString();
    }

    private async Task SingAsync(string body)
    {
        using var response = await _client.PredictAsync(body);
        await response.SongAsync();
    }
}
