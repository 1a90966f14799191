using System.Collections;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Xunit;
using Yue.Engine.Songs;
using Yue.Testing;
using YueService.Jobs;
using YueService.Jobs.Webhooks;
using YueService.Settings;
using YueService.Tests.Fakes;

namespace YueService.Tests.Jobs;

/// <summary>Tests the webhooks that are sent when jobs end.</summary>
public sealed class WebhookTests
{
    private const string Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    [Fact]
    public async Task A_finished_job_calls_back_with_a_signature()
    {
        await using var receiver = await WebhookReceiver.StartAsync();
        using var app = App();
        using var client = app.CreateClient();
        var job = await SubmitAsync(client, receiver, "la");
        await Eventually.TrueAsync(() => receiver.Received.Count == 1);
        var (path, id, timestamp, signature, body) = receiver.Received.Single();
        Assert.Equal(("/hook", $"msg_{Path.GetFileName(job)}"), (path, id));
        var key = Convert.FromBase64String(Secret["whsec_".Length..]);
        byte[] signed = [.. Encoding.UTF8.GetBytes($"{id}.{timestamp}."), .. body];
        Assert.Equal($"v1,{Convert.ToBase64String(HMACSHA256.HashData(key.AsSpan(), signed.AsSpan()))}", signature);
        Assert.InRange(DateTimeOffset.UtcNow.ToUnixTimeSeconds() - long.Parse(timestamp, null), 0, 300);

        using var json = JsonDocument.Parse(body);
        Assert.Equal("song.succeeded", json.RootElement.GetProperty("type").GetString());
        var data = json.RootElement.GetProperty("data");
        Assert.Equal((Path.GetFileName(job), "succeeded"), (data.GetProperty("id").GetString(), data.GetProperty("state").GetString()));
        Assert.False(data.TryGetProperty("lyrics", out _));
        await WhenNothingIsDueAsync(app);
        Assert.Single(receiver.Received);
        Assert.DoesNotContain(Secret["whsec_".Length..], app.Log.Text, StringComparison.Ordinal);
        Assert.Equal(
            $"http://127.0.0.1:{receiver.Port}/hook",
            (await client.GetJsonAsync(job)).GetProperty("request").GetProperty("callback_url").GetString());
    }

    [Fact]
    public void The_signature_equals_that_of_the_published_example() => Assert.Equal(
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        WebhookClient.Sign(
            Convert.FromBase64String(Secret["whsec_".Length..]),
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            Encoding.UTF8.GetBytes("""{"test": 2432232314}""")));

    [Fact]
    public async Task Failed_and_cancelled_jobs_call_back_too()
    {
        await using var receiver = await WebhookReceiver.StartAsync();
        using var app = App();
        var stage = new StagedEngine(app.Engine);
        using var client = app.CreateClient();
        await SubmitAsync(client, receiver, "one");
        var two = await SubmitAsync(client, receiver, "two");
        using var cancelled = await client.DeleteAsync(two, TestContext.Current.CancellationToken);
        await stage["one"].Started.Task.InTime();
        stage["one"].Fail(new SongException("no"));
        await Eventually.TrueAsync(() => receiver.Received.Count == 2);
        Assert.Equal(["song.cancelled", "song.failed"], receiver.Received.Select(TypeOf).Order());
    }

    [Fact]
    public async Task A_webhook_that_is_not_accepted_is_sent_again_even_by_the_next_process()
    {
        await using var receiver = await WebhookReceiver.StartAsync();
        receiver.Respond = index => index == 0 ? 500 : 204;
        using var state = new TemporaryFolder();
        using (var first = App(state))
        {
            using var client = first.CreateClient();
            await SubmitAsync(client, receiver, "la");
            await Eventually.TrueAsync(async () => (await DueAsync(first)) is [{ Attempts: 1 }]);
        }

        using var second = App(state);
        using var later = second.CreateClient();
        await Eventually.TrueAsync(() => receiver.Received.Count == 2);
        Assert.Single(receiver.Received.Select(webhook => webhook.Id).Distinct());
        await WhenNothingIsDueAsync(second);
    }

