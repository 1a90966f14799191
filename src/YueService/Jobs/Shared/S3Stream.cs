using Amazon.S3.Model;

namespace YueService.Jobs.Shared;

/// <summary>A file in object storage. Sequential reads use one request; a seek needs a new one.</summary>
/// <param name="whole">The file from its beginning.</param>
/// <param name="reopen">Returns the file, starting at a position.</param>
internal sealed class S3Stream(GetObjectResponse whole, Func<long, CancellationToken, Task<GetObjectResponse>> reopen) : Stream
{
    private GetObjectResponse? _open = whole;
    private long _openPosition;
    private long _position;

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length { get; } = whole.ContentLength;

    public override long Position
    {
        get => _position;
        set => _position = value >= 0 ? value : throw new IOException($"A position cannot be {value}.");
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_position >= Length || buffer.Length == 0)
        {
            return 0;
        }

        if (_open is null || _openPosition != _position)
        {
            _open?.Dispose();
            _open = null;
            _open = await reopen(_position, cancellationToken);
        }

        try
        {
            var count = await _open.ResponseStream.ReadAsync(buffer, cancellationToken);
            _openPosition = _position += count;
            return count > 0 ? count : throw new IOException($"The file ended after {_position} of {Length} bytes.");
        }
        catch (Exception e) when (S3Files.IsFault(e))
        {
            throw new StorageException("A file in object storage could not be read to its end. Try again.", e);
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) =>
        ReadAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

    public override long Seek(long offset, SeekOrigin origin) => Position = offset + origin switch
    {
        SeekOrigin.Begin => 0,
        SeekOrigin.Current => _position,
        _ => Length,
    };

    public override void Flush()
    {
    }

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        _open?.Dispose();
        _open = null;
        base.Dispose(disposing);
    }
}
