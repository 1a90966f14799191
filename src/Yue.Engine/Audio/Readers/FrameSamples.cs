namespace Yue.Engine.Audio.Readers;

/// <summary>The samples that a codec decodes frame by frame, without the delay at the start and the padding at the end.</summary>
/// <param name="decoded">The buffer that <paramref name="decodeNext"/> fills.</param>
/// <param name="skip">The number of samples to skip at the start, over all channels.</param>
/// <param name="left">The maximum number of samples to return, over all channels.</param>
/// <param name="decodeNext">Decodes the next frame and returns its number of samples, over all channels; null at the end of the
/// file.</param>
internal sealed class FrameSamples(float[] decoded, long skip, long left, Func<int?> decodeNext)
{
    private int _start;
    private int _end;
    private long _skip = skip;
    private long _left = left;

    /// <inheritdoc cref="ISoundReader.Read"/>
    /// <param name="interleaved">The samples.</param>
    /// <param name="channels">Only complete groups of this many samples are returned.</param>
    public int Read(Span<float> interleaved, int channels)
    {
        while (_start == _end || _skip > 0)
        {
            if (_start == _end)
            {
                if (_left == 0 || decodeNext() is not { } count)
                {
                    return 0;
                }

                (_start, _end) = (0, count);
            }

            var skipped = (int)Math.Min(_skip, _end - _start);
            _start += skipped;
            _skip -= skipped;
        }

        var taken = (int)Math.Min(Math.Min(_end - _start, interleaved.Length / channels * channels), _left);
        decoded.AsSpan(_start, taken).CopyTo(interleaved);
        _start += taken;
        _left -= taken;
        return taken;
    }
}
