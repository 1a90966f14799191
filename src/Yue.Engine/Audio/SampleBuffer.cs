namespace Yue.Engine.Audio;

/// <summary>A growing buffer of samples.</summary>
internal sealed class SampleBuffer
{
    private float[] _samples = [];

    /// <summary>The number of samples.</summary>
    public int Length { get; private set; }

    /// <summary>The samples so far. The span is valid until samples are added or removed.</summary>
    public Span<float> Samples => _samples.AsSpan(0, Length);

    /// <summary>Adds samples.</summary>
    public void Append(ReadOnlySpan<float> samples) => samples.CopyTo(Extend(samples.Length));

    /// <summary>Adds samples of value 0.</summary>
    /// <returns>The added samples. The span is valid until samples are added or removed.</returns>
    public Span<float> Extend(int count)
    {
        var length = checked(Length + count);
        if (length > _samples.Length)
        {
            Array.Resize(ref _samples, (int)Math.Min(Array.MaxLength, Math.Max(length, 2L * _samples.Length)));
        }

        var added = _samples.AsSpan(Length, count);
        added.Clear();
        Length = length;
        return added;
    }

    /// <summary>Returns all samples and empties the buffer.</summary>
    public float[] Take()
    {
        Array.Resize(ref _samples, Length);
        var samples = _samples;
        (_samples, Length) = ([], 0);
        return samples;
    }

    /// <summary>Returns the first samples and removes them.</summary>
    public float[] Take(int count)
    {
        var samples = _samples[..count];
        _samples.AsSpan(count, Length - count).CopyTo(_samples);
        Length -= count;
        return samples;
    }
}