    [Theory]
    [InlineData(302, 1)]
    [InlineData(429, 1)]
    [InlineData(410, 0)]
    public async Task A_redirect_is_not_followed_and_a_410_ends_the_retries(int status, int due)
    {
        await using var receiver = await WebhookReceiver.StartAsync();
        receiver.Respond = _ => status;
        using var app = App();
        using var client = app.CreateClient();
        await SubmitAsync(client, receiver, "la");
        await Eventually.TrueAsync(async () => !receiver.Received.IsEmpty && (await DueAsync(app)).All(webhook => webhook.Attempts == 1));
        Assert.Equal(due, (await DueAsync(app)).Count);
        Assert.All(receiver.Received, webhook => Assert.Equal("/hook", webhook.Path));
    }

    [Fact]
    public async Task A_removed_job_sends_no_more_webhooks()
    {
        await using var receiver = await WebhookReceiver.StartAsync();
        receiver.Respond = _ => 500;
        using var app = App();
        using var client = app.CreateClient();
        var job = await SubmitAsync(client, receiver, "la");
        await Eventually.TrueAsync(async () => (await DueAsync(app)) is [{ Attempts: 1 }]);
        using var deleted = await client.DeleteAsync(job, TestContext.Current.CancellationToken);
        Assert.Empty(await DueAsync(app));
    }

