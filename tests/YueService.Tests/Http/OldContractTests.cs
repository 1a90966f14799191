using System.Buffers.Binary;
using System.Net.Http.Json;
using System.Text.Json;
using Xunit;
using Yue.Engine.Songs;
using YueService.Tests.Fakes;

namespace YueService.Tests.Http;

/// <summary>Tests that clients of the earlier Python service still work.</summary>
public sealed class OldContractTests : IDisposable
{
    private readonly YueApp _app = new();

    public void Dispose() => _app.Dispose();

    [Fact]
    public async Task A_client_of_the_Python_service_gets_its_song_under_the_same_keys()
    {
        using var client = _app.CreateClient();
        using var response = await client.PostAsJsonAsync(
            "/predict",
            new
            {
                lyrics = "[verse]\nHello\n\n[chorus]\nWorld",
                genre = "inspiring female pop",
                max_new_tokens = 1000,
                run_n_segments = 1,
                seed = 7,
                client_job_id = "job:1.a_b-c",
            },
            TestContext.Current.CancellationToken);
        var song = await response.SongAsync();

        Assert.Equal("application/json", response.Content.Headers.ContentType?.MediaType);
        Assert.Equal("success", song.GetProperty("status").GetString());
        Assert.Equal("wav", song.GetProperty("format").GetString());
        Assert.Equal("[verse]\nHello\n\n[chorus]\nWorld", song.GetProperty("lyrics").GetString());
        Assert.Equal("inspiring female pop", song.GetProperty("genre").GetString());
        Assert.Equal(JsonValueKind.Null, song.GetProperty("error").ValueKind);
        Assert.Equal(JsonValueKind.Null, song.GetProperty("stderr").ValueKind);
        var metadata = song.GetProperty("metadata");
        Assert.Equal("job:1.a_b-c", metadata.GetProperty("client_job_id").GetString());
        Assert.Matches("^[0-9a-f]{32}$", metadata.GetProperty("trace_id").GetString());
        Assert.Matches("^[0-9a-f]{16}$", metadata.GetProperty("span_id").GetString());

        var wav = song.GetProperty("audio_base64").GetBytesFromBase64();
        Assert.Equal("RIFF"u8, wav.AsSpan(0, 4));
        Assert.Equal(16, BinaryPrimitives.ReadInt16LittleEndian(wav.AsSpan(34)));
        Assert.Equal(wav.Length - 44, BinaryPrimitives.ReadInt32LittleEndian(wav.AsSpan(40)));

        var request = Assert.Single(_app.Engine.Requests);
        Assert.Equal((1000, 1, 7L), (request.MaxNewTokens, request.RunNSegments, request.Seed));
    }

    [Fact]
    public async Task Lyrics_alone_are_sung_with_the_documented_defaults()
    {
        using var client = _app.CreateClient();
        using var response = await client.PredictAsync("""{"lyrics":"la"}""");
        var song = await response.SongAsync();

        Assert.Equal(new SongRequest { Lyrics = "la" }, Assert.Single(_app.Engine.Requests));
        Assert.Equal("Pop", song.GetProperty("genre").GetString());
        Assert.Equal(44100, song.GetProperty("sample_rate").GetInt32());
        Assert.Equal(42, song.GetProperty("seed").GetInt64());
        Assert.Empty(song.GetProperty("warnings").Strings());
    }

    [Fact]
    public async Task Null_means_the_default_for_every_optional_field()
    {
        using var client = _app.CreateClient();
        using var response = await client.PredictAsync("""
            {"lyrics":"la","genre":null,"max_new_tokens":null,"run_n_segments":null,"seed":null,"client_job_id":null,"model":null,
             "output":null,"sampling":{"temperature":null,"top_p":null,"top_k":null,"repetition_penalty":null,"guidance_scale":null}}
            """);
        Assert.Empty((await response.SongAsync()).GetProperty("warnings").Strings());
        Assert.Equal(new SongRequest { Lyrics = "la" }, Assert.Single(_app.Engine.Requests));
    }

