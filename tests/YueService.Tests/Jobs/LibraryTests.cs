using System.Net;
using System.Text;
using System.Text.Json;
using Xunit;
using Yue.Engine.Audio;
using YueService.Jobs;
using YueService.Tests.Fakes;

namespace YueService.Tests.Jobs;

/// <summary>Tests naming, marking and searching songs, and reading their requests.</summary>
public sealed class LibraryTests : IDisposable
{
    private readonly YueApp _app = new(("Yue:QueueCapacity", "100"));
    private readonly HttpClient _client;

    public LibraryTests() => _client = _app.CreateClient();

    public void Dispose()
    {
        _client.Dispose();
        _app.Dispose();
    }

    [Theory]
    [InlineData("""[verse]\n\n  First line \nsecond""", "First line")]
    [InlineData("""[intro]\n[verse]\n你好""", "你好")]
    [InlineData("""plain words""", "plain words")]
    public async Task The_title_is_the_first_line_of_the_lyrics(string lyrics, string title)
    {
        var job = await FinishAsync(lyrics);
        Assert.Equal(title, (await _client.GetJsonAsync(job)).GetProperty("title").GetString());
        Assert.Equal(title, (await ListAsync("")).Single().GetProperty("title").GetString());
    }

    [Fact]
    public async Task A_song_without_words_is_named_after_its_genre_line()
    {
        var job = await FinishAsync("[verse]", ""","instrumental":true,"genre":"ambient piano" """);
        Assert.Equal("ambient piano", (await _client.GetJsonAsync(job)).GetProperty("title").GetString());
    }

    [Fact]
    public async Task Title_favourite_and_note_are_changed_independently_and_kept()
    {
        var job = await FinishAsync("[verse]\\nla", ""","title":"Mine" """);
        var before = await _client.GetJsonAsync(job);
        Assert.Equal("Mine", before.GetProperty("title").GetString());
        Assert.False(before.GetProperty("favourite").GetBoolean());
        Assert.Equal(JsonValueKind.Null, before.GetProperty("note").ValueKind);

        using var favourite = await PatchAsync(job, """{"favourite":true}""");
        using var note = await PatchAsync(job, """{"note":"the chorus is good"}""");
        using var title = await PatchAsync(job, """{"title":"Ours"}""");
        var after = await title.JsonAsync();
        Assert.Equal(("Ours", true, "the chorus is good"), DetailsOf(after));
        Assert.Equal(("Ours", true, "the chorus is good"), DetailsOf(await _client.GetJsonAsync(job)));

        using var reset = await PatchAsync(job, """{"title":null,"note":null,"favourite":false}""");
        Assert.Equal(("la", false, null), DetailsOf(await reset.JsonAsync()));
    }

    [Fact]
    public async Task An_absent_field_stays_as_it_is_and_null_resets_it()
    {
        var job = await FinishAsync("[verse]\\nla");
        using var all = await PatchAsync(job, """{"title":"Ours","favourite":true,"note":"good"}""");
        using var nothing = await PatchAsync(job, "{}");
        Assert.Equal(("Ours", true, "good"), DetailsOf(await nothing.JsonAsync()));
        using var title = await PatchAsync(job, """{"title":null}""");
        Assert.Equal(("la", true, "good"), DetailsOf(await title.JsonAsync()));
        using var favourite = await PatchAsync(job, """{"favourite":null}""");
        Assert.Equal(("la", false, "good"), DetailsOf(await favourite.JsonAsync()));
        using var note = await PatchAsync(job, """{"note":null}""");
        Assert.Equal(("la", false, null), DetailsOf(await note.JsonAsync()));
    }

