using System.Net;
using System.Text;
using System.Text.Json;
using Xunit;

namespace YueService.Tests.Fakes;

/// <summary>Sends HTTP requests about jobs.</summary>
internal static class JobClient
{
    /// <summary>Submits a song and returns the job's path.</summary>
    public static async Task<string> SubmitAsync(this HttpClient client, string lyrics, string moreFields = "")
    {
        using var response = await client.PostSongAsync($$"""{"lyrics":"{{lyrics}}"{{moreFields}}}""");
        Assert.True(
            response.StatusCode == HttpStatusCode.Accepted,
            $"{response.StatusCode}: {await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)}");
        return response.Headers.Location!.ToString();
    }

    public static Task<HttpResponseMessage> PostSongAsync(
        this HttpClient client, string json, string? key = null, string path = "/v1/songs")
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = new StringContent(json, Encoding.UTF8, "application/json"),
        };
        if (key is not null)
        {
            request.Headers.Add("Idempotency-Key", key);
        }

        return client.SendAsync(request, TestContext.Current.CancellationToken);
    }

    public static async Task<JsonElement> GetJsonAsync(this HttpClient client, string path)
    {
        using var response = await client.GetAsync(path, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return await response.JsonAsync();
    }

    public static async Task<string> StateAsync(this HttpClient client, string job) =>
        (await client.GetJsonAsync(job)).GetProperty("state").GetString()!;

    /// <summary>Waits until a job is in the given state, and returns the job.</summary>
    public static async Task<JsonElement> WhenAsync(this HttpClient client, string job, string state)
    {
        JsonElement now = default;
        await Eventually.TrueAsync(async () =>
        {
            now = await client.GetJsonAsync(job);
            var current = now.GetProperty("state").GetString();
            Assert.True(current == state || current is "queued" or "running", $"The job is not {state} and never will be: {now}");
            return current == state;
        });
        return now;
    }
}
