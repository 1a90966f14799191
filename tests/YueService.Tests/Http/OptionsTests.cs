using System.Text.Json;
using Xunit;
using Yue.Engine.Audio;
using Yue.Engine.Songs;
using YueService.Api.Requests;
using YueService.Tests.Fakes;

namespace YueService.Tests.Http;

/// <summary>Tests <c>/v1/options</c>, the options of song requests.</summary>
public sealed class OptionsTests : IDisposable
{
    private readonly YueApp _app = new();
    private readonly HttpClient _client;

    public OptionsTests() => _client = _app.CreateClient();

    public void Dispose()
    {
        _client.Dispose();
        _app.Dispose();
    }

    [Fact]
    public async Task Every_field_has_its_bounds_and_its_default()
    {
        var fields = (await GetAsync()).GetProperty("fields");
        Assert.Equal(SongFields.All.Select(field => field.Path), fields.EnumerateArray().Select(field => Text(field, "name")));

        var topP = Field(fields, "sampling.top_p");
        Assert.Equal(
            (0.01, 1.0, 0.93, "number"),
            (Number(topP, "minimum"), Number(topP, "maximum"), Number(topP, "default"), Text(topP, "type")));
        var lyrics = Field(fields, "lyrics");
        Assert.Equal((1, 20_000), (lyrics.GetProperty("min_length").GetInt32(), lyrics.GetProperty("max_length").GetInt32()));
        Assert.True(lyrics.GetProperty("required").GetBoolean());
        Assert.Equal(["full", "draft", "finish", "score"], Field(fields, "stage").GetProperty("values").Strings());
        Assert.Equal("[44100,16000]", Field(fields, "output.sample_rate").GetProperty("values").GetRawText());
        Assert.Equal(JsonValueKind.Null, Field(fields, "seed").GetProperty("minimum").ValueKind);
        Assert.Equal(AudioDecoder.MaxBytes, Field(fields, "reference.audio").GetProperty("max_bytes").GetInt64());
        Assert.Equal([FakeSongEngine.ModelName, "en-icl"], Field(fields, "title").GetProperty("models").Strings());
        Assert.Equal(100, Number(Field(fields, "target_seconds"), "maximum"));
    }

    [Fact]
    public async Task Models_are_shown_with_the_fields_that_they_support()
    {
        var family = new FamilyDescription(
            "other", "Other", new HashSet<SongCapability> { SongCapability.Score }, new HashSet<string> { "lyrics" })
        {
            Licence = new("MIT", new("https://example.org/model"), "Be kind."),
            SingsSections = false,
        };
        _app.Engine.Status = _app.Engine.Status with { SongModels = [new("plain", family)] };
        var options = await GetAsync();
        Assert.Equal(
            """[{"name":"plain","family":"other","family_title":"Other","capabilities":["score"],"stages":["full","draft","finish"]"""
                + ""","licence":{"name":"MIT","link":"https://example.org/model","notice":"Be kind."}}]""",
            options.GetProperty("models").GetRawText());
        Assert.Empty(Field(options.GetProperty("fields"), "sampling.top_p").GetProperty("models").EnumerateArray());
        Assert.Equal(["plain"], Field(options.GetProperty("fields"), "lyrics").GetProperty("models").Strings());
        Assert.Equal(900, Number(Field(options.GetProperty("fields"), "target_seconds"), "maximum"));
    }

    [Fact]
    public async Task Formats_that_cannot_be_encoded_are_marked_unavailable()
    {
        _app.Encoder.HasFfmpeg = false;
        var options = await GetAsync();
        Assert.Equal(
            """[{"name":"wav","media_type":"audio/wav","available":true},{"name":"flac","media_type":"audio/flac","available":false},"""
                + """{"name":"mp3","media_type":"audio/mpeg","available":false}]""",
            options.GetProperty("formats").GetRawText());
        Assert.Equal(
            ["wav", "pcm", "mp3", "opus"], options.GetProperty("stream_formats").EnumerateArray().Select(format => Text(format, "name")));
        Assert.False(options.GetProperty("separator_available").GetBoolean());
    }

    [Fact]
    public async Task Tags_are_the_published_ones_without_case_insensitive_duplicates()
    {
        var tags = (await GetAsync()).GetProperty("tags");
        Assert.Contains("Apache", Text(tags, "notice"), StringComparison.Ordinal);
        string[] kinds = ["genre", "instrument", "mood", "voice", "timbre"];
        int[] counts = [.. kinds.Select(kind => tags.GetProperty(kind).GetArrayLength())];
        Assert.Equal([142, 141, 152, 18, 196], counts);
        Assert.Equal(649, counts.Sum());        // as in docs/api.md
        foreach (var kind in kinds)
        {
            var names = tags.GetProperty(kind).Strings();
            Assert.Equal(names.Length, names.Distinct(StringComparer.InvariantCultureIgnoreCase).Count());
            Assert.All(names, name => Assert.Equal(name.Trim(), name));
        }

        Assert.Equal("Pop", tags.GetProperty("genre")[0].GetString());
    }

    private async Task<JsonElement> GetAsync() => await _client.GetJsonAsync("/v1/options");

    private static JsonElement Field(JsonElement fields, string name) =>
        fields.EnumerateArray().Single(field => Text(field, "name") == name);

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString()!;

    private static double Number(JsonElement element, string name) => element.GetProperty(name).GetDouble();
}