    [Theory]
    [InlineData("""{"title":""}""", "title")]
    [InlineData("""{"title":7}""", "title")]
    [InlineData("""{"title":" \u200b\u00a0"}""", "title")]
    [InlineData("""{"title":"a\nb"}""", "title")]
    [InlineData("""{"favourite":"yes"}""", "favourite")]
    [InlineData("""{"tilte":"a"}""", "tilte")]
    [InlineData("""{"\ud800title":"a"}""", "\\ud800title")]
    [InlineData("""[]""", "$")]
    public async Task An_invalid_change_causes_a_422_that_names_the_field(string body, string field)
    {
        var job = await FinishAsync("la");
        using var response = await PatchAsync(job, body);
        Assert.Equal([field], (await response.FieldErrorsAsync()).Keys);
        Assert.Equal(("la", false, null), DetailsOf(await _client.GetJsonAsync(job)));
    }

    [Fact]
    public async Task A_change_to_the_same_value_changes_nothing()
    {
        var job = await FinishAsync("la");
        using var read = await _client.GetAsync(job, TestContext.Current.CancellationToken);
        foreach (var body in new[] { "{}", """{"title":"la","favourite":false,"note":null}""" })
        {
            using var response = await PatchAsync(job, body, read.Headers.ETag!.ToString());
            Assert.Equal((HttpStatusCode.OK, read.Headers.ETag), (response.StatusCode, response.Headers.ETag));
        }
    }

    [Fact]
    public void The_name_of_a_file_is_valid_for_every_title()
    {
        foreach (var title in new[] { new string('日', 200), string.Concat(Enumerable.Repeat("👩‍👩‍👧", 25)), "\u202egpj.exe" })
        {
            var name = YueService.Api.Songs.DownloadName.Of(title, SongFolder.Vocal, AudioFormat.Flac);
            Assert.InRange(Encoding.UTF8.GetByteCount(name), 10, 255);
            Assert.EndsWith(" (vocal).flac", name, StringComparison.Ordinal);
            Assert.DoesNotContain('\u202e', name);
            Assert.False(name.Contains("\u200d (", StringComparison.Ordinal), "an emoji is cut");
        }
    }

