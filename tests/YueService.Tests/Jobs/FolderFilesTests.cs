using Xunit;
using Yue.Testing;
using YueService.Jobs;

namespace YueService.Tests.Jobs;

/// <summary>Tests the file store that uses a folder.</summary>
public sealed class FolderFilesTests : FileStoreContract, IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private protected override IFileStore Files => new FolderFiles(_folder.Path, claim: null, TimeProvider.System);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_file_that_cannot_be_moved_into_place_leaves_nothing_behind()
    {
        Directory.CreateDirectory(_folder["taken"]);
        await Assert.ThrowsAsync<StorageException>(
            () => Files.WriteAsync("taken", new byte[1], TestContext.Current.CancellationToken));
        Assert.Empty(Directory.GetFiles(_folder.Path, "*", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task A_file_that_cannot_be_read_to_its_end_causes_a_storage_exception()
    {
        await using var broken = new BrokenFile();
        await Assert.ThrowsAsync<StorageException>(() => broken.ReadWholeAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Partial_files_that_another_process_may_be_writing_are_kept()
    {
        File.WriteAllText(_folder["young.part"], "");
        File.WriteAllText(_folder["old.part"], "");
        File.SetLastWriteTimeUtc(_folder["old.part"], DateTime.UtcNow.AddDays(-2));
        await Files.RecoverAsync(TestContext.Current.CancellationToken);
        Assert.Equal(["young.part"], _folder.Files);
    }

    [Fact]
    public async Task A_reader_of_a_file_that_is_replaced_never_gets_mixed_content()
    {
        var cancel = TestContext.Current.CancellationToken;
        var (ones, twos) = (Enumerable.Repeat((byte)1, 100_000).ToArray(), Enumerable.Repeat((byte)2, 100_000).ToArray());
        await Files.WriteAsync("songs/a/mix.wav", ones, cancel);
        var writing = Task.Run(async () =>
        {
            for (var i = 0; i < 20; i++)
            {
                await Files.WriteAsync("songs/a/mix.wav", i % 2 == 0 ? twos : ones, cancel);
            }
        }, cancel);
        do
        {
            var read = await Files.ReadAsync("songs/a/mix.wav", cancel);
            Assert.True(read!.AsSpan().SequenceEqual(ones) || read.AsSpan().SequenceEqual(twos));
        }
        while (!writing.IsCompleted);

        await writing;
    }

    /// <summary>A file on a disk that fails.</summary>
    private sealed class BrokenFile() : MemoryStream(new byte[10])
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            throw new IOException("Input/output error");
    }
}
