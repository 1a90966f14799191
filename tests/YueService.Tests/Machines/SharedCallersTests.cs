using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using Npgsql;
using Xunit;
using Yue.Testing;
using YueService.Jobs.Shared;
using YueService.Tests.Fakes;

namespace YueService.Tests.Machines;

/// <summary>Tests the limits, idempotency keys and sessions of callers across all processes.</summary>
public sealed class SharedCallersTests(SharedPostgres postgres) : IAsyncLifetime
{
    private const string Body = """{"lyrics":"la"}""";

    private readonly TemporaryFolder _files = new();
    private readonly List<YueApp> _apps = [];
    private string _store = "";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _store = await (await postgres.Server).NewDatabaseAsync();

    public async ValueTask DisposeAsync()
    {
        foreach (var app in _apps)
        {
            await app.DisposeAsync();
        }

        _files.Dispose();
    }

    [Fact]
    public async Task Songs_per_minute_are_counted_across_all_processes()
    {
        var (a, b) = (Start(("Yue:RateLimitPerMinute", "3")), Start(("Yue:RateLimitPerMinute", "3")));
        Assert.Equal(HttpStatusCode.Accepted, await PostAsync(a, "one"));
        Assert.Equal(HttpStatusCode.Accepted, await PostAsync(b, "one"));
        Assert.Equal(HttpStatusCode.TooManyRequests, await PostAsync(a, "one", """{"lyrics":"la","takes":2}"""));
        using var refused = await SendAsync(b, "one", Body);
        await refused.ProblemAsync(HttpStatusCode.TooManyRequests, "urn:yue:rate-limited");
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60);
        Assert.Equal(HttpStatusCode.Accepted, await PostAsync(b, "two"));

