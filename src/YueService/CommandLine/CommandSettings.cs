namespace YueService.CommandLine;

/// <summary>Reports invalid settings.</summary>
internal static class CommandSettings
{
    /// <summary>Writes a heading and one line per error.</summary>
    public static async Task ReportAsync(TextWriter error, IReadOnlyList<string> faults)
    {
        await error.WriteLineAsync("The settings are invalid:");
        foreach (var fault in faults)
        {
            await error.WriteLineAsync($"  {fault}");
        }
    }
}
