using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Xunit;
using Yue.Engine.Songs;
using YueService.Jobs;
using YueService.Settings;
using YueService.Tests.Fakes;

namespace YueService.Tests.Jobs;

/// <summary>The reference clips of unfinished jobs are read back whole or not at all.</summary>
public sealed class ReferenceFolderTests : IDisposable
{
    private static readonly SongReference Reference = new()
    {
        Tracks = [new([0.1f, 0.2f, 0.3f], SongReference.SampleRateHz), new([0.4f, 0.5f, 0.6f], SongReference.SampleRateHz)],
    };

    private readonly TemporaryFolder _state = new();
    private readonly StateFolder _folder;
    private readonly ReferenceFolder _references;

    public ReferenceFolderTests()
    {
        _folder = new(Options.Create(new JobOptions { StateFolder = _state.Path }));
        _references = new(_folder, NullLogger<ReferenceFolder>.Instance);
    }

    public void Dispose()
    {
        _folder.Dispose();
        _state.Dispose();
    }

    [Fact]
    public void A_clip_is_read_as_it_was_written()
    {
        var sizes = _references.Write("job", Reference);
        Assert.Equal([12L, 12L], sizes.Values);
        var read = _references.Read("job", new SongReference(), sizes);
        Assert.Equal(Reference.Tracks.Select(track => track.Samples), read!.Tracks.Select(track => track.Samples));
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(0, false)]
    [InlineData(7, true)]
    [InlineData(7, false)]
    [InlineData(8, true)]
    public void A_truncated_clip_counts_as_missing(int bytes, bool hasSizes)
    {
        var sizes = _references.Write("job", Reference);
        File.WriteAllBytes(Path.Combine(_state["references"], "job-1.f32"), new byte[bytes]);
        Assert.Null(_references.Read("job", new SongReference(), hasSizes ? sizes : null));
    }

    [Fact]
    public void A_clip_without_its_second_track_counts_as_missing()
    {
        var sizes = _references.Write("job", Reference);
        File.Delete(Path.Combine(_state["references"], "job-1.f32"));
        Assert.Null(_references.Read("job", new SongReference(), sizes));
    }

    [Fact]
    public void A_clip_that_cannot_be_written_leaves_no_files()
    {
        Directory.CreateDirectory(Path.Combine(_state["references"], "job-1.f32"));
        Assert.Throws<StorageException>(() => _references.Write("job", Reference));
        Assert.Empty(Directory.GetFiles(_state["references"]));
    }
}