    [Theory]
    [InlineData("\"has space\"")]
    [InlineData("\"\"")]
    [InlineData("\"line\\n\"")]
    [InlineData("\"\\ud800\"")]
    [InlineData("17")]
    [InlineData("{}")]
    public async Task An_invalid_client_job_id_is_treated_as_absent(string value)
    {
        using var client = _app.CreateClient();
        using var response = await client.PredictAsync($$"""{"lyrics":"la","client_job_id":{{value}}}""");
        var song = await response.SongAsync();
        Assert.Equal(JsonValueKind.Null, song.GetProperty("metadata").GetProperty("client_job_id").ValueKind);
        Assert.Contains("client_job_id", Assert.Single(song.GetProperty("warnings").Strings()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_body_without_a_content_type_is_read_as_JSON()
    {
        using var client = _app.CreateClient();
        using var response = await client.PredictAsync(new ByteArrayContent("""{"lyrics":"la"}"""u8.ToArray()));
        await response.SongAsync();
    }

    [Fact]
    public async Task The_new_keys_are_added_to_the_old_ones()
    {
        _app.Engine.Sing = (request, _, _) => Task.FromResult(FakeSongEngine.Song(request, "the output clipped"));
        using var client = _app.CreateClient();
        using var response = await client.PredictAsync("""
            {"lyrics":"la","model":"en-icl","output":{"sample_rate":16000,"stems":true},
             "sampling":{"temperature":0.8,"top_p":1,"top_k":0,"repetition_penalty":1,"guidance_scale":1}}
            """);
        var song = await response.SongAsync();

        Assert.Equal(16000, song.GetProperty("sample_rate").GetInt32());
        Assert.Equal(0.1, song.GetProperty("duration_seconds").GetDouble());
        Assert.Equal("en-icl", song.GetProperty("model").GetString());
        Assert.Equal(["the output clipped"], song.GetProperty("warnings").Strings());
        var timings = song.GetProperty("timings");
        Assert.Equal(0.5, timings.GetProperty("queue_seconds").GetDouble());
        Assert.Equal(1, timings.GetProperty("stage1_seconds").GetDouble());
        Assert.Equal(2, timings.GetProperty("stage2_seconds").GetDouble());
        Assert.Equal(0.25, timings.GetProperty("decode_seconds").GetDouble());
        Assert.Equal(3.75, timings.GetProperty("total_seconds").GetDouble());
        Assert.Equal(10, timings.GetProperty("tokens_per_second").GetDouble());
        Assert.Equal(0, timings.GetProperty("real_time_factor").GetDouble());
        var sections = song.GetProperty("sections").EnumerateArray().ToArray();
        Assert.Equal(["end_of_audio", "max_new_tokens"], sections.Select(section => section.GetProperty("ended").GetString()));
        Assert.Equal(("verse", 0.06, 6), (
            sections[0].GetProperty("tag").GetString(), sections[0].GetProperty("seconds").GetDouble(),
            sections[0].GetProperty("tokens").GetInt32()));

        var stems = song.GetProperty("stems");
        Assert.Equal(44 + 200, stems.GetProperty("vocal").GetProperty("audio_base64").GetBytesFromBase64().Length);
        Assert.Equal(44 + 400, stems.GetProperty("instrumental").GetProperty("audio_base64").GetBytesFromBase64().Length);
        Assert.Equal("wav", stems.GetProperty("vocal").GetProperty("format").GetString());

        var request = Assert.Single(_app.Engine.Requests);
        Assert.Equal(
            new SamplingSettings { Temperature = 0.8, TopP = 1, TopK = 0, RepetitionPenalty = 1, GuidanceScale = 1 }, request.Sampling);
    }

    [Fact]
    public async Task Two_concurrent_requests_each_get_their_own_song()
    {
        var both = new TaskCompletionSource();
        var started = 0;
        _app.Engine.Sing = async (request, _, _) =>
        {
            if (Interlocked.Increment(ref started) == 2)
            {
                both.TrySetResult();
            }

            await both.Task;
            return FakeSongEngine.Song(request);
        };
        using var client = _app.CreateClient();
        var responses = await Task.WhenAll(
            client.PredictAsync("""{"lyrics":"one","seed":1}"""), client.PredictAsync("""{"lyrics":"two","seed":2}"""));
        foreach (var (response, lyrics, seed) in responses.Zip(["one", "two"], [1L, 2L]))
        {
            var song = await response.SongAsync();
            Assert.Equal((lyrics, seed), (song.GetProperty("lyrics").GetString(), song.GetProperty("seed").GetInt64()));
        }
    }
}
