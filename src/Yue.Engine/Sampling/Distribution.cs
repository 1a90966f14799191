namespace Yue.Engine.Sampling;

/// <summary>The candidates for the next id with their probabilities, most probable first. Ties are ordered by id, lowest first.</summary>
/// <remarks>A view of the chain's buffers, valid until the chain's next use.</remarks>
public readonly ref struct Distribution(ReadOnlySpan<int> ids, ReadOnlySpan<float> probabilities)
{
    public ReadOnlySpan<int> Ids { get; } = ids;

    /// <summary>The probabilities, which sum to 1.</summary>
    public ReadOnlySpan<float> Probabilities { get; } = probabilities;

    /// <summary>Draws an id by inverting the cumulative distribution.</summary>
    /// <param name="uniform">A uniform random number in [0, 1).</param>
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
