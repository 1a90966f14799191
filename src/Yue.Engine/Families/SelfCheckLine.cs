using System.Globalization;

namespace Yue.Engine.Families;

/// <summary>The comparison of a published figure with the value that this program computes.</summary>
/// <param name="Name">The name of the figure.</param>
/// <param name="Agrees">True if the two are equal, or if their difference is within the tolerance for float32 sums in a different
/// order.</param>
/// <param name="Text">The result in words, such as the error and its tolerance.</param>
public sealed record SelfCheckLine(string Name, bool Agrees, string Text)
{
    /// <summary>False if there is nothing to compare with; <see cref="Text"/> then gives the reason, and <see cref="Agrees"/> is
    /// true.</summary>
    public bool IsCompared { get; init; } = true;

    /// <summary>Compares whole numbers, which must be equal.</summary>
    public static SelfCheckLine Equal(string name, ReadOnlySpan<int> published, ReadOnlySpan<int> found)
    {
        if (published.Length != found.Length)
        {
            return new(name, false, $"{found.Length} values, but {published.Length} were published");
        }

        var (differ, first) = (0, -1);
        for (var i = 0; i < published.Length; i++)
        {
            if (published[i] != found[i])
            {
                first = differ++ == 0 ? i : first;
            }
        }

        return differ == 0
            ? new(name, true, $"all {published.Length} values are equal")
            : new(name, false, $"values that differ: {differ} of {published.Length}, the first at {first}: "
                + $"{found[first]}, published {published[first]}");
    }

    /// <summary>Compares strings, which must be equal.</summary>
    public static SelfCheckLine Equal(string name, string published, string found) =>
        new(name, published == found, published == found ? "equal" : $"{found}, published {published}");

    /// <summary>Compares numbers, which must agree within a tolerance.</summary>
    public static SelfCheckLine Close(string name, double tolerance, ReadOnlySpan<float> published, ReadOnlySpan<float> found)
    {
        if (published.Length != found.Length)
        {
            return new(name, false, $"{found.Length} values, but {published.Length} were published");
        }

        var (worst, at) = (0.0, 0);
        for (var i = 0; i < published.Length; i++)
        {
            var error = Math.Abs((double)published[i] - found[i]);
            if (double.IsNaN(error) || error > worst)
            {
                (worst, at) = (error, i);
                if (double.IsNaN(error))
                {
                    break;
                }
            }
        }

        return new(name, worst <= tolerance, string.Create(
            CultureInfo.InvariantCulture,
            $"error {worst:G3} ({found[at]:G8}, published {published[at]:G8}), tolerance {tolerance:G3}"));
    }
}
