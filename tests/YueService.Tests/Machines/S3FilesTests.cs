using Xunit;
using YueService.Jobs;
using YueService.Jobs.Shared;
using YueService.Settings;
using YueService.Tests.Jobs;

namespace YueService.Tests.Machines;

/// <summary>Tests the file store that uses object storage.</summary>
public sealed class S3FilesTests(SharedS3 storage) : FileStoreContract, IAsyncLifetime
{
    private S3Files _files = null!;

    private protected override IFileStore Files => _files;

    public async ValueTask InitializeAsync() => _files = Open((await storage.Server).NewLocation());

    public ValueTask DisposeAsync()
    {
        _files?.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task An_unreachable_server_causes_a_storage_exception()
    {
        using var files = Open("s3://bucket?endpoint=http://127.0.0.1:1");
        var fault = await Assert.ThrowsAsync<StorageException>(
            () => files.WriteAsync("a", new byte[1], TestContext.Current.CancellationToken));
        Assert.Contains("cannot be reached", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_bucket_is_reported_as_the_reason()
    {
        using var files = Open((await storage.Server).NewLocation().Replace("yue-test", "no-such-bucket", StringComparison.Ordinal));
        foreach (var call in new Func<Task>[]
        {
            () => files.OpenAsync("a", TestContext.Current.CancellationToken),
            () => files.ListAsync("a", TestContext.Current.CancellationToken),
        })
        {
            Assert.Contains("bucket no-such-bucket ", (await Assert.ThrowsAsync<StorageException>(call)).Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("s3://bucket", "bucket", "")]
    [InlineData("s3://bucket/", "bucket", "")]
    [InlineData("S3://bucket/a/b/?endpoint=http://host:9000&region=x", "bucket", "a/b/")]
    public void A_location_is_a_bucket_and_a_prefix(string text, string bucket, string prefix)
    {
        Assert.True(S3Place.TryParse(text, out var place, out _));
        Assert.Equal((bucket, prefix), (place.Bucket, place.Prefix));
    }

    [Theory]
    [InlineData("s3://", "no bucket")]
    [InlineData("s3://bucket?endpoint=host", "not an http")]
    [InlineData("s3://bucket?endpiont=http://host", "endpiont")]
    public void An_invalid_location_is_refused_with_the_reason(string text, string reason)
    {
        Assert.False(S3Place.TryParse(text, out _, out var fault));
        Assert.Contains(reason, fault, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_listing_of_many_pages_contains_all_files()
    {
        var cancel = TestContext.Current.CancellationToken;
        using var files = Open((await storage.Server).NewLocation(), pageSize: 2);
        foreach (var i in Enumerable.Range(0, 5))
        {
            await files.WriteAsync($"many/{i}", new byte[1], cancel);
        }

        Assert.Equal(
            Enumerable.Range(0, 5).Select(i => $"many/{i}"), (await files.ListAsync("many/", cancel)).Select(file => file.Name).Order());
    }

    private static S3Files Open(string place, int pageSize = 1000) => S3Place.TryParse(place, out var read, out var fault)
        ? new(read, TimeProvider.System, pageSize)
        : throw new FormatException(fault);
}