        await PostgresServer.ExecuteAsync(_store, "UPDATE song_rates SET began = began - interval '1 minute'");
        Assert.Equal(HttpStatusCode.Accepted, await PostAsync(a, "one", """{"lyrics":"la","takes":3}"""));
        Assert.Equal(HttpStatusCode.TooManyRequests, await PostAsync(b, "one"));
    }

    [Fact]
    public async Task Waiting_songs_of_one_key_are_counted_across_all_processes()
    {
        var (a, b) = (Start(("Yue:QueueCapacityPerKey", "2")), Start(("Yue:QueueCapacityPerKey", "2")));
        Assert.Equal(HttpStatusCode.Accepted, await PostAsync(a, "one"));
        Assert.Equal(HttpStatusCode.Accepted, await PostAsync(b, "one"));
        using var refused = await SendAsync(a, "one", Body);
        var problem = await refused.ProblemAsync(HttpStatusCode.TooManyRequests, "urn:yue:queue-full");
        Assert.Contains(
            "limit of 2 waiting songs for this API key (the setting Yue:QueueCapacityPerKey)",
            problem.GetProperty("detail").GetString(),
            StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Accepted, await PostAsync(a, "two"));
        using var takes = await SendAsync(b, "two", """{"lyrics":"la","takes":3}""");
        Assert.Contains("at most 2", (await takes.FieldErrorsAsync())["takes"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_idempotency_key_creates_one_song_per_API_key_across_processes()
    {
        var (a, b) = (Start(), Start());
        var responses = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => SendAsync(i % 2 == 0 ? a : b, "one", Body, "again")));
        var song = Assert.Single(responses.Select(response => response.Headers.Location).Distinct());
        using var other = await SendAsync(b, "two", Body, "again");
        Assert.Equal(HttpStatusCode.Accepted, other.StatusCode);
        Assert.NotEqual(song, other.Headers.Location);
        using var changed = await SendAsync(a, "two", """{"lyrics":"lo"}""", "again");
        await changed.ProblemAsync(HttpStatusCode.UnprocessableEntity, "urn:yue:idempotency-key-reused");
    }

    [Fact]
    public async Task A_session_that_ends_in_one_process_ends_in_all()
    {
        var (a, b) = (Start(), Start());
        using var signedIn = await a.PostAsJsonAsync("/v1/session", new { key = "two" }, Cancel);
        var cookie = Assert.Single(signedIn.Headers.GetValues("Set-Cookie")).Split(';')[0];
        await Eventually.TrueAsync(async () => await WithCookieAsync(a, HttpMethod.Get) == HttpStatusCode.OK);
        await Eventually.TrueAsync(async () => await WithCookieAsync(b, HttpMethod.Get) == HttpStatusCode.OK);
        Assert.Equal(HttpStatusCode.NoContent, await WithCookieAsync(a, HttpMethod.Delete, "/v1/session"));
        Assert.Equal(HttpStatusCode.Unauthorized, await WithCookieAsync(a, HttpMethod.Get));
        await Eventually.TrueAsync(async () => await WithCookieAsync(b, HttpMethod.Get) == HttpStatusCode.Unauthorized);

        async Task<HttpStatusCode> WithCookieAsync(HttpClient client, HttpMethod method, string path = "/v1/songs")
        {
            using var request = new HttpRequestMessage(method, path);
            request.Headers.Add("Cookie", cookie);
            request.Headers.Add("Origin", "http://localhost");
            using var response = await client.SendAsync(request, Cancel);
            return response.StatusCode;
        }
    }

    [Fact]
    public async Task A_song_that_is_requested_while_the_tables_are_being_created_waits_for_them()
    {
        await using var connection = new NpgsqlConnection(_store + ";Pooling=false");
        await connection.OpenAsync(Cancel);
        await using var hold = new NpgsqlCommand($"SELECT pg_advisory_lock({PostgresSchema.MigrationLock})", connection);
        await hold.ExecuteNonQueryAsync(Cancel);
        var client = Start(("Yue:RateLimitPerMinute", "3"));
        await using var waiting = new NpgsqlCommand("""
            SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
            WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted
            """, connection);
        await Eventually.TrueAsync(async () => await waiting.ExecuteScalarAsync(Cancel) is > 0L);
        var song = PostAsync(client, "one");
        using var health = await client.GetAsync("/health", Cancel);
        await connection.CloseAsync();
        Assert.Equal(HttpStatusCode.Accepted, await song);
    }

    [Fact]
    public async Task A_process_that_starts_without_the_database_keeps_running_and_accepts_no_session()
    {
        _store = "Host=127.0.0.1;Port=1";
        using var client = Start();
        using var signedIn = await client.PostAsJsonAsync("/v1/session", new { key = "two" }, Cancel);
        var app = _apps.Single();
        await Eventually.TrueAsync(
            () => app.Log.Text.Contains("The sessions that other processes ended cannot be read", StringComparison.Ordinal));
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/songs");
        request.Headers.Add("Cookie", Assert.Single(signedIn.Headers.GetValues("Set-Cookie")).Split(';')[0]);
        using var response = await client.SendAsync(request, Cancel);
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
    }

    /// <summary>Starts an instance of the service in which all songs wait, and returns a client for it.</summary>
    private HttpClient Start(params (string Key, string Value)[] settings)
    {
        var app = new YueApp(
            [("Yue:Store", _store), ("Yue:Files", _files.Path), ("Yue:ApiKey", "one,two"), ("Yue:QueueCapacity", "20"), .. settings]);
        app.Engine.Slots = 0;
        _apps.Add(app);
        return app.CreateDefaultClient(new Uri("http://localhost"));
    }

    private static async Task<HttpStatusCode> PostAsync(HttpClient client, string key, string body = Body)
    {
        using var response = await SendAsync(client, key, body);
        return response.StatusCode;
    }

    private static Task<HttpResponseMessage> SendAsync(HttpClient client, string key, string body, string? idempotencyKey = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/songs")
        {
            Content = new StringContent(body, new MediaTypeHeaderValue("application/json")),
            Headers = { Authorization = new("Bearer", key) },
        };
        if (idempotencyKey is not null)
        {
            request.Headers.Add("Idempotency-Key", idempotencyKey);
        }

        return client.SendAsync(request, Cancel);
    }
}
