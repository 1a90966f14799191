using System.Security.Cryptography;
using YueService.Jobs;

namespace YueService.Api.Requests;

/// <summary>A part or the body of a request: in memory while it is small, otherwise in an unnamed temporary file that is deleted when its
/// handle is closed.</summary>
/// <param name="folder">The folder for the file; null means the system's folder for temporary files.</param>
internal sealed class SpooledFile(string? folder = null) : IDisposable
{
    private const int MaxMemoryBytes = 64 * 1024;
    private Stream _stream = new MemoryStream();

    public long Length => _stream.Length;

    /// <summary>True if the bytes are held in memory.</summary>
    public bool IsInMemory => _stream is MemoryStream;

    /// <summary>Appends bytes.</summary>
    /// <exception cref="StorageException">The folder for temporary files cannot be written to.</exception>
    public async Task WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancel)
    {
        try
        {
            if (_stream is MemoryStream memory && memory.Length + bytes.Length > MaxMemoryBytes)
            {
                _stream = CreateFile();
                memory.WriteTo(_stream);
            }

            await _stream.WriteAsync(bytes, cancel);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StorageException(
                "A part of the body could not be stored: the folder for temporary files is full or not writable.", e);
        }
    }

    /// <summary>Returns all bytes.</summary>
    public async Task<byte[]> ReadAsync(CancellationToken cancel)
    {
        var bytes = new byte[_stream.Length];
        _stream.Position = 0;
        await _stream.ReadExactlyAsync(bytes, cancel);
        return bytes;
    }

    /// <summary>Returns the SHA-256 of all bytes.</summary>
    public async Task<byte[]> HashAsync(CancellationToken cancel)
    {
        _stream.Position = 0;
        return await SHA256.HashDataAsync(_stream, cancel);
    }

    public void Dispose() => _stream.Dispose();

    private FileStream CreateFile()
    {
        var path = Path.Combine(folder ?? Path.GetTempPath(), $"yue-part-{Guid.NewGuid():N}");
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = FileShare.Delete,
            Options = FileOptions.Asynchronous,
        };
        if (OperatingSystem.IsWindows())
        {
            options.Options |= FileOptions.DeleteOnClose;
            return new FileStream(path, options);
        }

        options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var file = new FileStream(path, options);

        // Without a name, the file is deleted even if the process is killed.
        File.Delete(path);
        return file;
    }
}