    [Fact]
    public async Task A_host_name_that_resolves_to_this_machine_is_not_called()
    {
        await using var receiver = await WebhookReceiver.StartAsync();
        using var app = new YueApp(("Yue:Webhooks:Secret", Secret));
        using var client = app.CreateClient();
        using var accepted = await client.PostSongAsync(
            $$"""{"lyrics":"la","callback_url":"http://localhost:{{receiver.Port}}/hook"}""");
        Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
        await Eventually.TrueAsync(async () => (await DueAsync(app)) is [{ Attempts: 1 }]);
        Assert.Empty(receiver.Received);
        Assert.Contains("localhost has no public address", app.Log.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://127.0.0.1/hook", "not a public address")]
    [InlineData("http://[::1]:8080/", "not a public address")]
    [InlineData("http://2130706433/", "not a public address")]
    [InlineData("https://169.254.169.254/latest/meta-data", "not a public address")]
    [InlineData("ftp://app.example/", "an absolute http or https URL")]
    [InlineData("https://user:pass@app.example/", "an absolute http or https URL")]
    [InlineData("https://app.example/#x", "an absolute http or https URL")]
    [InlineData("/hook", "an absolute http or https URL")]
    [InlineData("file:///etc/passwd", "an absolute http or https URL")]
    public async Task An_invalid_callback_is_refused(string url, string message)
    {
        using var app = new YueApp(("Yue:Webhooks:Secret", Secret));
        using var client = app.CreateClient();
        using var response = await client.PostSongAsync($$"""{"lyrics":"la","callback_url":"{{url}}"}""");
        Assert.Contains(message, (await response.FieldErrorsAsync())["callback_url"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_callback_needs_a_secret_and_is_ignored_for_a_waiting_caller()
    {
        using var app = new YueApp();
        using var client = app.CreateClient();
        using var refused = await client.PostSongAsync("""{"lyrics":"la","callback_url":"https://app.example/"}""");
        Assert.Contains("Yue:Webhooks:Secret", (await refused.FieldErrorsAsync())["callback_url"], StringComparison.Ordinal);

        using var enabled = App();
        using var other = enabled.CreateClient();
        using var song = await other.PredictAsync("""{"lyrics":"la","callback_url":"https://app.example/"}""");
        var warning = Assert.Single((await song.SongAsync()).GetProperty("warnings").Strings());
        Assert.StartsWith("callback_url was ignored", warning, StringComparison.Ordinal);
        Assert.Empty(await DueAsync(enabled));
    }

    [Theory]
    [InlineData("8.8.8.8", true)]
    [InlineData("2606:4700::1111", true)]
    [InlineData("::ffff:8.8.8.8", true)]
    [InlineData("10.1.2.3", false)]
    [InlineData("100.64.0.1", false)]
    [InlineData("172.31.255.255", false)]
    [InlineData("192.168.1.1", false)]
    [InlineData("169.254.169.254", false)]
    [InlineData("0.0.0.0", false)]
    [InlineData("255.255.255.255", false)]
    [InlineData("224.0.0.1", false)]
    [InlineData("::1", false)]
    [InlineData("::", false)]
    [InlineData("::ffff:127.0.0.1", false)]
    [InlineData("::127.0.0.1", false)]
    [InlineData("64:ff9b::7f00:1", false)]
    [InlineData("2002:7f00:1::", false)]
    [InlineData("fe80::1", false)]
    [InlineData("fd00::1", false)]
    [InlineData("fec0::1", false)]
    [InlineData("ff02::1", false)]
    public void Only_internet_addresses_are_public(string address, bool isPublic) =>
        Assert.Equal(isPublic, PublicAddress.Is(IPAddress.Parse(address)));

    [Fact]
    public void Retries_end_after_nine_attempts_within_a_day()
    {
        var waits = Enumerable.Range(1, 8).Select(attempts => WebhookBackoff.After(attempts)!.Value).ToList();
        Assert.Equal(waits.Order(), waits);
        Assert.InRange(waits.Sum(wait => wait.TotalHours), 17, 24);
        Assert.Null(WebhookBackoff.After(9));
    }

    [Theory]
    [InlineData("Secret", "too short", "Yue:Webhooks:Secret does not contain a secret")]
    [InlineData("Secret", "whsec_c2hvcnQ=", "Yue:Webhooks:Secret does not contain a secret")]
    [InlineData("SecretFile", "/nowhere/secret", "Yue:Webhooks:SecretFile cannot be read")]
    [InlineData("Secrett", "~", "Yue:Webhooks:Secrett is not a setting; the closest is Yue:Webhooks:Secret.")]
    public void An_invalid_setting_is_named_without_the_secret(string name, string value, string message)
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection([KeyValuePair.Create<string, string?>($"Yue:Webhooks:{name}", value)]).Build();
        var options = configuration.GetSection("Yue").Get<WebhookOptions>()!;
        var fault = Assert.Single(new WebhookRules(configuration).Validate(null, options).Failures!);
        Assert.StartsWith(message, fault, StringComparison.Ordinal);
        Assert.Equal(name == "SecretFile", fault.Contains(value, StringComparison.Ordinal));
    }

    [Fact]
    public void Environment_variables_set_settings_with_or_without_underscores() => Assert.Equal(
        ["Yue:Webhooks:ALLOWPRIVATEADDRESSES=true", "Yue:Webhooks:SecretFile=f"],
        EnvironmentSettings.Read(new Hashtable
        {
            ["YUE_WEBHOOKS__ALLOW_PRIVATE_ADDRESSES"] = "true",
            ["YUE_Webhooks__SecretFile"] = "f",
        }).Select(pair => $"{pair.Key}={pair.Value}").Order());

    [Fact]
    public async Task The_secret_may_be_in_a_file()
    {
        await using var receiver = await WebhookReceiver.StartAsync();
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder["secret"], Secret + "\n", TestContext.Current.CancellationToken);
        using var app = new YueApp(
            ("Yue:Webhooks:SecretFile", folder["secret"]), ("Yue:Webhooks:AllowPrivateAddresses", "true"));
        using var client = app.CreateClient();
        await SubmitAsync(client, receiver, "la");
        await Eventually.TrueAsync(() => receiver.Received.Count == 1);
        var (_, id, timestamp, signature, body) = receiver.Received.Single();
        Assert.Equal(signature, WebhookClient.Sign(Convert.FromBase64String(Secret["whsec_".Length..]), id, timestamp, body));
    }

    private static YueApp App(TemporaryFolder? state = null) => new(
    [
        ("Yue:Webhooks:Secret", Secret),
        ("Yue:Webhooks:AllowPrivateAddresses", "true"),
        .. state is null ? [] : new[] { ("Yue:StateFolder", state.Path) },
    ]);

    private static Task<string> SubmitAsync(HttpClient client, WebhookReceiver receiver, string lyrics) =>
        client.SubmitAsync(lyrics, $$""","callback_url":"http://127.0.0.1:{{receiver.Port}}/hook" """);

    /// <summary>Returns the webhooks still to be sent. First waits until the store is open; songs can be made before that.</summary>
    private static async Task<IReadOnlyList<DueWebhook>> DueAsync(YueApp app)
    {
        await app.Services.GetRequiredService<JobSignals>().WhenOpenAsync(TestContext.Current.CancellationToken);
        return await app.Services.GetRequiredService<IJobLog>().ListWebhooksAsync(10, TestContext.Current.CancellationToken);
    }

    private static Task WhenNothingIsDueAsync(YueApp app) => Eventually.TrueAsync(async () => (await DueAsync(app)).Count == 0);

    private static string TypeOf((string Path, string Id, string Timestamp, string Signature, byte[] Body) webhook)
    {
        using var json = JsonDocument.Parse(webhook.Body);
        return json.RootElement.GetProperty("type").GetString()!;
    }
}
