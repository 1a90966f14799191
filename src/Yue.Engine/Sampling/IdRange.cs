namespace Yue.Engine.Sampling;

/// <summary>Consecutive token ids.</summary>
/// <param name="First">The first id.</param>
/// <param name="Count">The number of ids.</param>
public readonly record struct IdRange(int First, int Count)
{
    /// <summary>One past the last id.</summary>
    public int End => First + Count;
}
