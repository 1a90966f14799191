using System.Net;
using System.Text;
using Xunit;
using Yue.Engine.Audio;
using Yue.Engine.Songs;
using Yue.Testing;
using YueService.Tests.Fakes;

namespace YueService.Tests.Http;

/// <summary>Tests the <c>reference</c> field with a clip in the JSON or as a separate file.</summary>
public sealed class ReferenceTests : IDisposable
{
    private static readonly float[] Samples = TestWav.Sine(16_000, 440, 12);
    private static readonly byte[] Clip = TestWav.OfFloats(16_000, 1, Samples);

    private readonly YueApp _app = new();
    private readonly HttpClient _client;

    public ReferenceTests() => _client = _app.CreateClient();

    public void Dispose()
    {
        Assert.Empty(_app.TempFiles);
        _client.Dispose();
        _app.Dispose();
    }

    [Fact]
    public async Task A_clip_in_base64_reaches_the_engine_at_the_codecs_rate()
    {
        var clip = TestWav.OfFloats(44_100, 2, [.. TestWav.Sine(44_100, 440, 3).SelectMany(sample => (float[])[sample, 0])]);
        using var response = await SendAsync($$"""{"audio":"{{Convert.ToBase64String(clip)}}"}""");
        await response.SongAsync();
        var reference = Assert.Single(_app.Engine.Requests).Reference!;
        Assert.Equal((0, 0, 30), (reference.FirstSecond, reference.StartSeconds, reference.EndSeconds));
        var track = Assert.Single(reference.Tracks);
        Assert.Equal((16_000, 48_000), (track.SampleRateHz, track.Samples.Length));
        TensorAssert.Close(
            Array.ConvertAll(new Resampler(44_100, 16_000).Apply(TestWav.Sine(44_100, 440, 3)), sample => sample / 2), track.Samples, 1e-6);
    }

    [Theory]
    [InlineData("/predict", HttpStatusCode.OK)]
    [InlineData("/v1/songs", HttpStatusCode.Accepted)]
    public async Task A_clip_may_be_a_multipart_part_next_to_the_JSON(string path, HttpStatusCode status)
    {
        using var response = await _client.PostAsync(
            path,
            Form("""{"lyrics":"la","reference":{"start_seconds":1.5,"end_seconds":11}}""", ("reference.audio", Clip)),
            TestContext.Current.CancellationToken);
        Assert.Equal(status, response.StatusCode);
        await Eventually.TrueAsync(() => !_app.Engine.Requests.IsEmpty);
        var reference = Assert.Single(_app.Engine.Requests).Reference!;
        Assert.Equal((1.5, 11), (reference.StartSeconds, reference.EndSeconds));
        Assert.Equal(Samples, Assert.Single(reference.Tracks).Samples);
    }

    [Fact]
    public async Task Vocal_and_instrumental_are_two_tracks()
    {
        var band = TestWav.Sine(16_000, 100, 12);
        using var response = await _client.PredictAsync(
            Form("""{"lyrics":"la"}""", ("reference.instrumental", TestWav.OfFloats(16_000, 1, band)), ("reference.vocal", Clip)));
        await response.SongAsync();
        Assert.Equal([Samples, band], Assert.Single(_app.Engine.Requests).Reference!.Tracks.Select(track => track.Samples));
    }

    [Fact]
    public async Task The_minute_around_the_range_of_a_long_clip_is_used()
    {
        var samples = Enumerable.Range(0, 8000 * 200).Select(i => i / 2_000_000f).ToArray();
        using var response = await SendAsync(
            $$"""{"audio":"{{Convert.ToBase64String(TestWav.OfFloats(8000, 1, samples))}}","start_seconds":100,"end_seconds":120}""");
        await response.SongAsync();
        var reference = Assert.Single(_app.Engine.Requests).Reference!;
        Assert.Equal(80, reference.FirstSecond);
        var track = Assert.Single(reference.Tracks).Samples;
        Assert.Equal(60 * 16_000, track.Length);
        Assert.Equal(samples[110 * 8000], track[30 * 16_000], 1e-4);
    }

    [Fact]
    public async Task The_response_describes_the_reference_that_was_used()
    {
        _app.Engine.Sing = (request, _, _) =>
            Task.FromResult(FakeSongEngine.Song(request) with { Reference = new ReferenceResult(12, 1, true, 0.25) });
        using var response = await SendAsync($$"""{"audio":"{{Convert.ToBase64String(Clip)}}"}""");
        var used = (await response.SongAsync()).GetProperty("reference");
        Assert.Equal("""{"seconds":12,"tracks":1,"from_cache":true,"encode_seconds":0.25}""", used.GetRawText());
    }

