using System.Net.Http.Headers;
using System.Text.Json;
using Xunit;
using Yue.Testing;

namespace YueService.Tests.Fakes;

/// <summary>Reads server-sent events one by one.</summary>
internal sealed class EventStream : IDisposable
{
    private readonly HttpResponseMessage _response;
    private readonly StreamReader _reader;

    private EventStream(HttpResponseMessage response, Stream stream)
    {
        _response = response;
        _reader = new StreamReader(stream);
    }

    /// <summary>Opens a job's events.</summary>
    public static Task<EventStream> OpenAsync(HttpClient client, string job, string? lastEventId = null) =>
        OpenAtAsync(client, job + "/events", lastEventId);

    /// <summary>Opens the events of all jobs.</summary>
    public static Task<EventStream> OpenAllAsync(HttpClient client, string? lastEventId = null) =>
        OpenAtAsync(client, "/v1/events", lastEventId);

    private static async Task<EventStream> OpenAtAsync(HttpClient client, string path, string? lastEventId)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (lastEventId is not null)
        {
            request.Headers.Add("Last-Event-ID", lastEventId);
        }

        var response = await client.SendAsync(
            request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        Assert.Equal(new MediaTypeHeaderValue("text/event-stream"), response.Content.Headers.ContentType);
        return new(response, await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken));
    }

    /// <summary>Returns the next event; null at the end of the stream.</summary>
    public async Task<(string Id, string Name, JsonElement Data)?> NextAsync()
    {
        string? id = null, name = null, data = null;
        while (await ReadLineAsync() is { } line)
        {
            if (line.Length == 0 && data is not null)
            {
                return (id!, name!, JsonDocument.Parse(data).RootElement);
            }

            id = Field(line, "id: ") ?? id;
            name = Field(line, "event: ") ?? name;
            data = Field(line, "data: ") ?? data;
        }

        return null;
    }

    /// <summary>Returns the next line, including comments; null at the end.</summary>
    public async Task<string?> ReadLineAsync() =>
        await _reader.ReadLineAsync(TestContext.Current.CancellationToken).AsTask().InTime();

    /// <summary>Returns all remaining events of the stream.</summary>
    public async Task<List<(string Id, string Name, JsonElement Data)>> RestAsync()
    {
        var events = new List<(string, string, JsonElement)>();
        while (await NextAsync() is { } e)
        {
            events.Add(e);
        }

        return events;
    }

    public void Dispose()
    {
        _reader.Dispose();
        _response.Dispose();
    }

    private static string? Field(string line, string name) => line.StartsWith(name, StringComparison.Ordinal) ? line[name.Length..] : null;
}
