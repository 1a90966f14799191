using System.Net;
using System.Net.Http.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Xunit;
using Yue.Testing;
using YueService.Api.Access;
using YueService.Settings;
using YueService.Tests.Fakes;

namespace YueService.Tests.Http;

/// <summary>Tests the sessions of web pages, which send a cookie instead of the key.</summary>
public sealed class SessionTests : IDisposable
{
    private const string Key = "key-one";

    private readonly YueApp _app = new(("Yue:ApiKey", $"{Key}, key-two"));
    private readonly HttpClient _client;

    public SessionTests() => _client = _app.CreateDefaultClient(new Uri("http://localhost"));

    public void Dispose()
    {
        _client.Dispose();
        _app.Dispose();
    }

    [Fact]
    public async Task A_session_cookie_replaces_the_key_and_is_hidden_from_scripts()
    {
        var cookie = await SignInAsync(_client);
        var parts = cookie.Split("; ");
        Assert.Contains("httponly", parts);
        Assert.Contains("samesite=strict", parts);
        Assert.Contains("path=/", parts);
        Assert.Contains("max-age=2592000", parts);
        Assert.DoesNotContain("secure", parts);
        Assert.DoesNotContain(Key, cookie, StringComparison.Ordinal);
        using var songs = await SendAsync(HttpMethod.Get, parts[0], origin: null);
        Assert.Equal(HttpStatusCode.OK, songs.StatusCode);
    }

    [Theory]
    [InlineData("http://localhost", HttpStatusCode.Accepted)]
    [InlineData(null, HttpStatusCode.Forbidden)]
    [InlineData("null", HttpStatusCode.Forbidden)]
    [InlineData("http://localhost:81", HttpStatusCode.Forbidden)]
    [InlineData("https://evil.example", HttpStatusCode.Forbidden)]
    public async Task Changes_with_a_session_require_the_origin_of_the_service(string? origin, HttpStatusCode status)
    {
        var cookie = (await SignInAsync(_client)).Split(';')[0];
        using var response = await SendAsync(HttpMethod.Post, cookie, origin);
        if (status == HttpStatusCode.Forbidden)
        {
            await response.ProblemAsync(status, "urn:yue:foreign-origin");
        }

        Assert.Equal(status, response.StatusCode);
    }

    [Fact]
    public async Task A_wrong_or_missing_key_starts_no_session()
    {
        using var wrong = await PostAsync(_client, new { key = "key-three" });
        await wrong.ProblemAsync(HttpStatusCode.Unauthorized, "urn:yue:unauthorized");
        Assert.False(wrong.Headers.Contains("Set-Cookie"));
        foreach (var body in new object[] { new { }, new { key = 5 }, new { key = "" }, new { key = Key, kee = 1 }, "text" })
        {
            using var invalid = await PostAsync(_client, body);
            await invalid.ProblemAsync(HttpStatusCode.UnprocessableEntity, "urn:yue:invalid-request");
        }
    }

    [Fact]
    public async Task A_forged_cookie_and_the_cookie_of_another_key_are_rejected()
    {
        var cookie = (await SignInAsync(_client)).Split(';')[0];
        var parts = cookie.Split('=', 2)[1].Split('.');
        var (expiry, id, signature) = (parts[0], parts[1], parts[2]);
        var later = long.Parse(expiry, System.Globalization.CultureInfo.InvariantCulture) + 1;
        string[] forged =
        [
            $"yue_session={later}.{id}.{signature}", $"yue_session={expiry}.{new string('0', id.Length)}.{signature}",
            $"yue_session={expiry}.{id}.{signature[1..]}", $"yue_session={expiry}.{id}", "yue_session=", "yue_session=x.y.z",
        ];
        foreach (var text in forged)
        {
            using var response = await SendAsync(HttpMethod.Get, text, origin: null);
            await response.ProblemAsync(HttpStatusCode.Unauthorized, "urn:yue:unauthorized");
        }

        using var other = new YueApp(("Yue:ApiKey", "key-four"));
        using var elsewhere = other.CreateDefaultClient(new Uri("http://localhost"));
        using var refused = await SendAsync(elsewhere, HttpMethod.Get, cookie, origin: null);
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
    }

    [Fact]
    public void A_session_ends_after_thirty_days()
    {
        var clock = new ManualClock();
        using var folder = new TemporaryFolder();
        var keys = new ApiKeys(Options.Create(new AccessOptions { ApiKey = $"key-zero, {Key}" }), Ended(folder, clock), clock);
        var token = keys.Issue(Key);
        clock.Now += ApiKeys.SessionLength - TimeSpan.FromSeconds(1);
        Assert.Equal(ApiKeyName.Of(Key), keys.NameOfToken(token));
        clock.Now += TimeSpan.FromSeconds(1);
        Assert.Null(keys.NameOfToken(token));
    }

    [Fact]
    public async Task A_copied_cookie_is_refused_after_the_page_signs_out()
    {
        var cookie = (await SignInAsync(_client)).Split(';')[0];
        var other = (await SignInAsync(_client)).Split(';')[0];
        using (var signedOut = await SignOutAsync(_client, cookie))
        {
            Assert.Equal(HttpStatusCode.NoContent, signedOut.StatusCode);
            Assert.StartsWith("yue_session=;", Assert.Single(signedOut.Headers.GetValues("Set-Cookie")), StringComparison.Ordinal);
        }

        using var copy = await SendAsync(HttpMethod.Get, cookie, origin: null);
        await copy.ProblemAsync(HttpStatusCode.Unauthorized, "urn:yue:unauthorized");
        using var untouched = await SendAsync(HttpMethod.Get, other, origin: null);
        Assert.Equal(HttpStatusCode.OK, untouched.StatusCode);
        using var again = await SignOutAsync(_client, cookie);
        Assert.Equal(HttpStatusCode.NoContent, again.StatusCode);
    }

