using System.Net;

namespace YueService.Downloads;

/// <summary>Fetches one range of a file, however often the line breaks.</summary>
/// <param name="hub">Where from.</param>
/// <param name="file">Which file.</param>
/// <param name="remote">What the server said of it; every answer is held against that.</param>
/// <param name="part">Where to.</param>
/// <param name="maxBytes">The most bytes that the file may have; limits a body of unknown length.</param>
/// <param name="settings">How patiently.</param>
/// <param name="retrying">Told why and for how long it waits.</param>
internal sealed class RangeFetch(
    HubClient hub, HubFile file, RemoteFile remote, PartFile part, long maxBytes, DownloadSettings settings, Action<string, TimeSpan> retrying)
{
    private const int BufferBytes = 256 << 10;

    /// <summary>Fetches the bytes of a range that are not there.</summary>
    /// <exception cref="DownloadException">The file must be begun again, or it is given up.</exception>
    public async Task RunAsync(PartRange range, CancellationToken cancel)
    {
        for (var failures = 0; !range.IsComplete;)
        {
            var before = range.Done;
            try
            {
                await FetchAsync(range, cancel);
            }
            catch (Exception e) when (FaultOf(e, cancel) is { } fault)
            {
                failures = range.Done > before ? 1 : failures + 1;
                if (fault.Remedy != DownloadRemedy.Retry)
                {
                    throw fault;
                }

                if (failures >= settings.Attempts)
                {
                    throw new DownloadException($"{fault.Message} ({failures} times in a row)", DownloadRemedy.None, fault);
                }

                var delay = settings.DelayAfter(failures, fault.RetryAfter);
                retrying(fault.Message, delay);
                await Task.Delay(delay, cancel);
            }
        }
    }

    private async Task FetchAsync(PartRange range, CancellationToken cancel)
    {
        long? last = remote.Size is null ? null : range.Start + range.Length - 1;
        using var answer = await hub.GetAsync(file, range.Start + range.Done, last, remote.ETag, cancel);
        Check(answer.Response, range);
        await using var body = await answer.Response.Content.ReadAsStreamAsync(cancel);
        var buffer = new byte[BufferBytes];
        using var stall = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        while (!range.IsComplete)
        {
            stall.CancelAfter(settings.StallTimeout);
            var count = await body.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, range.Length - range.Done)), stall.Token);
            if (count == 0)
            {
                End(range);
                return;
            }

            if (count > maxBytes - range.Start - range.Done)
            {
                throw Fault($"the server sends more than {maxBytes} bytes, the most that this file may have here", DownloadRemedy.None);
            }

            await part.WriteAsync(range, buffer.AsMemory(0, count), cancel);
        }
    }

    /// <summary>The body is over: well for a file of unknown size, too early otherwise.</summary>
    private void End(PartRange range)
    {
        if (remote.Size is not null)
        {
            throw Fault("the connection ended too early", Interrupted);
        }

        range.End();
    }

    /// <summary>Refuses an answer that holds other bytes than those asked for.</summary>
    private void Check(HttpResponseMessage response, PartRange range)
    {
        var headers = response.Content.Headers;
        if (remote.ETag is { } etag && response.Headers.ETag is { IsWeak: false } now && !now.Equals(etag))
        {
            throw Fault("the file has changed on the server", DownloadRemedy.Restart);
        }

        var first = range.Start + range.Done;
        if (response.StatusCode == HttpStatusCode.PartialContent)
        {
            if (headers.ContentRange is not { } sent || sent.From != first || (sent.Length is { } total && total != remote.Size))
            {
                throw Fault($"the server was asked for the bytes from {first} on and sends '{headers.ContentRange}'", DownloadRemedy.Retry);
            }
        }
        else if (first > 0 || remote is { TakesRanges: true, Size: > 0 } && range.Length < remote.Size)
        {
            throw Fault("the server sends the whole file where a part was asked for", DownloadRemedy.Restart);
        }
        else if (headers.ContentLength is { } length && remote.Size is { } size && length != size)
        {
            throw Fault($"the server said {size} bytes and sends {length}", DownloadRemedy.Restart);
        }
    }

    /// <summary>Without ranges a file that was cut off has to be begun again.</summary>
    private DownloadRemedy Interrupted => remote.TakesRanges ? DownloadRemedy.Retry : DownloadRemedy.Restart;

    /// <summary>What a failure means; null when it is none of the network's.</summary>
    private DownloadException? FaultOf(Exception exception, CancellationToken cancel) => exception switch
    {
        DownloadException known => known,
        OperationCanceledException when !cancel.IsCancellationRequested =>
            Fault($"no byte came in {settings.StallTimeout.TotalSeconds:F0} s", Interrupted),
        HttpRequestException or HttpIOException => Fault("the connection broke", Interrupted, exception),

        // The stream of a broken connection throws it, too; a disk's has an error code of its own and is not retried.
        IOException { InnerException: System.Net.Sockets.SocketException } => Fault("the connection broke", Interrupted, exception),
        _ => null,
    };

    private DownloadException Fault(string what, DownloadRemedy remedy, Exception? inner = null) => new($"{file}: {what}", remedy, inner);
}
