namespace YueService.Hosting;

/// <summary>The command-line settings of a host.</summary>
/// <param name="Values">Settings by their full key (<c>Yue:Device</c>).</param>
/// <param name="HostArguments">Arguments that the .NET host reads itself (<c>--contentRoot=…</c>), passed on unchanged.</param>
internal sealed record HostSettings(
    IReadOnlyList<KeyValuePair<string, string?>> Values, IReadOnlyList<string> HostArguments)
{
    /// <summary>True if the arguments name the content root. If they do not, the content root is the program's own folder, regardless
    /// of the current folder.</summary>
    public bool HasContentRoot =>
        HostArguments.Any(argument => argument.StartsWith("--contentRoot=", StringComparison.OrdinalIgnoreCase));
}
