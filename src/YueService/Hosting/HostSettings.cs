namespace YueService.Hosting;

/// <summary>The settings of a host from the command line.</summary>
/// <param name="Values">Settings by their full key (<c>Yue:Device</c>).</param>
/// <param name="HostArguments">Arguments that the .NET host reads itself (<c>--contentRoot=…</c>), passed on unchanged.</param>
internal sealed record HostSettings(
    IReadOnlyList<KeyValuePair<string, string?>> Values, IReadOnlyList<string> HostArguments)
{
    /// <summary>True if the arguments name the content root. Otherwise it is the program's own folder, regardless of the current
    /// folder.</summary>
    public bool HasContentRoot =>
        HostArguments.Any(argument => argument.StartsWith("--contentRoot=", StringComparison.OrdinalIgnoreCase));
}
