namespace Yue.Engine.Sampling;

/// <summary>The ids that may come next, most probable first (equal ones: lower id first), with their probabilities.</summary>
/// <remarks>A view over the chain's buffers: valid until its next use.</remarks>
public readonly ref struct Distribution(ReadOnlySpan<int> ids, ReadOnlySpan<float> probabilities)
{
    public ReadOnlySpan<int> Ids { get; } = ids;

    /// <summary>Sum to 1.</summary>
    public ReadOnlySpan<float> Probabilities { get; } = probabilities;

    /// <summary>Inverts the cumulative distribution.</summary>
    /// <param name="uniform">In [0, 1).</param>
    public int Draw(float uniform)
    {
        var cumulative = 0f;
        for (var i = 0; i < Ids.Length; i++)
        {
            cumulative += Probabilities[i];
            if (uniform < cumulative)
            {
                return Ids[i];
            }
        }

        return Ids[^1];     // the sum may round to a little under 1
    }
}
