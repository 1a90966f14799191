using System.Collections.Concurrent;
using Microsoft.AspNetCore.Http;
using Xunit;
using Yue.Testing;
using YueService.Downloads;

namespace YueService.Tests.Models;

/// <summary>Tests the download of one file from many kinds of servers.</summary>
public sealed class DownloadTests : IAsyncLifetime
{
    private const string Token = "hf_secretToken";
    private const string Path = "/o/r/resolve/abc/model.bin";
    private static readonly HubFile File = new("o/r", "abc", "model.bin");

    private static readonly DownloadSettings Hasty = new()
    {
        RangeBytes = 20_000,
        Parallel = 3,
        StallTimeout = Eventually.Timeout,
        Attempts = 4,
        FirstDelay = TimeSpan.FromMilliseconds(2),
        MaxDelay = TimeSpan.FromMilliseconds(40),
        SaveInterval = TimeSpan.FromMilliseconds(10),
    };

    private readonly TemporaryFolder _folder = new();
    private readonly byte[] _content = new byte[150_001];
    private FakeHub _hub = null!;

    private string Target => _folder["model.bin"];

    private ExpectedContent Expected => new(_content.Length, FakeHub.Sha256(_content));

    public async ValueTask InitializeAsync()
    {
        new Random(1).NextBytes(_content);
        _hub = await FakeHub.StartAsync();
        _hub.Files[Path] = _content;
    }

