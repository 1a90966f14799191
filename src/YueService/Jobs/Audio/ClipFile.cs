namespace YueService.Jobs.Audio;

/// <summary>A sound file in a request. Its bytes are loaded into memory only when it is decoded.</summary>
/// <param name="ReadAsync">Returns all bytes. It can be called only while the request's body exists.</param>
internal sealed record ClipFile(Func<CancellationToken, Task<byte[]>> ReadAsync)
{
    /// <summary>Creates a clip from a file in memory.</summary>
    public static ClipFile Of(byte[] bytes) => new(_ => Task.FromResult(bytes));
}
