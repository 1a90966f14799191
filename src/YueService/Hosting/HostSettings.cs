namespace YueService.Hosting;

/// <summary>What the command line sets for a host.</summary>
/// <param name="Values">Settings by their full key (<c>Yue:Device</c>).</param>
/// <param name="HostArguments">Arguments that the .NET host reads itself (<c>--contentRoot=…</c>), passed on as they are.</param>
internal sealed record HostSettings(
    IReadOnlyList<KeyValuePair<string, string?>> Values, IReadOnlyList<string> HostArguments)
{
    /// <summary>Whether the arguments name the content root; otherwise it
    /// is the program's own folder, wherever it is started from.</summary>
    public bool HasContentRoot =>
        HostArguments.Any(argument => argument.StartsWith("--contentRoot=", StringComparison.OrdinalIgnoreCase));
}
