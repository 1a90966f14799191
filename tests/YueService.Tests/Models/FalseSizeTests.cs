using Xunit;
using Yue.Testing;
using YueService.Downloads;

namespace YueService.Tests.Models;

/// <summary>Tests downloads from servers that send wrong sizes or never stop sending.</summary>
public sealed class FalseSizeTests : IDisposable
{
    private const long AboutBytes = 700;
    private const long Plenty = 1L << 50;
    private static readonly HubFile File = new("o/r", "abc", "config.json");
    private static readonly ExpectedContent Approximate = new(null, null, AboutBytes);

    private static readonly DownloadSettings Hasty = new()
    {
        RangeBytes = 20_000,
        Attempts = 2,
        FirstDelay = TimeSpan.FromMilliseconds(1),
        MaxDelay = TimeSpan.FromMilliseconds(2),
    };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("4611686018427387904", "the server has a file of 4611686018427387904 bytes, but about 700 (at most 1048576) were expected")]
    [InlineData("9223372036854775807", "the server has a file of 9223372036854775807 bytes")]
    [InlineData("99999999999999999999", "Content-Range 'bytes 0-0/99999999999999999999', which gives no size")]
    [InlineData("-5", "Content-Range 'bytes 0-0/-5', which gives no size")]
    [InlineData("0", "Content-Range 'bytes 0-0/0', which gives no size")]
    [InlineData("*", "Content-Range 'bytes 0-0/*', which gives no size")]
    public async Task A_false_total_in_a_range_causes_a_clear_error(string total, string expected)
    {
        await using var server = new RawServer(
            ["HTTP/1.1 206 Partial Content", "Content-Length: 1", $"Content-Range: bytes 0-0/{total}"], isEndless: false);
        Assert.Contains(expected, await FailureAsync(server, Approximate, Plenty), StringComparison.Ordinal);
        Assert.Empty(_folder.Files);
    }

    [Theory]
    [InlineData("4611686018427387904")]
    [InlineData("99999999999999999999")]
    [InlineData("-5")]
    public async Task A_false_content_length_causes_an_error_that_names_the_file(string length)
    {
        await using var server = new RawServer(["HTTP/1.1 200 OK", $"Content-Length: {length}", "Connection: close"], isEndless: true);
        Assert.StartsWith("o/r/config.json: ", await FailureAsync(server, Approximate, Plenty), StringComparison.Ordinal);
        Assert.Empty(_folder.Files);
    }

    [Fact]
    public async Task A_size_that_the_disk_cannot_hold_is_refused_before_the_download()
    {
        await using var server = new RawServer(
            ["HTTP/1.1 206 Partial Content", "Content-Length: 1", "Content-Range: bytes 0-0/4611686018427387904"], isEndless: false);
        var message = await FailureAsync(server, new(null, null), Hasty.SpareBytes + 5_000);
        Assert.Contains($"does not fit on the disk of {_folder.Path}, which has room for 5.00 kB", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_endless_body_is_cut_off_at_the_limit_for_the_approximate_size()
    {
        await using var server = new RawServer(["HTTP/1.1 200 OK", "Connection: close"], isEndless: true);
        var message = await FailureAsync(server, Approximate, Plenty);
        Assert.Contains("the server sends more than 1048576 bytes", message, StringComparison.Ordinal);
        Assert.Empty(_folder.Files);
    }

    [Fact]
    public async Task An_endless_body_is_cut_off_at_the_known_size()
    {
        await using var server = new RawServer(["HTTP/1.1 200 OK", "Connection: close"], isEndless: true);
        Assert.Contains("more than 3000 bytes", await FailureAsync(server, new(3000, null), Plenty), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_endless_body_of_unknown_size_is_cut_off_at_the_free_disk_space()
    {
        await using var server = new RawServer(["HTTP/1.1 200 OK", "Connection: close"], isEndless: true);
        Assert.Contains(
            "more than 100000 bytes", await FailureAsync(server, new(null, null), Hasty.SpareBytes + 100_000), StringComparison.Ordinal);
    }

    private async Task<string> FailureAsync(RawServer server, ExpectedContent expected, long freeBytes)
    {
        using var hub = new HubClient(server.Address, null, Hasty);
        var fault = await Assert.ThrowsAsync<DownloadException>(() => new FileDownload(hub, Hasty, _ => freeBytes).RunAsync(
            File, _folder["config.json"], expected, new FileProgress("config.json", AboutBytes), TestContext.Current.CancellationToken));
        return fault.Message;
    }
}