    [Theory]
    [MemberData(nameof(BadClips.Names), MemberType = typeof(BadClips))]
    public async Task An_invalid_clip_causes_a_422_with_the_reason_and_leaves_no_files(string name)
    {
        Ffmpeg.SkipWithout();
        var file = await BadClips.MakeAsync(name);
        using var response = await _client.PredictAsync(Form("""{"lyrics":"la"}""", ("reference.audio", file)));
        var faults = await response.FieldErrorsAsync();
        Assert.Contains(BadClips.MessageOf(name), faults["reference.audio"], StringComparison.Ordinal);
        Assert.Single(faults);
        Assert.Empty(_app.Engine.Requests);
        Assert.Empty(_app.TempFiles);
    }

    [Theory]
    [InlineData("{}", "reference", "reference has no clip; send audio or clip, or both vocal and instrumental")]
    [InlineData("""{"vocal":"AAAA"}""", "reference.instrumental", "is missing; send it with reference.vocal")]
    [InlineData("""{"instrumental":"AAAA"}""", "reference.vocal", "is missing; send it with reference.instrumental")]
    [InlineData("""{"audio":"AAAA","vocal":"AAAA"}""", "reference.audio", "was sent together with stems")]
    [InlineData(
        """{"audio":"not base64!"}""", "reference.audio", "send a wav, aiff, mp3, ogg, flac or m4a file in base64, of at most 64 MiB")]
    [InlineData(
        """{"audio":"data:audio/wav,AAAA"}""", "reference.audio",
        "a data: URI that is not base64-encoded (as in data:audio/wav;base64,…); send a wav")]
    [InlineData("""{"audio":7}""", "reference.audio", "reference.audio is the number 7")]
    [InlineData("7", "reference", "send an object")]
    [InlineData(
        """{"audio":"AAAA","start_seconds":20,"end_seconds":10}""", "reference.end_seconds",
        "reference.end_seconds is 10 and reference.start_seconds is 20; send an end that is 1 to 60 seconds after the start")]
    [InlineData("""{"audio":"AAAA","start_seconds":40}""", "reference.end_seconds", "30 (the default) and reference.start_seconds is 40")]
    [InlineData("""{"audio":"AAAA","end_seconds":61}""", "reference.end_seconds", "1 to 60 seconds after the start")]
    [InlineData("""{"audio":"AAAA","end_seconds":601}""", "reference.end_seconds", "send a number from 0 to 600")]
    [InlineData("""{"audio":"AAAA","start_seconds":-1}""", "reference.start_seconds", "send a number from 0 to 600")]
    [InlineData("""{"vocal":"AAAA","instrumental":"AAAA","separate":true}""", "reference.separate", "without reference.audio")]
    [InlineData("""{"audio":"AAAA","separate":true}""", "reference.separate", "Yue:Separator is not set")]
    public async Task Invalid_fields_are_reported_before_anything_is_decoded(string reference, string field, string expected)
    {
        using var response = await SendAsync(reference);
        Assert.Contains(expected, (await response.FieldErrorsAsync())[field], StringComparison.Ordinal);
        Assert.Empty(_app.Engine.Requests);
    }