    public async ValueTask DisposeAsync()
    {
        await _hub.DisposeAsync();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public async Task A_file_is_downloaded_with_and_without_ranges_and_tags(bool supportsRanges, bool sendsTags)
    {
        (_hub.SupportsRanges, _hub.SendsTags) = (supportsRanges, sendsTags);
        Assert.Equal(new FileContent(_content.Length, Expected.Sha256!), await DownloadAsync(Expected));
        AssertComplete();
        Assert.Equal(supportsRanges ? 9 : 2, _hub.Requests.Count);     // the first byte, then 8 ranges or the whole file
    }

    [Fact]
    public async Task Ranges_are_fetched_concurrently()
    {
        var running = 0;
        var counts = new ConcurrentQueue<int>();
        var allRun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _hub.Misbehave = async (_, _, request) =>
        {
            if (request.Last > request.First)
            {
                var now = Interlocked.Increment(ref running);
                counts.Enqueue(now);
                if (now == Hasty.Parallel)
                {
                    allRun.TrySetResult();
                }

                await allRun.Task;
                Interlocked.Decrement(ref running);
            }

            return false;
        };
        await DownloadAsync(Expected);
        Assert.Equal(Hasty.Parallel, counts.Max());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_download_resumes_after_a_broken_connection(bool supportsRanges)
    {
        _hub.SupportsRanges = supportsRanges;
        foreach (var cut in (int[])[0, 5_000, 19_999])
        {
            _hub.Cuts.Enqueue(cut);
        }

        await DownloadAsync(Expected);
        AssertComplete();
        Assert.Empty(_hub.Cuts);
    }

    [Fact]
    public async Task Bytes_before_a_broken_connection_are_not_requested_again()
    {
        _hub.Cuts.Enqueue(5_000);
        await DownloadAsync(Expected, Hasty with { RangeBytes = 1_000_000 });
        Assert.Equal([(0L, 0L), (0, 150_000), (5_000, 150_000)], _hub.Requests.Select(request => (request.First, request.Last)));
    }

    [Fact]
    public async Task A_stalled_connection_is_closed_and_the_download_resumes()
    {
        // On a busy machine, other responses can also take longer than the limit, so the number of attempts is not limited here.
        var impatient = Hasty with { StallTimeout = TimeSpan.FromMilliseconds(400), Attempts = int.MaxValue };
        _hub.Misbehave = async (http, _, request) =>
        {
            if (request.First != 40_000)
            {
                return false;
            }

            http.Response.StatusCode = 206;
            http.Response.ContentLength = 20_000;
            http.Response.Headers.ContentRange = "bytes 40000-59999/150001";
            await http.Response.Body.WriteAsync(_content.AsMemory(40_000, 7_000));
            await http.Response.Body.FlushAsync();
            await WhenAbortedAsync(http);
            return true;
        };
        await DownloadAsync(Expected, impatient);
        AssertComplete();
        Assert.Contains(_hub.Requests, request => request.First is > 40_000 and <= 47_000);
    }

    [Fact]
    public async Task A_cancelled_download_leaves_a_partial_file_that_the_next_one_continues()
    {
        using var stop = new CancellationTokenSource();
        var block = true;
        _hub.Misbehave = async (http, _, request) =>
        {
            if (block && request.First >= 60_000)
            {
                await WhenAbortedAsync(http);
            }

            return false;
        };
        var first = DownloadAsync(Expected, Hasty, stop.Token);
        await Eventually.TrueAsync(() => PartFile.BytesOf(Target) == 60_000);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        Assert.Equal(["model.bin.part", "model.bin.part.json"], _folder.Files);

        block = false;
        var before = _hub.Requests.Count;
        await DownloadAsync(Expected);
        AssertComplete();
        Assert.DoesNotContain(_hub.Requests.Skip(before), request => request.First < 60_000 && request.Last > 0);
    }

    [Fact]
    public async Task A_partial_file_with_different_content_is_not_continued()
    {
        await LeavePartialFileAsync();
        new Random(2).NextBytes(_content);
        await DownloadAsync(Expected);
        AssertComplete();
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("not json")]
    [InlineData("""{"Size":150001,"RangeBytes":20000,"Done":[20000,20000,20000,20000,20000,20000,20000,10001],"Sha256":"*"}""")]
    [InlineData("""{"Size":150001,"RangeBytes":150001,"Done":[-1],"Sha256":"*"}""")]
    [InlineData("""{"Size":150001,"RangeBytes":0,"Done":[1],"Sha256":"*"}""")]
    public async Task An_invalid_record_of_a_partial_file_is_ignored(string record)
    {
        System.IO.File.WriteAllBytes(Target + ".part", new byte[100]);
        System.IO.File.WriteAllText(Target + ".part.json", record.Replace("*", Expected.Sha256, StringComparison.Ordinal));
        await DownloadAsync(Expected);
        AssertComplete();
    }

    [Fact]
    public async Task The_whole_file_is_requested_if_the_server_stops_sending_ranges()
    {
        _hub.Misbehave = (_, count, _) =>
        {
            _hub.SupportsRanges = count < 4;
            return Task.FromResult(false);
        };
        await DownloadAsync(Expected);
        AssertComplete();
    }

    [Fact]
    public async Task A_file_that_changes_during_the_download_is_downloaded_again()
    {
        var changed = false;
        _hub.Misbehave = (_, count, _) =>
        {
            if (count == 4)
            {
                new Random(3).NextBytes(_content);
                changed = true;
            }

            return Task.FromResult(false);
        };
        var content = await DownloadAsync(new(null, null));
        Assert.True(changed);
        Assert.Equal(FakeHub.Sha256(_content), content.Sha256);
        AssertComplete();
    }

    [Theory]
    [InlineData("bytes 0-19999/150001")]
    [InlineData("bytes 40000-59999/999999")]
    [InlineData(null)]
    public async Task A_range_that_was_not_requested_is_never_written(string? contentRange)
    {
        var wrongResponses = 0;
        _hub.Misbehave = async (http, _, request) =>
        {
            if (request.First != 40_000 || Interlocked.Increment(ref wrongResponses) > 2)
            {
                return false;
            }

            http.Response.StatusCode = 206;
            http.Response.Headers.ContentRange = contentRange;
            await http.Response.Body.WriteAsync(new byte[20_000]);
            return true;
        };
        await DownloadAsync(Expected);
        AssertComplete();
        Assert.True(wrongResponses > 2);
    }

    [Fact]
    public async Task Wrong_bytes_are_discarded()
    {
        _hub.Files[Path] = [.. _content[..^1], (byte)~_content[^1]];
        var fault = await Assert.ThrowsAsync<DownloadException>(() => DownloadAsync(Expected));
        Assert.Contains($"instead of {Expected.Sha256}", fault.Message, StringComparison.Ordinal);
        Assert.Empty(_folder.Files);
    }

    [Fact]
    public async Task A_file_of_the_wrong_size_is_refused_before_the_download()
    {
        _hub.Files[Path] = _content[..^1];
        var fault = await Assert.ThrowsAsync<DownloadException>(() => DownloadAsync(Expected));
        Assert.Contains("150000 bytes instead of 150001", fault.Message, StringComparison.Ordinal);
        Assert.Single(_hub.Requests);
    }

    [Theory]
    [InlineData(2_000)]
    [InlineData(-1)]
    public async Task A_body_with_the_wrong_length_is_an_error(int more)
    {
        _hub.SupportsRanges = false;
        _hub.Misbehave = async (http, count, _) =>
        {
            if (count == 1)
            {
                return false;
            }

            await http.Response.Body.WriteAsync(more < 0 ? _content.AsMemory(0, 1000) : new byte[_content.Length + more]);
            return true;
        };
        await Assert.ThrowsAsync<DownloadException>(() => DownloadAsync(Expected));
        Assert.False(System.IO.File.Exists(Target));
    }

    [Theory]
    [InlineData(401, "HF_TOKEN", 1)]
    [InlineData(403, "HF_TOKEN", 1)]
    [InlineData(404, "no such file at revision abc", 1)]
    [InlineData(429, "responds with 429 (tried 4 times)", 4)]
    [InlineData(500, "responds with 500 (tried 4 times)", 4)]
    public async Task Only_temporary_error_statuses_are_retried_before_they_are_reported(int status, string expected, int requests)
    {
        _hub.Misbehave = (http, _, _) =>
        {
            http.Response.StatusCode = status;
            return Task.FromResult(true);
        };
        var fault = await Assert.ThrowsAsync<DownloadException>(() => DownloadAsync(Expected));
        Assert.Contains(expected, fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Token, fault.ToString(), StringComparison.Ordinal);
        Assert.Equal(requests, _hub.Requests.Count);
    }

    [Fact]
    public async Task Requests_to_a_busy_server_are_retried_after_a_wait()
    {
        _hub.Misbehave = (http, count, _) =>
        {
            http.Response.StatusCode = count % 2 == 1 ? 429 : 200;
            http.Response.Headers.RetryAfter = "3600";      // the maximum wait in the settings applies
            return Task.FromResult(count % 2 == 1);
        };
        await DownloadAsync(Expected, Hasty with { RangeBytes = 1_000_000 });
        AssertComplete();
    }

    [Fact]
    public async Task Retries_in_the_middle_of_a_file_are_limited_by_the_settings()
    {
        _hub.Misbehave = (http, count, _) =>
        {
            http.Response.StatusCode = count > 1 ? 503 : 200;
            return Task.FromResult(count > 1);
        };
        var waits = new FileProgress("model.bin", 0);
        var fault = await Assert.ThrowsAsync<DownloadException>(
            () => DownloadAsync(Expected, Hasty with { RangeBytes = 1_000_000 }, progress: waits));
        Assert.Contains(
            "responds with 503 (tried 4 times). Run the same command again to continue from here.",
            fault.Message,
            StringComparison.Ordinal);
        Assert.Equal(5, _hub.Requests.Count);
        Assert.Contains($"{File}: {_hub.Address.Authority} responds with 503; retrying in", waits.TakeWaiting(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_never_responds_causes_an_error_after_the_stall_timeout()
    {
        _hub.Misbehave = async (http, _, _) =>
        {
            await WhenAbortedAsync(http);
            return true;
        };
        var impatient = Hasty with { StallTimeout = TimeSpan.FromMilliseconds(50), Attempts = 2 };
        var fault = await Assert.ThrowsAsync<DownloadException>(() => DownloadAsync(Expected, impatient));
        Assert.Contains("does not respond (tried 2 times)", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_token_is_sent_to_the_hub_but_not_to_the_target_of_a_redirect()
    {
        await using var storage = await FakeHub.StartAsync();
        storage.Files["/store"] = _content;
        _hub.Misbehave = (http, _, _) =>
        {
            http.Response.Headers["X-Linked-ETag"] = $"\"{FakeHub.Sha256(_content)}\"";
            http.Response.Redirect($"{storage.Address}store?Signature=key");
            return Task.FromResult(true);
        };
        await DownloadAsync(new(null, null));
        AssertComplete();
        Assert.All(_hub.Requests, request => Assert.Equal($"Bearer {Token}", request.Authorization));
        Assert.NotEmpty(storage.Requests);
        Assert.All(storage.Requests, request => Assert.Null(request.Authorization));

        // The hub's hash is used if the manifest has none.
        storage.Files["/store"] = new byte[_content.Length];
        System.IO.File.Delete(Target);
        var fault = await Assert.ThrowsAsync<DownloadException>(() => DownloadAsync(new(null, null)));
        Assert.Contains("it was discarded", fault.Message, StringComparison.Ordinal);
        Assert.Empty(_folder.Files);
    }

    [Fact]
    public async Task A_signed_address_is_not_printed()
    {
        await using var storage = await FakeHub.StartAsync();
        _hub.Misbehave = (http, _, _) =>
        {
            http.Response.Redirect($"{storage.Address}secret-path?Signature=secret-key");
            return Task.FromResult(true);
        };
        var fault = await Assert.ThrowsAsync<DownloadException>(() => DownloadAsync(Expected));
        Assert.Contains(storage.Address.Authority, fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_number_of_redirects_is_limited()
    {
        _hub.Misbehave = (http, _, _) =>
        {
            http.Response.Redirect("/again");
            return Task.FromResult(true);
        };
        var fault = await Assert.ThrowsAsync<DownloadException>(() => DownloadAsync(Expected));
        Assert.Contains("redirects", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_downloads_do_not_write_to_the_same_file()
    {
        using var other = System.IO.File.OpenHandle(Target + ".part", FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None);
        await Assert.ThrowsAsync<IOException>(() => DownloadAsync(Expected));
    }

    private Task<FileContent> DownloadAsync(ExpectedContent expected) => DownloadAsync(expected, Hasty);

    private async Task<FileContent> DownloadAsync(
        ExpectedContent expected, DownloadSettings settings, CancellationToken? cancel = null, FileProgress? progress = null)
    {
        using var hub = new HubClient(_hub.Address, Token, settings);
        return await new FileDownload(hub, settings, _ => long.MaxValue).RunAsync(
            File, Target, expected, progress ?? new FileProgress("model.bin", 0), cancel ?? TestContext.Current.CancellationToken).InTime();
    }

    /// <summary>Waits until the client closes the connection.</summary>
    private static async Task WhenAbortedAsync(HttpContext http)
    {
        var aborted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = http.RequestAborted.Register(aborted.SetResult);
        await aborted.Task;
    }

    private async Task LeavePartialFileAsync()
    {
        _hub.Misbehave = (http, count, _) =>
        {
            if (count > 3)
            {
                http.Abort();
            }

            return Task.FromResult(count > 3);
        };
        await Assert.ThrowsAsync<DownloadException>(() => DownloadAsync(Expected));
        Assert.InRange(PartFile.BytesOf(Target), 1, _content.Length - 1);
        _hub.Misbehave = (_, _, _) => Task.FromResult(false);
    }

    private void AssertComplete()
    {
        Assert.Equal(["model.bin"], _folder.Files);
        Assert.Equal(FakeHub.Sha256(_content), FakeHub.Sha256(System.IO.File.ReadAllBytes(Target)));
    }
}
