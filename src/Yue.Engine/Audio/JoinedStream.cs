namespace Yue.Engine.Audio;

/// <summary>A stream that consists of bytes, then a part of a file, then more bytes.</summary>
/// <param name="head">The first bytes.</param>
/// <param name="file">The file, which is disposed with the stream.</param>
/// <param name="start">The position in the file, in bytes, at which the part starts.</param>
/// <param name="length">The length of the part in bytes.</param>
/// <param name="tail">The last bytes.</param>
internal sealed class JoinedStream(byte[] head, Stream file, long start, long length, byte[] tail) : Stream
{
    private long _position;

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => head.Length + length + tail.Length;

    public override long Position
    {
        get => _position;
        set => Seek(value, SeekOrigin.Begin);
    }

    public override int Read(Span<byte> buffer)
    {
        var read = FromMemory(buffer) ?? file.Read(buffer[..PrepareFile(buffer.Length)]);
        _position += read;
        return read;
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = FromMemory(buffer.Span) ?? await file.ReadAsync(buffer[..PrepareFile(buffer.Length)], cancellationToken);
        _position += read;
        return read;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override long Seek(long offset, SeekOrigin origin)
    {
        var position = offset + origin switch { SeekOrigin.Begin => 0, SeekOrigin.Current => _position, _ => Length };
        ArgumentOutOfRangeException.ThrowIfNegative(position, nameof(offset));
        return _position = position;
    }

    public override void Flush()
    {
    }

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            file.Dispose();
        }

        base.Dispose(disposing);
    }

    /// <summary>Copies bytes of the head or the tail and returns their number; null if the position is in the part of the file.</summary>
    private int? FromMemory(Span<byte> buffer)
    {
        var (bytes, at) = _position < head.Length ? (head, _position) : (tail, _position - head.Length - length);
        if (at < 0)
        {
            return null;
        }

        var count = (int)Math.Clamp(bytes.Length - at, 0, buffer.Length);
        bytes.AsSpan((int)Math.Min(at, bytes.Length), count).CopyTo(buffer);
        return count;
    }

    /// <summary>Seeks the file to the byte at the stream's position, and returns the number of bytes to read from it.</summary>
    private int PrepareFile(int most)
    {
        file.Position = start + _position - head.Length;
        return (int)Math.Min(most, head.Length + length - _position);
    }
}
