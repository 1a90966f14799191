using Xunit;
using YueService.Jobs;

namespace YueService.Tests.Jobs;

/// <summary>The tests that every file store must pass.</summary>
public abstract class FileStoreContract
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private protected abstract IFileStore Files { get; }

    [Fact]
    public async Task A_written_file_is_read_unchanged()
    {
        var content = Enumerable.Range(0, 300_000).Select(i => (byte)(i * 7)).ToArray();
        await Files.WriteAsync("songs/a/mix.wav", content, Cancel);
        Assert.Equal(content, await Files.ReadAsync("songs/a/mix.wav", Cancel));
    }

    [Fact]
    public async Task An_empty_file_can_be_read()
    {
        await Files.WriteAsync("songs/a/empty", Array.Empty<byte>(), Cancel);
        Assert.Empty((await Files.ReadAsync("songs/a/empty", Cancel))!);
    }

    [Fact]
    public async Task A_missing_file_opens_as_null_and_can_be_deleted()
    {
        Assert.Null(await Files.OpenAsync("songs/a/mix.wav", Cancel));
        await Files.DeleteAsync("songs/a/mix.wav", Cancel);
        await Files.DeleteFolderAsync("songs/a", Cancel);
        await Files.TouchAsync("songs/a/mix.wav", Cancel);
        Assert.Empty(await Files.ListAsync("songs/", Cancel));
    }

    [Fact]
    public async Task A_second_write_replaces_the_file()
    {
        await Files.WriteAsync("clips/a", new byte[] { 1, 2, 3 }, Cancel);
        await Files.WriteAsync("clips/a", new byte[] { 4 }, Cancel);
        Assert.Equal([4], await Files.ReadAsync("clips/a", Cancel));
    }

    [Fact]
    public async Task An_open_file_can_be_read_from_any_position()
    {
        await Files.WriteAsync("songs/a/mix.wav", Enumerable.Range(0, 200).Select(i => (byte)i).ToArray(), Cancel);
        var file = await Files.OpenAsync("songs/a/mix.wav", Cancel);
        await using var content = file!.Content;
        Assert.Equal(200, content.Length);
        var bytes = new byte[10];
        foreach (var position in new[] { 150, 20, 0, 190, 150 })
        {
            content.Position = position;
            await content.ReadExactlyAsync(bytes, Cancel);
            Assert.Equal(Enumerable.Range(position, 10).Select(i => (byte)i), bytes);
        }

        content.Seek(0, SeekOrigin.End);
        Assert.Equal(0, await content.ReadAsync(bytes, Cancel));
    }

    [Fact]
    public async Task A_listing_contains_the_files_with_a_prefix_and_their_sizes()
    {
        await Files.WriteAsync("songs/a/mix.wav", new byte[10], Cancel);
        await Files.WriteAsync("songs/a/deep/er", new byte[20], Cancel);
        await Files.WriteAsync("songs/ab", new byte[30], Cancel);
        await Files.WriteAsync("other/a", new byte[40], Cancel);
        Assert.Equal(
            [("songs/a/deep/er", 20), ("songs/a/mix.wav", 10), ("songs/ab", 30)],
            (await Files.ListAsync("songs/a", Cancel)).Select(file => (file.Name, file.Bytes)).Order());
        Assert.Equal(2, (await Files.ListAsync("songs/a/", Cancel)).Count);
    }

    [Fact]
    public async Task A_folder_is_deleted_with_everything_in_it_and_nothing_else()
    {
        await Files.WriteAsync("songs/a/mix.wav", new byte[1], Cancel);
        await Files.WriteAsync("songs/a/deep/er", new byte[1], Cancel);
        await Files.WriteAsync("songs/ab/mix.wav", new byte[1], Cancel);
        await Files.DeleteFolderAsync("songs/a", Cancel);
        Assert.Equal(["songs/ab/mix.wav"], (await Files.ListAsync("songs/", Cancel)).Select(file => file.Name));
    }

    [Fact]
    public async Task A_touched_file_has_the_same_content_and_is_not_older()
    {
        await Files.WriteAsync("clips/a", new byte[] { 1, 2 }, Cancel);
        var before = Assert.Single(await Files.ListAsync("clips/", Cancel));
        await Files.TouchAsync("clips/a", Cancel);
        var after = Assert.Single(await Files.ListAsync("clips/", Cancel));
        Assert.True(after.ModifiedAt >= before.ModifiedAt);
        Assert.Equal([1, 2], await Files.ReadAsync("clips/a", Cancel));
    }
}
