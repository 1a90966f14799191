using System.IO.MemoryMappedFiles;

namespace Yue.Engine.Weights;

/// <summary>A file mapped into memory for reading; nothing is read until it is asked for.</summary>
/// <remarks>The file must not be shortened while it is mapped.</remarks>
internal sealed class MappedFile : IDisposable
{
    private readonly MemoryMappedFile _map;
    private readonly MemoryMappedViewAccessor _view;

    private MappedFile(string path, long length, MemoryMappedFile map)
    {
        Path = path;
        Length = length;
        _map = map;
        _view = map.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read);
    }

    public string Path { get; }

    /// <summary>Bytes in the file.</summary>
    public long Length { get; }

    /// <summary>Maps the file; throws <see cref="CheckpointException"/> where it is missing, empty or unreadable.</summary>
    public static MappedFile Open(string path)
    {
        if (Directory.Exists(path))
        {
            throw new CheckpointException(path, "is a folder, expected a file");
        }

        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            if (file.Length == 0)
            {
                throw new CheckpointException(path, "the file is empty");
            }

            var map = MemoryMappedFile.CreateFromFile(file, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
            return new MappedFile(path, file.Length, map);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CheckpointException(path, "the file does not exist", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new CheckpointException(path, $"the file cannot be read: {error.Message}", error);
        }
    }

    /// <summary>Fills <paramref name="destination"/> with the bytes from <paramref name="offset"/> on.</summary>
    public void Read(long offset, Span<byte> destination)
    {
        if (offset < 0 || offset > Length - destination.Length)
        {
            throw new CheckpointException(Path, $"bytes {offset} to {offset + destination.Length} are outside the file's {Length} bytes");
        }

        _view.SafeMemoryMappedViewHandle.ReadSpan((ulong)offset, destination);
    }

    /// <summary>A copy of a small part of the file.</summary>
    public byte[] Read(long offset, int count)
    {
        var bytes = new byte[count];
        Read(offset, bytes.AsSpan());
        return bytes;
    }

    public void Dispose()
    {
        _view.Dispose();
        _map.Dispose();
    }
}
