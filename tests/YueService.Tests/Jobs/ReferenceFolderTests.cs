using Microsoft.Extensions.Logging.Abstractions;
using Xunit;
using Yue.Engine.Songs;
using Yue.Testing;
using YueService.Jobs;

namespace YueService.Tests.Jobs;

/// <summary>Tests that the reference clips of unfinished jobs are read completely or not at all.</summary>
public sealed class ReferenceFolderTests : IDisposable
{
    private static readonly SongReference Reference = new()
    {
        Tracks = [new([0.1f, 0.2f, 0.3f], SongReference.SampleRateHz), new([0.4f, 0.5f, 0.6f], SongReference.SampleRateHz)],
    };

    private readonly TemporaryFolder _state = new();
    private readonly ReferenceFolder _references;

    public ReferenceFolderTests()
    {
        _references = new(new FolderFiles(_state.Path, null, TimeProvider.System), NullLogger<ReferenceFolder>.Instance);
    }

    public void Dispose() => _state.Dispose();

    [Fact]
    public async Task A_written_clip_is_read_unchanged()
    {
        var sizes = await WriteAsync();
        Assert.Equal([12L, 12L], sizes.Values);
        var read = await _references.ReadAsync("job", new SongReference(), sizes, TestContext.Current.CancellationToken);
        Assert.Equal(Reference.Tracks.Select(track => track.Samples), read!.Tracks.Select(track => track.Samples));
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(0, false)]
    [InlineData(7, true)]
    [InlineData(7, false)]
    [InlineData(8, true)]
    public async Task A_truncated_clip_counts_as_missing(int bytes, bool hasSizes)
    {
        var sizes = await WriteAsync();
        File.WriteAllBytes(Path.Combine(_state["references"], "job-1.f32"), new byte[bytes]);
        Assert.Null(await _references.ReadAsync(
            "job", new SongReference(), hasSizes ? sizes : null, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_clip_without_its_second_track_counts_as_missing()
    {
        var sizes = await WriteAsync();
        File.Delete(Path.Combine(_state["references"], "job-1.f32"));
        Assert.Null(await _references.ReadAsync("job", new SongReference(), sizes, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_clip_that_cannot_be_written_leaves_no_files()
    {
        Directory.CreateDirectory(Path.Combine(_state["references"], "job-1.f32"));
        await Assert.ThrowsAsync<StorageException>(WriteAsync);
        Assert.Empty(Directory.GetFiles(_state["references"]));
    }

    private Task<IReadOnlyDictionary<string, long>> WriteAsync() =>
        _references.WriteAsync("job", Reference, TestContext.Current.CancellationToken);
}
