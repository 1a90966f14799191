using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace YueService.Client;

/// <summary>A client for YueService.</summary>
/// <remarks>The address of the service is the base address of the <see cref="HttpClient"/>, which the caller disposes. Responses with an
/// error status throw <see cref="YueException{Problem}"/>. Methods can be called concurrently.</remarks>
public partial class YueClient
{
    /// <summary>The maximum number of consecutive attempts to reopen a lost connection to a song's events.</summary>
    private const int MaxReconnections = 10;

    /// <summary>The delay before a lost connection to a song's events is reopened.</summary>
    public TimeSpan ReconnectionInterval { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>Waits until a song has succeeded, failed or been cancelled.</summary>
    /// <param name="id">The id of the song.</param>
    /// <param name="progress">Receives every event of the song.</param>
    /// <param name="cancellationToken">Ends the wait, not the song; <see cref="DeleteSongAsync"/> cancels a song.</param>
    /// <returns>The song in its final state.</returns>
    /// <remarks>Reads the events of the song. Reopens a lost connection, for example after the service restarts.</remarks>
    public async Task<SongJobResponse> WaitForSongAsync(
        string id, IProgress<SongEvent>? progress = null, CancellationToken cancellationToken = default)
    {
        string? lastId = null;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await foreach (var item in EventsAsync(id, lastId, cancellationToken).ConfigureAwait(false))
                {
                    (attempt, lastId) = (1, item.EventId);
                    if (item.Data is { } data)
                    {
                        progress?.Report(data);
                    }
                }

                var job = await GetSongAsync(id, cancellationToken).ConfigureAwait(false);
                if (job.State is not (JobState.Queued or JobState.Running))
                {
                    return job;
                }
            }
            catch (Exception e) when (attempt <= MaxReconnections && IsLostConnection(e))
            {
                // The next attempt continues after the last event.
            }

            await Task.Delay(ReconnectionInterval, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Queues several songs from one request, each with its own seed.</summary>
    /// <param name="body">The request. Its <see cref="SongRequest.Takes"/> must be 2 or more.</param>
    /// <param name="idempotencyKey">The same key and body return the same group.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The group of songs. <see cref="CreateSongAsync"/> returns a single song.</returns>
    public async Task<SongGroupResponse> CreateTakesAsync(
        SongRequest body, string? idempotencyKey = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(body);
        ArgumentOutOfRangeException.ThrowIfLessThan(body.Takes ?? 1, 2, nameof(body.Takes));
        using var request = new HttpRequestMessage(HttpMethod.Post, "v1/songs")
        {
            Content = JsonContent.Create(body, options: JsonSerializerSettings),
        };
        if (idempotencyKey is not null)
        {
            request.Headers.Add("Idempotency-Key", idempotencyKey);
        }

        using var response = await SendAsync(request, cancellationToken).ConfigureAwait(false);
        var group = await ReadObjectResponseAsync<SongGroupResponse>(response, Headers(response), cancellationToken).ConfigureAwait(false);
        return group.Object;
    }

    static partial void UpdateJsonSerializerSettings(JsonSerializerOptions settings)
    {
        settings.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
        settings.Converters.Add(new JsonStringEnumConverter());
    }

    private static Dictionary<string, IEnumerable<string>> Headers(HttpResponseMessage response) =>
        response.Headers.Concat(response.Content.Headers).ToDictionary(header => header.Key, header => header.Value);

    private static bool IsLostConnection(Exception e) =>
        e is HttpRequestException or IOException or YueException { StatusCode: 502 or 503 or 504 };

    /// <summary>Returns the events of a song after <paramref name="lastId"/> until the service ends the response. The data of an
    /// event whose name is not a state is null.</summary>
    private async IAsyncEnumerable<SseItem<SongEvent?>> EventsAsync(
        string id, string? lastId, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"v1/songs/{Uri.EscapeDataString(id)}/events");
        if (lastId is not null)
        {
            request.Headers.Add("Last-Event-ID", lastId);
        }

        using var response = await SendAsync(request, cancellationToken).ConfigureAwait(false);
        using var stream = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        var parser = SseParser.Create(
            stream,
            (name, data) => Enum.TryParse<JobState>(name, ignoreCase: true, out _)
                ? JsonSerializer.Deserialize<SongEvent>(data, JsonSerializerSettings)
                : null);
        await foreach (var item in parser.EnumerateAsync(cancellationToken).ConfigureAwait(false))
        {
            yield return item;
        }
    }

    /// <summary>Sends a request and returns the response as soon as its headers have arrived.</summary>
    /// <exception cref="YueException{Problem}">The status is an error.</exception>
    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var response = await _httpClient
            .SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken)
            .ConfigureAwait(false);
        if (response.IsSuccessStatusCode)
        {
            return response;
        }

        using (response)
        {
            var headers = Headers(response);
            var problem = await ReadObjectResponseAsync<Problem>(response, headers, cancellationToken).ConfigureAwait(false);
            throw new YueException<Problem>(
                "The service responded with an error.", (int)response.StatusCode, problem.Text, headers, problem.Object, null);
        }
    }
}
