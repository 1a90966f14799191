using System.Text;
using Xunit;
using YueService.Tests.Fakes;

namespace YueService.Tests.Http;

public sealed class UnknownFieldTests : IDisposable
{
    private readonly YueApp _app = new();

    public void Dispose() => _app.Dispose();

    [Theory]
    [InlineData("""{"lyrics":"la","max_token":1}""", "max_token", "max_new_tokens")]
    [InlineData("""{"lyrics":"la","Lyrics":"lo"}""", "Lyrics", "lyrics")]
    [InlineData("""{"lyrics":"la","temperature":1}""", "temperature", "sampling.temperature")]
    [InlineData("""{"lyrics":"la","sampling":{"topp":1}}""", "sampling.topp", "sampling.top_p")]
    [InlineData("""{"lyrics":"la","output":{"samplerate":1}}""", "output.samplerate", "output.sample_rate")]
    [InlineData("""{"lyrics":"la","tokens":1}""", "tokens", "max_new_tokens")]
    [InlineData("""{"lyrics":"la","refrence":{}}""", "refrence", "reference")]
    public async Task A_warning_names_an_ignored_unknown_field_and_the_closest_known_name(string body, string unknown, string closest)
    {
        using var client = _app.CreateClient();
        using var response = await client.PredictAsync(body);
        var warning = Assert.Single((await response.SongAsync()).GetProperty("warnings").Strings());
        Assert.Equal($"unknown field {unknown} was ignored; the closest known name is {closest}", warning);
    }

    [Theory]
    [InlineData("""{"lyrics":"la","zebra":1}""", "zebra", "")]
    [InlineData("""{"lyrics":"la","\ud800eed":1}""", "\\ud800eed", "")]
    [InlineData("""{"lyrics":"la","x":1}""", "x", "")]
    [InlineData(
        """{"lyrics":"la","sampling":{"zebra":1}}""",
        "sampling.zebra",
        "; the known names are sampling.flow_steps, sampling.temperature, sampling.top_p, sampling.top_k, "
            + "sampling.repetition_penalty, sampling.guidance_scale")]
    public async Task A_name_unlike_any_known_one_gets_no_suggestion(string body, string unknown, string known)
    {
        using var client = _app.CreateClient();
        using var response = await client.PredictAsync(body);
        var warning = Assert.Single((await response.SongAsync()).GetProperty("warnings").Strings());
        Assert.Equal($"unknown field {unknown} was ignored{known}", warning);
    }

    [Theory]
    [InlineData("handling=strict")]
    [InlineData("wait=10, handling=\"strict\"; x=1")]
    [InlineData("Handling = Strict")]
    public async Task With_strict_handling_an_unknown_field_is_an_error_like_any_other(string prefer)
    {
        using var client = _app.CreateClient();
        using var response = await client.PredictAsync(
            """{"lyrics":"la","seeed":1,"sampling":{"topp":1},"max_new_tokens":1}""",
            request => request.Headers.TryAddWithoutValidation("Prefer", prefer));
        var faults = await response.FieldErrorsAsync();
        Assert.Equal(["max_new_tokens", "sampling.topp", "seeed"], faults.Keys.Order());
        Assert.Contains("closest known name is seed", faults["seeed"], StringComparison.Ordinal);
        Assert.Equal(["handling=strict"], response.Headers.GetValues("Preference-Applied"));
    }

    [Fact]
    public async Task A_waiting_caller_gets_a_warning_about_its_idempotency_key()
    {
        using var client = _app.CreateClient();
        using var response = await client.PredictAsync("""{"lyrics":"la"}""", request => request.Headers.Add("Idempotency-Key", "k"));
        var warning = Assert.Single((await response.SongAsync()).GetProperty("warnings").Strings());
        Assert.StartsWith("Idempotency-Key was ignored: it applies only to jobs", warning, StringComparison.Ordinal);

        using var job = await client.PredictAsync("""{"lyrics":"la"}""", request =>
        {
            request.Headers.Add("Idempotency-Key", "k");
            request.Headers.Add("Prefer", "respond-async");
        });
        Assert.Equal(System.Net.HttpStatusCode.Accepted, job.StatusCode);
    }

    [Fact]
    public async Task With_lenient_handling_an_unknown_field_is_not_an_error()
    {
        using var client = _app.CreateClient();
        using var response = await client.PredictAsync(
            """{"lyrics":"la","seeed":1}""", request => request.Headers.TryAddWithoutValidation("Prefer", "handling=lenient"));
        await response.SongAsync();
    }

    [Fact]
    public async Task Ten_thousand_unknown_fields_get_a_short_response()
    {
        var body = new StringBuilder("""{"lyrics":"la" """);
        for (var i = 0; i < 10_000; i++)
        {
            body.Append(System.Globalization.CultureInfo.InvariantCulture, $",\"unknown{i}\":0");
        }

        using var client = _app.CreateClient();
        using var response = await client.PredictAsync(body.Append('}').ToString());
        var warnings = (await response.SongAsync()).GetProperty("warnings").Strings();
        Assert.Equal(51, warnings.Length);
        Assert.Equal("unknown fields that are not listed: 9950; they were ignored", warnings[^1]);
    }

    [Fact]
    public async Task The_last_value_of_a_repeated_field_wins()
    {
        using var client = _app.CreateClient();
        using var response = await client.PredictAsync("""{"lyrics":"la","seed":1,"seed":2}""");
        Assert.Equal(2, (await response.SongAsync()).GetProperty("seed").GetInt64());
    }
}