    [Fact]
    public async Task A_note_that_is_too_long_is_refused()
    {
        var job = await FinishAsync("la");
        using var response = await PatchAsync(job, $$"""{"note":"{{new string('n', 2001)}}"}""");
        Assert.Contains("2001 characters", (await response.FieldErrorsAsync())["note"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_change_that_is_based_on_an_old_version_causes_a_412()
    {
        var job = await FinishAsync("la");
        using var read = await _client.GetAsync(job, TestContext.Current.CancellationToken);
        var version = read.Headers.ETag!.ToString();
        using var first = await PatchAsync(job, """{"title":"one"}""", version);
        Assert.Equal(HttpStatusCode.OK, first.StatusCode);
        Assert.NotEqual(version, first.Headers.ETag!.ToString());
        using var second = await PatchAsync(job, """{"title":"two"}""", version);
        await second.ProblemAsync(HttpStatusCode.PreconditionFailed, "urn:yue:changed-since");
        using var again = await PatchAsync(job, """{"title":"three"}""", first.Headers.ETag!.ToString());
        Assert.Equal("three", (await again.JsonAsync()).GetProperty("title").GetString());
        using var any = await PatchAsync(job, """{"title":"four"}""", "*");
        Assert.Equal(HttpStatusCode.OK, any.StatusCode);
        using var weak = await PatchAsync(job, """{"title":"five"}""", "W/" + any.Headers.ETag);
        Assert.Equal(HttpStatusCode.PreconditionFailed, weak.StatusCode);
    }

    [Fact]
    public async Task An_unknown_song_cannot_be_changed()
    {
        using var response = await PatchAsync("/v1/songs/0123456789abcdef0123456789abcdef", """{"title":"a"}""");
        await response.ProblemAsync(HttpStatusCode.NotFound, "urn:yue:not-found");
    }

    [Theory]
    [InlineData("q=straße", "german")]
    [InlineData("q=STRASSE", "")]
    [InlineData("q=ΦΩΣ", "greek")]
    [InlineData("q=你", "chinese")]
    [InlineData("q=好你", "")]
    [InlineData("q=cafe%CC%81", "french")]          // decomposed in the query, composed in the lyrics
    [InlineData("q=caf%C3%A9", "french")]
    [InlineData("q=folk+guitar", "greek")]          // the genre line
    [InlineData("q=renamed", "chinese")]            // the title
    [InlineData("q=%25", "")]
    [InlineData("favourite=true", "french")]
    [InlineData("favourite=false&q=la", "chinese,german,greek")]
    [InlineData("state=succeeded&limit=100", "chinese,french,german,greek")]
    [InlineData("state=failed", "")]
    [InlineData("parent=nobody", "")]
    [InlineData("q=", "chinese,french,german,greek")]
    public async Task Songs_are_found_by_state_by_favourite_and_by_text_in_any_script(string query, string found)
    {
        await FinishAsync("[verse]\\nDie Straße la", ""","client_job_id":"german" """);
        await FinishAsync("[verse]\\nφως la", ""","client_job_id":"greek","genre":"Folk Guitar" """);
        var chinese = await FinishAsync("[verse]\\n你好 la", ""","client_job_id":"chinese" """);
        var french = await FinishAsync("[verse]\\ncafé la", ""","client_job_id":"french" """);
        using var renamed = await PatchAsync(chinese, """{"title":"Renamed"}""");
        using var marked = await PatchAsync(french, """{"favourite":true}""");

        var songs = await ListAsync(query);
        var names = songs.Select(song => song.GetProperty("client_job_id").GetString()!);
        Assert.Equal(found, string.Join(',', names.Order(StringComparer.Ordinal)));
    }

    [Theory]
    [InlineData("state=done", "queued, running, succeeded, failed or cancelled")]
    [InlineData("favourite=yes", "true or false")]
    public async Task A_filter_with_an_invalid_value_causes_a_422_that_names_the_valid_ones(string query, string expected)
    {
        using var response = await _client.GetAsync($"/v1/songs?{query}", TestContext.Current.CancellationToken);
        Assert.Contains(expected, Assert.Single(await response.FieldErrorsAsync()).Value, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_song_returns_its_request_which_can_be_sent_again()
    {
        var fields = """
            ,"genre":"rock","seed":9,"run_n_segments":1,"target_seconds":[20.5],"title":"Mine","client_job_id":"a",
            "output":{"stems":true,"sample_rate":16000},"sampling":{"top_k":7,"guidance_scale":2}
            """;
        var job = await FinishAsync("[verse]\\nla", fields);
        var request = (await _client.GetJsonAsync(job)).GetProperty("request");
        Assert.Equal("[verse]\nla", request.GetProperty("lyrics").GetString());
        Assert.Equal(JsonValueKind.Null, request.GetProperty("max_new_tokens").ValueKind);
        Assert.Equal(7, request.GetProperty("sampling").GetProperty("top_k").GetInt32());
        Assert.Equal(0.93, request.GetProperty("sampling").GetProperty("top_p").GetDouble());
        Assert.False((await ListAsync("")).Single().TryGetProperty("request", out _));

        using var response = await _client.PostSongAsync(request.GetRawText());
        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        var again = response.Headers.Location!.ToString();
        await _client.WhenAsync(again, "succeeded");
        Assert.Equal(request.GetRawText(), (await _client.GetJsonAsync(again)).GetProperty("request").GetRawText());
        Assert.Empty((await _client.GetJsonAsync(again)).GetProperty("warnings").EnumerateArray());
        Assert.Equal(2, _app.Engine.Requests.Count);
    }

    [Theory]
    [InlineData("{\"title\":\"Sea song\"}", "", "Sea song")]
    [InlineData("{}", "", "li")]
    [InlineData("{\"title\":\"Sea song\"}", ",\"title\":\"Lake song\"", "Lake song")]
    public async Task A_song_that_is_sung_again_keeps_the_title_that_the_user_set(string edit, string fields, string expected)
    {
        var first = await FinishAsync("[verse]\\nla\\n[chorus]\\nlo");
        using var edited = await PatchAsync(first, edit);
        Assert.Equal(HttpStatusCode.OK, edited.StatusCode);
        var lyrics = "[verse]\\nli\\n[chorus]\\nlo";
        using var response = await _client.PostSongAsync(
            $$"""{"continue_from":"{{Path.GetFileName(first)}}","replace_section":1,"lyrics":"{{lyrics}}"{{fields}}}""");
        Assert.Equal(expected, (await response.JsonAsync()).GetProperty("title").GetString());
    }

    [Theory]
    [InlineData("\"stage\":\"finish\"", "finish", null)]
    [InlineData("\"replace_section\":2,\"lyrics\":\"[verse]\\nla\\n[chorus]\\nlo\"", "replace_section", 2)]
    [InlineData("\"lyrics\":\"[verse]\\nla\\n[chorus]\\nlo\\n[outro]\\nli\"", "continue", null)]
    public async Task A_song_that_continues_another_one_names_its_parent(string fields, string how, int? section)
    {
        var first = await FinishAsync("[verse]\\nla\\n[chorus]\\nlo");
        var id = Path.GetFileName(first);
        using var response = await _client.PostSongAsync($$"""{"continue_from":"{{id}}",{{fields}}}""");
        var second = (await response.JsonAsync()).GetProperty("links").GetProperty("self").GetString()!;
        await _client.WhenAsync(second, "succeeded");
        var parent = (await _client.GetJsonAsync(second)).GetProperty("parent");
        Assert.Equal((id, how), (parent.GetProperty("id").GetString(), parent.GetProperty("how").GetString()));
        var sung = parent.GetProperty("section");
        Assert.Equal(section, sung.ValueKind == JsonValueKind.Null ? null : sung.GetInt32());
        Assert.Equal(second, Assert.Single(await ListAsync($"parent={id}")).GetProperty("links").GetProperty("self").GetString());
        Assert.Equal(JsonValueKind.Null, (await _client.GetJsonAsync(first)).GetProperty("parent").ValueKind);
    }

    [Theory]
    [InlineData("Morning light", "mix", "Morning light.wav")]
    [InlineData("Morning light", "vocal", "Morning light (vocal).wav")]
    [InlineData("../a/b: \\\"c\\\"?", "mix", "-a-b- -c--.wav")]
    [InlineData("你好 ☀", "mix", "你好 ☀.wav")]
    [InlineData("...", "mix", "song.wav")]
    public async Task A_song_is_saved_under_its_title(string title, string track, string name)
    {
        var job = await FinishAsync("la", $$""","title":"{{title}}","output":{"stems":true}""");
        using var response = await _client.GetAsync($"{job}/audio?track={track}", TestContext.Current.CancellationToken);
        var disposition = response.Content.Headers.ContentDisposition!;
        Assert.Equal(("attachment", name), (disposition.DispositionType, disposition.FileNameStar ?? disposition.FileName));
    }

    [Fact]
    public async Task Sections_have_start_times()
    {
        var job = await FinishAsync("[verse]\\nla\\n[chorus]\\nlo");
        var sections = (await _client.GetJsonAsync(job)).GetProperty("song").GetProperty("sections");
        Assert.Equal([0, 0.06], sections.EnumerateArray().Select(section => section.GetProperty("start_seconds").GetDouble()));
    }

    private static (string? Title, bool Favourite, string? Note) DetailsOf(JsonElement job) =>
        (job.GetProperty("title").GetString(), job.GetProperty("favourite").GetBoolean(), job.GetProperty("note").GetString());

    private async Task<string> FinishAsync(string lyrics, string moreFields = "")
    {
        var job = await _client.SubmitAsync(lyrics, moreFields);
        await _client.WhenAsync(job, "succeeded");
        return job;
    }

    private async Task<IReadOnlyList<JsonElement>> ListAsync(string query) =>
        [.. (await _client.GetJsonAsync($"/v1/songs?{query}")).GetProperty("songs").EnumerateArray()];

    private Task<HttpResponseMessage> PatchAsync(string job, string json, string? version = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Patch, job)
        {
            Content = new StringContent(json, Encoding.UTF8, "application/json"),
        };
        if (version is not null)
        {
            request.Headers.TryAddWithoutValidation("If-Match", version);
        }

        return _client.SendAsync(request, TestContext.Current.CancellationToken);
    }
}
