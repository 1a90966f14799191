using System.Net;

namespace YueService.Downloads;

/// <summary>Fetches one range of a file and continues it when a connection breaks.</summary>
/// <param name="hub">The server.</param>
/// <param name="file">The file.</param>
/// <param name="remote">The server's information about the file; every response is compared with it.</param>
/// <param name="part">The partial file to write.</param>
/// <param name="maxBytes">The maximum size of the file in bytes; limits a body of unknown length.</param>
/// <param name="settings">Attempts and waits.</param>
/// <param name="waiting">Receives the reason and the length of each wait.</param>
internal sealed class RangeFetch(
    HubClient hub,
    HubFile file,
    RemoteFile remote,
    PartFile part,
    long maxBytes,
    DownloadSettings settings,
    Action<string, TimeSpan> waiting)
{
    private const int BufferBytes = 256 << 10;

    /// <summary>Fetches the missing bytes of a range. The count of failed attempts starts again whenever bytes arrive.</summary>
    /// <exception cref="DownloadException">The file must be downloaded again from its start, or cannot be downloaded.</exception>
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
                if (fault.Remedy != DownloadRemedy.Resume)
                {
                    throw fault;
                }

                if (failures >= settings.Attempts)
                {
                    throw new DownloadException(
                        $"{fault.Message} ({failures} times in a row). Run the same command again to continue from here.",
                        DownloadRemedy.None,
                        fault);
                }

                var delay = settings.DelayAfter(failures);
                waiting(fault.Message, delay);
                await Task.Delay(delay, cancel);
            }
        }
    }

    private async Task FetchAsync(PartRange range, CancellationToken cancel)
    {
        long? last = remote.Size is null ? null : range.Start + range.Length - 1;
        using var response = await hub.GetAsync(file, range.Start + range.Done, last, remote.ETag, waiting, cancel);
        Check(response.Message, range);
        await using var body = await response.Message.Content.ReadAsStreamAsync(cancel);
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
                throw Fault($"the server sends more than {maxBytes} bytes, the maximum for this file", DownloadRemedy.None);
            }

            await part.WriteAsync(range, buffer.AsMemory(0, count), cancel);
        }
    }

    /// <summary>Handles the end of a body. If the size of the file is unknown, this is the end of the file; otherwise, it is an
    /// interruption.</summary>
    private void End(PartRange range)
    {
        if (remote.Size is not null)
        {
            throw Fault("the connection ended too early", Interrupted);
        }

        range.End();
    }

    /// <summary>Rejects a response if the file has changed on the server, or if the response does not contain the requested
    /// bytes.</summary>
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
                throw Fault(
                    $"the bytes from {first} on were requested, but the server sends '{headers.ContentRange}'", DownloadRemedy.Resume);
            }
        }
        else if (first > 0 || remote is { SupportsRanges: true, Size: > 0 } && range.Length < remote.Size)
        {
            throw Fault("the server sends the whole file although a part was requested", DownloadRemedy.Restart);
        }
        else if (headers.ContentLength is { } length && remote.Size is { } size && length != size)
        {
            throw Fault($"the server announced {size} bytes but sends {length}", DownloadRemedy.Restart);
        }
    }

    /// <summary>The remedy for an interrupted body. Without ranges, the file must be downloaded from its start.</summary>
    private DownloadRemedy Interrupted => remote.SupportsRanges ? DownloadRemedy.Resume : DownloadRemedy.Restart;

    /// <summary>Returns the download error for an exception; null if it is neither a download error nor a network error.</summary>
    private DownloadException? FaultOf(Exception exception, CancellationToken cancel) => exception switch
    {
        DownloadException known => known,
        OperationCanceledException when !cancel.IsCancellationRequested =>
            Fault($"no data arrived for {settings.StallTimeout.TotalSeconds:F0} s", Interrupted),
        HttpRequestException or HttpIOException => Fault("the connection broke", Interrupted, exception),

        // The stream of a broken connection also throws this. Disk errors have no such inner exception and are not retried.
        IOException { InnerException: System.Net.Sockets.SocketException } => Fault("the connection broke", Interrupted, exception),
        _ => null,
    };

    private DownloadException Fault(string what, DownloadRemedy remedy, Exception? inner = null) =>
        new($"{file}: {what}", remedy, inner);
}
