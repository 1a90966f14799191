namespace Yue.Engine.Tests.Demo.Hearing;

internal static class Statistics
{
    /// <summary>Returns a quantile of the values, interpolated between neighbors.</summary>
    public static double Quantile(IEnumerable<double> values, double share)
    {
        var sorted = values.Order().ToArray();
        var at = share * (sorted.Length - 1);
        var below = (int)at;
        return double.Lerp(sorted[below], sorted[Math.Min(below + 1, sorted.Length - 1)], at - below);
    }

    public static double Median(IEnumerable<double> values) => Quantile(values, 0.5);
}
