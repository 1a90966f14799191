using System.Text.RegularExpressions;

namespace YueService.Tests.Docs;

/// <summary>Compares Prometheus queries with the metrics that a service exports.</summary>
internal static partial class MetricQuery
{
    private static readonly string[] Keywords = ["and", "or", "unless", "bool", "offset"];

    // The labels that Prometheus adds to every metric, and the metric that it exports itself.
    private static readonly string[] OwnLabels = ["job", "instance"];
    private const string OwnMetric = "up";

    /// <summary>Reads Prometheus text and returns the labels of each sample, grouped by metric name.</summary>
    public static ILookup<string, IReadOnlyDictionary<string, string>> Read(string text) => text.Split('\n')
        .Where(line => line.Length > 0 && line[0] != '#')
        .Select(line => Selector().Match(line))
        .ToLookup(
            sample => sample.Groups["name"].Value,
            sample => (IReadOnlyDictionary<string, string>)Matcher().Matches(sample.Groups["labels"].Value)
                .ToDictionary(label => label.Groups["label"].Value, label => label.Groups["value"].Value));

    /// <summary>Returns an error for each metric, label or label value that a query names but the service does not export.</summary>
    public static IEnumerable<string> FaultsOf(string query, ILookup<string, IReadOnlyDictionary<string, string>> exported)
    {
        var selectors = Selectors(query).Where(selector => selector.Name != OwnMetric).ToList();
        return selectors.SelectMany(selector => FaultsOf(selector.Name, selector.Labels, exported))
            .Concat(GroupLabels(query)
                .Where(label => !OwnLabels.Contains(label)
                    && !selectors.Any(selector => exported[selector.Name].Any(sample => sample.ContainsKey(label))))
                .Select(label => $"no metric has the label {label}"))
            .Select(fault => $"{fault}: {query}");
    }

    private static IEnumerable<string> FaultsOf(
        string metric, string labels, ILookup<string, IReadOnlyDictionary<string, string>> exported)
    {
        if (!exported.Contains(metric))
        {
            yield return $"{metric} is not exported";
            yield break;
        }

        foreach (var matcher in Matcher().Matches(labels).Where(matcher => !OwnLabels.Contains(matcher.Groups["label"].Value)))
        {
            var (label, value) = (matcher.Groups["label"].Value, matcher.Groups["value"].Value);
            if (!exported[metric].Any(sample => sample.ContainsKey(label)))
            {
                yield return $"{metric} has no label {label}";
            }
            else if (matcher.Groups["operator"].Value == "=" && !exported[metric].Any(sample => sample.GetValueOrDefault(label) == value))
            {
                yield return $"{metric} has no {label} \"{value}\"";
            }
        }
    }

    /// <summary>Returns the metrics in a query (the names that are not functions, keywords or labels) with their label matchers.</summary>
    private static IEnumerable<(string Name, string Labels)> Selectors(string query) => Selector()
        .Matches(Grouping().Replace(Range().Replace(query, ""), " "))
        .Where(match => !match.Groups["call"].Success && !Keywords.Contains(match.Groups["name"].Value))
        .Select(match => (match.Groups["name"].Value, match.Groups["labels"].Value));

    private static IEnumerable<string> GroupLabels(string query) => Grouping().Matches(query)
        .SelectMany(group => group.Groups["labels"].Value.Split(','))
        .Select(label => label.Trim());

    [GeneratedRegex("""(?<![\w.:])(?<name>[a-zA-Z_:][\w:]*)\s*(?:\{(?<labels>(?:[^}"]|"[^"]*")*)\}|(?<call>\())?""")]
    private static partial Regex Selector();

    [GeneratedRegex("""(?<label>\w+)\s*(?<operator>=~|!~|!=|=)\s*"(?<value>[^"]*)" """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Matcher();

    [GeneratedRegex(@"\b(?:by|without|on|ignoring|group_left|group_right)\s*\((?<labels>[^)]*)\)")]
    private static partial Regex Grouping();

    [GeneratedRegex(@"\[[^\]]*\]")]
    private static partial Regex Range();
}