    [Theory]
    [InlineData(12, 20, "reference.start_seconds is 12, but the clip lasts 12 s")]
    [InlineData(11.5, 20, "leaves at least 1 s")]
    [InlineData(300, 310, "the clip lasts 12 s")]
    public async Task A_start_past_the_end_of_the_clip_causes_a_422(double start, double end, string expected)
    {
        using var response = await SendAsync(
            FormattableString.Invariant(
                $$"""{"audio":"{{Convert.ToBase64String(Clip)}}","start_seconds":{{start}},"end_seconds":{{end}}}"""));
        Assert.Contains(expected, (await response.FieldErrorsAsync())["reference.start_seconds"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stems_of_different_lengths_cause_a_422_but_padding_is_allowed()
    {
        static byte[] Stem(double seconds) => TestWav.OfFloats(8000, 1, TestWav.Sine(8000, 440, seconds));
        using var response = await _client.PredictAsync(
            Form("""{"lyrics":"la"}""", ("reference.vocal", Stem(3)), ("reference.instrumental", Stem(4.5))));
        Assert.Contains(
            "reference.instrumental lasts 4.5 s and reference.vocal 3 s",
            (await response.FieldErrorsAsync())["reference.instrumental"], StringComparison.Ordinal);
        using var padded = await _client.PredictAsync(
            Form("""{"lyrics":"la"}""", ("reference.vocal", Stem(3)), ("reference.instrumental", Stem(3.05))));
        await padded.SongAsync();
    }

    [Fact]
    public async Task Without_ffmpeg_flac_and_m4a_cause_a_422_and_other_formats_are_read()
    {
        using var app = new YueApp { ProgramFolder = Path.Combine(Path.GetTempPath(), "no-such-folder") };
        using var client = app.CreateClient();
        byte[] flac = [.. "fLaC"u8, 0x80, 0, 0, 34, .. new byte[60]];
        byte[] m4a = [0, 0, 0, 16, .. "ftypM4A "u8, 0, 0, 0, 0, 0, 0, 0, 8, .. "moov"u8];
        foreach (var (clip, kind) in new[] { (flac, "a flac"), (m4a, "an m4a") })
        {
            using var response = await client.PredictAsync(Form("""{"lyrics":"la"}""", ("reference.audio", clip)));
            Assert.Contains(
                $"is {kind} file, which needs ffmpeg and ffprobe, but they are not installed here. "
                    + "Install ffmpeg, or send wav, aiff, mp3 or ogg",
                (await response.FieldErrorsAsync())["reference.audio"],
                StringComparison.Ordinal);
        }

        foreach (var clip in (byte[][])[Clip, TestClips.ChirpFile("mp3"), TestClips.ChirpFile("ogg"), TestClips.ChirpFile("opus")])
        {
            using var song = await client.PredictAsync(Form("""{"lyrics":"la"}""", ("reference.audio", clip)));
            Assert.Empty((await song.SongAsync()).GetProperty("warnings").Strings());
        }
    }

    [Fact]
    public async Task A_clip_that_is_cut_short_by_part_of_a_second_is_used_with_a_warning()
    {
        using var response = await _client.PredictAsync(
            Form("""{"lyrics":"la"}""", ("reference.audio", TestClips.ChirpFile("mp3")[..5000])));
        Assert.Contains(
            (await response.SongAsync()).GetProperty("warnings").Strings(),
            warning => warning.StartsWith("reference.audio is cut short: its header states 1.5 s, ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_mixed_clip_is_separated_if_requested()
    {
        using var folder = new TemporaryFolder();
        var low = Enumerable.Range(0, 1025).Select(bin => bin < 100 ? 1f : 0f).ToArray();     // below 2.15 kHz
        File.WriteAllBytes(folder["low.onnx"], OnnxGraph.Mask([1, 4, 1025, 16], low));
        using var app = new YueApp(
            ("Yue:Separator", folder["low.onnx"]), ("Yue:SeparatorFftSize", "2048"), ("Yue:SeparatorStem", "instrumental"));
        using var client = app.CreateClient();
        var (bass, treble) = (TestWav.Sine(44_100, 440, 3), TestWav.Sine(44_100, 5000, 3));
        var mix = TestWav.OfFloats(44_100, 1, [.. bass.Zip(treble, (a, b) => a + b)]);
        using var response = await client.PredictAsync(Form("""{"lyrics":"la","reference":{"separate":true}}""", ("reference.audio", mix)));
        await response.SongAsync();
        var tracks = Assert.Single(app.Engine.Requests).Reference!.Tracks;
        TensorAssert.Close(TestWav.Sine(16_000, 5000, 3).AsSpan(4000..^4000), tracks[0].Samples.AsSpan(4000..^4000), 5e-3, "vocal");
        TensorAssert.Close(TestWav.Sine(16_000, 440, 3).AsSpan(4000..^4000), tracks[1].Samples.AsSpan(4000..^4000), 5e-3, "instrumental");
    }

    [Fact]
    public async Task Only_a_clip_may_be_larger_than_the_body_limit()
    {
        using var app = YueApp.OnSocket(("Yue:MaxBodyBytes", "2000"));
        using var client = app.CreateClient();
        var clip = Convert.ToBase64String(Clip);
        using var large = await client.PredictAsync($$$"""{"lyrics":"la","reference":{"audio":"{{{clip}}}"}}""");
        await large.SongAsync();
        using var lyrics = await client.PredictAsync($$$"""{"reference":{"audio":"AAAA"},"lyrics":"{{{new string('x', 100_000)}}}"}""");
        await lyrics.ProblemAsync(HttpStatusCode.RequestEntityTooLarge, "urn:yue:body-too-large");
        using var json = await client.PredictAsync(Form($$"""{"lyrics":"{{new string('x', 3000)}}"}""", ("reference.audio", Clip)));
        var problem = await json.ProblemAsync(HttpStatusCode.RequestEntityTooLarge, "urn:yue:body-too-large");
        Assert.Contains("The part request is longer than 2000 bytes", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_over_64_mebibytes_causes_a_413()
    {
        using var response = await _client.PredictAsync(
            Form("""{"lyrics":"la"}""", ("reference.audio", new byte[AudioDecoder.MaxBytes + 1])));
        await response.ProblemAsync(HttpStatusCode.RequestEntityTooLarge, "urn:yue:body-too-large");
    }

    [Fact]
    public async Task A_clip_sent_twice_causes_a_422()
    {
        using var response = await _client.PredictAsync(
            Form("""{"lyrics":"la","reference":{"audio":"AAAA"}}""", ("reference.audio", Clip)));
        Assert.Contains("was sent twice", (await response.FieldErrorsAsync())["reference.audio"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--x\r\nContent-Disposition: form-data; name=\"reference.audio\"\r\n\r\nabc\r\n--x--\r\n", "The part request is missing")]
    [InlineData("--x\r\nContent-Disposition: form-data; name=\"request\"\r\n\r\n{\"lyrics\":\"la\"}", "not complete multipart/form-data")]
    [InlineData("nothing of the kind", "not complete multipart/form-data")]
    [InlineData("", "not complete multipart/form-data")]
    public async Task An_incomplete_multipart_body_causes_a_400(string body, string expected)
    {
        var content = new StringContent(body, Encoding.ASCII);
        content.Headers.Remove("Content-Type");
        content.Headers.TryAddWithoutValidation("Content-Type", "multipart/form-data; boundary=x");
        using var response = await _client.PredictAsync(content);
        var problem = await response.ProblemAsync(HttpStatusCode.BadRequest, "urn:yue:bad-request");
        Assert.Contains(expected, problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(70, "The part request is missing")]
    [InlineData(71, "the boundary has 71 characters; send at most 70")]
    [InlineData(5000, "the boundary has 5000 characters")]
    public async Task A_boundary_has_at_most_70_characters(int length, string expected)
    {
        var boundary = new string('x', length);
        var content = new StringContent($"--{boundary}--\r\n", Encoding.ASCII);
        content.Headers.Remove("Content-Type");
        content.Headers.TryAddWithoutValidation("Content-Type", $"multipart/form-data; boundary={boundary}");
        using var response = await _client.PredictAsync(content);
        var problem = await response.ProblemAsync(HttpStatusCode.BadRequest, "urn:yue:bad-request");
        Assert.Contains(expected, problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_idempotency_key_that_is_reused_with_another_clip_causes_a_422()
    {
        async Task<HttpResponseMessage> SubmitAsync(byte[] clip)
        {
            var request = new HttpRequestMessage(HttpMethod.Post, "/v1/songs")
            {
                Content = Form("""{"lyrics":"la"}""", ("reference.audio", clip)),
            };
            request.Headers.Add("Idempotency-Key", "k");
            return await _client.SendAsync(request, TestContext.Current.CancellationToken);
        }

        using var first = await SubmitAsync(Clip);
        using var again = await SubmitAsync(Clip);
        using var other = await SubmitAsync(TestWav.OfFloats(16_000, 1, TestWav.Sine(16_000, 441, 12)));
        Assert.Equal(first.Headers.Location, again.Headers.Location);
        await other.ProblemAsync(HttpStatusCode.UnprocessableEntity, "urn:yue:idempotency-key-reused");
    }

    private static MultipartFormDataContent Form(string json, params (string Name, byte[] File)[] files)
    {
        var form = new MultipartFormDataContent { { new StringContent(json, Encoding.UTF8, "application/json"), "request" } };
        foreach (var (name, file) in files)
        {
            form.Add(new ByteArrayContent(file), name, "clip.mp3");
        }

        return form;
    }

    private Task<HttpResponseMessage> SendAsync(string reference) =>
        _client.PredictAsync($$"""{"lyrics":"la","reference":{{reference}}}""");
}