    [Fact]
    public async Task An_ended_session_stays_ended_after_a_restart()
    {
        var clock = new ManualClock();
        using var folder = new TemporaryFolder();
        ApiKeys Restart() => new(Options.Create(new AccessOptions { ApiKey = Key }), Ended(folder, clock), clock);
        var (first, second) = (Restart().Issue(Key), Restart().Issue(Key));
        Assert.NotEqual(first, second);
        var before = Restart();
        await before.EndAsync(first);
        Assert.Null(before.NameOfToken(first));
        var after = Restart();
        Assert.Null(after.NameOfToken(first));
        Assert.Equal(ApiKeyName.Of(Key), after.NameOfToken(second));

        // Expired sessions are removed, and text that is not a token is not stored.
        clock.Now += ApiKeys.SessionLength;
        var third = after.Issue(Key);
        await after.EndAsync(third);
        await after.EndAsync("1.2.3");
        Assert.Equal(third.Split('.')[1], Assert.Single(File.ReadAllLines(folder["ended-sessions"])).Split(' ')[1]);
    }

    [Fact]
    public async Task A_session_that_ended_while_the_file_could_not_be_read_stays_ended()
    {
        using var folder = new TemporaryFolder();
        var keys = new ApiKeys(Options.Create(new AccessOptions { ApiKey = Key }), Ended(folder, TimeProvider.System), TimeProvider.System);
        var (ended, other) = (keys.Issue(Key), keys.Issue(Key));
        File.WriteAllText(folder["ended-sessions"], "");
        using (File.Open(folder["ended-sessions"], FileMode.Open, FileAccess.ReadWrite, FileShare.None))
        {
            await Assert.ThrowsAsync<IOException>(() => keys.EndAsync(ended));
        }

        Assert.Null(keys.NameOfToken(ended));
        Assert.Equal(ApiKeyName.Of(Key), keys.NameOfToken(other));

        // The first ended session is stored together with the next one.
        await keys.EndAsync(other);
        Assert.Equal(2, File.ReadAllLines(folder["ended-sessions"]).Length);
    }

    [Fact]
    public async Task A_sign_out_that_cannot_be_stored_causes_a_503_and_applies_to_this_process()
    {
        var cookie = (await SignInAsync(_client)).Split(';')[0];
        Directory.CreateDirectory(Path.Combine(_app.StateFolder, "ended-sessions.part"));
        using var signedOut = await SignOutAsync(_client, cookie);
        await signedOut.ProblemAsync(HttpStatusCode.ServiceUnavailable, "urn:yue:storage-unavailable");
        using var copy = await SendAsync(HttpMethod.Get, cookie, origin: null);
        Assert.Equal(HttpStatusCode.Unauthorized, copy.StatusCode);
    }

    [Fact]
    public async Task Signing_out_clears_the_cookie_and_a_service_without_a_key_sets_none()
    {
        using var signedOut = await _client.DeleteAsync("/v1/session", TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.NoContent, signedOut.StatusCode);
        Assert.StartsWith("yue_session=;", Assert.Single(signedOut.Headers.GetValues("Set-Cookie")), StringComparison.Ordinal);
        using var open = new YueApp();
        using var client = open.CreateClient();
        using var response = await PostAsync(client, new { key = "any" });
        Assert.Equal(HttpStatusCode.NoContent, response.StatusCode);
        Assert.False(response.Headers.Contains("Set-Cookie"));
    }

    private static EndedSessions Ended(TemporaryFolder folder, TimeProvider clock) => new(
        Options.Create(new JobOptions { StateFolder = folder.Path }), clock, NullLogger<EndedSessions>.Instance);

    private static async Task<HttpResponseMessage> SignOutAsync(HttpClient client, string cookie)
    {
        using var request = new HttpRequestMessage(HttpMethod.Delete, "/v1/session");
        request.Headers.Add("Cookie", cookie);
        request.Headers.Add("Origin", "http://localhost");
        return await client.SendAsync(request, TestContext.Current.CancellationToken);
    }

    private static async Task<string> SignInAsync(HttpClient client)
    {
        using var response = await PostAsync(client, new { key = Key });
        Assert.Equal(HttpStatusCode.NoContent, response.StatusCode);
        return Assert.Single(response.Headers.GetValues("Set-Cookie"));
    }

    private static Task<HttpResponseMessage> PostAsync(HttpClient client, object body) =>
        client.PostAsJsonAsync("/v1/session", body, TestContext.Current.CancellationToken);

    private Task<HttpResponseMessage> SendAsync(HttpMethod method, string cookie, string? origin) =>
        SendAsync(_client, method, cookie, origin);

    private static async Task<HttpResponseMessage> SendAsync(HttpClient client, HttpMethod method, string cookie, string? origin)
    {
        using var request = new HttpRequestMessage(method, "/v1/songs");
        request.Headers.Add("Cookie", cookie);
        if (origin is not null)
        {
            request.Headers.Add("Origin", origin);
        }

        if (method == HttpMethod.Post)
        {
            request.Content = JsonContent.Create(new { lyrics = "la" });
        }

        return await client.SendAsync(request, TestContext.Current.CancellationToken);
    }

    private sealed class ManualClock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = new(2027, 1, 2, 3, 4, 5, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
