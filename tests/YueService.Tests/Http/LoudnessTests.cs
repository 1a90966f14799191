using System.Text.Json;
using Xunit;
using Yue.Engine.Audio;
using YueService.Tests.Fakes;

namespace YueService.Tests.Http;

/// <summary>Tests <c>output.loudness_lufs</c> with a fake loudness meter.</summary>
public sealed class LoudnessTests : IDisposable
{
    private readonly YueApp _app = new();
    private readonly HttpClient _client;

    public LoudnessTests() => _client = _app.CreateClient();

    public void Dispose()
    {
        _client.Dispose();
        _app.Dispose();
    }

    [Theory]
    [InlineData(-20, -10, -14, 6, 0)]
    [InlineData(-20, -10, -26, -6, 0)]
    [InlineData(-20, -3, -14, 2, 1)]
    public async Task The_same_gain_is_applied_to_the_mix_and_the_stems_and_is_returned(
        double lufs, double peak, double target, double gainDb, int warnings)
    {
        _app.Encoder.Loudness = new Loudness(lufs, peak);
        using var plain = await _client.PredictAsync("""{"lyrics":"la","output":{"stems":true}}""");
        var before = await plain.SongAsync();
        using var response = await _client.PredictAsync(
            FormattableString.Invariant($$$"""{"lyrics":"la","output":{"stems":true,"loudness_lufs":{{{target}}}}}"""));
        var song = await response.SongAsync();

        var gain = Math.Pow(10, gainDb / 20);
        Assert.Equal(gain, PeakOf(song.GetProperty("audio_base64")) / PeakOf(before.GetProperty("audio_base64")), 1e-3);
        foreach (var stem in (string[])["vocal", "instrumental"])
        {
            Assert.Equal(gain, PeakOf(song.GetProperty("stems").GetProperty(stem).GetProperty("audio_base64"))
                / PeakOf(before.GetProperty("stems").GetProperty(stem).GetProperty("audio_base64")), 1e-3);
        }

        var loudness = song.GetProperty("loudness");
        Assert.Equal(
            (lufs, peak, gainDb),
            (
                loudness.GetProperty("measured_lufs").GetDouble(), loudness.GetProperty("measured_true_peak_dbtp").GetDouble(),
                loudness.GetProperty("gain_db").GetDouble()));
        Assert.Equal(warnings, song.GetProperty("warnings").GetArrayLength());
        Assert.Equal(JsonValueKind.Null, before.GetProperty("loudness").ValueKind);
    }

    [Fact]
    public async Task A_silent_song_is_not_changed_and_has_a_warning()
    {
        _app.Encoder.Loudness = new Loudness(-70, double.NegativeInfinity);
        using var response = await _client.PredictAsync("""{"lyrics":"la","output":{"loudness_lufs":-14}}""");
        var song = await response.SongAsync();
        Assert.Equal("""{"measured_lufs":null,"measured_true_peak_dbtp":null,"gain_db":0}""", song.GetProperty("loudness").GetRawText());
        Assert.Contains("silent", Assert.Single(song.GetProperty("warnings").Strings()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_job_and_a_file_response_contain_the_gain_too()
    {
        _app.Encoder.Loudness = new Loudness(-20, -10);
        var job = await _client.WhenAsync(await _client.SubmitAsync("la", ""","output":{"loudness_lufs":-14}"""), "succeeded");
        Assert.Equal(6, job.GetProperty("song").GetProperty("loudness").GetProperty("gain_db").GetDouble());
        using var file = await _client.PredictAsync(
            """{"lyrics":"la","output":{"loudness_lufs":-14}}""", request => request.Headers.Accept.ParseAdd("audio/wav"));
        Assert.Equal("6", Assert.Single(file.Headers.GetValues("X-Yue-Gain-Db")));
    }

    [Theory]
    [InlineData("-37")]
    [InlineData("-5.9")]
    [InlineData("\"loud\"")]
    public async Task A_loudness_out_of_bounds_causes_a_422(string loudness)
    {
        using var response = await _client.PredictAsync($$$"""{"lyrics":"la","output":{"loudness_lufs":{{{loudness}}}}}""");
        Assert.Contains(
            "send a number from -36 to -6", (await response.FieldErrorsAsync())["output.loudness_lufs"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Loudness_needs_no_ffmpeg()
    {
        _app.Encoder.HasFfmpeg = false;
        using var response = await _client.PredictAsync("""{"lyrics":"la","output":{"loudness_lufs":-14}}""");
        Assert.Equal(System.Net.HttpStatusCode.OK, response.StatusCode);
    }

    private static double PeakOf(JsonElement wav) => WavFile.Parse(wav.GetBytesFromBase64()).Interleaved.Max();
}
