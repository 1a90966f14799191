using Microsoft.Win32.SafeHandles;

namespace Yue.Engine.Weights;

/// <summary>A file that can be read at any offset by several threads at once. Nothing is read in advance.</summary>
/// <remarks>Uses plain reads directly into the destination instead of a memory map. They are two to three times as fast, and a file that is
/// truncated while it is open causes an error instead of a crash (docs/adr/0017).</remarks>
internal sealed class CheckpointFile : IDisposable
{
    private readonly SafeFileHandle _handle;

    private CheckpointFile(string path, SafeFileHandle handle) => (Path, _handle, Length) = (path, handle, RandomAccess.GetLength(handle));

    public string Path { get; }

    /// <summary>The size of the file in bytes when it was opened.</summary>
    public long Length { get; }

    /// <summary>Opens the file. Throws <see cref="CheckpointException"/> if it is missing, empty or unreadable.</summary>
    public static CheckpointFile Open(string path)
    {
        if (Directory.Exists(path))
        {
            throw new CheckpointException(path, "is a folder; a file was expected");
        }

        SafeFileHandle? handle = null;
        try
        {
            handle = File.OpenHandle(path);
            var file = new CheckpointFile(path, handle);
            return file.Length > 0 ? file : throw new CheckpointException(path, "the file is empty");
        }
        catch (Exception error)
        {
            handle?.Dispose();
            throw Explained(path, error);
        }
    }

    /// <summary>Fills <paramref name="destination"/> with the bytes from <paramref name="offset"/> on.</summary>
    public void Read(long offset, Span<byte> destination)
    {
        if (offset < 0 || offset > Length - destination.Length)
        {
            throw new CheckpointException(Path, $"bytes {offset} to {offset + destination.Length} are outside the file's {Length} bytes");
        }

        // A read may return fewer bytes than requested.
        while (!destination.IsEmpty)
        {
            var count = ReadSome(offset, destination);
            if (count == 0)
            {
                throw new CheckpointException(
                    Path, $"the file has {RandomAccess.GetLength(_handle)} bytes and had {Length} when it was opened: "
                        + "it was truncated in the meantime");
            }

            offset += count;
            destination = destination[count..];
        }
    }

    /// <summary>Reads a small part of the file.</summary>
    public byte[] Read(long offset, int count)
    {
        var bytes = new byte[count];
        Read(offset, bytes.AsSpan());
        return bytes;
    }

    public void Dispose() => _handle.Dispose();

    private int ReadSome(long offset, Span<byte> destination)
    {
        try
        {
            return RandomAccess.Read(_handle, destination, offset);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Explained(Path, error);
        }
    }

    private static Exception Explained(string path, Exception error) => error switch
    {
        FileNotFoundException or DirectoryNotFoundException => new CheckpointException(path, "the file does not exist", error),
        IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException =>
            new CheckpointException(path, $"the file cannot be read: {error.Message}", error),
        _ => error,
    };
}
