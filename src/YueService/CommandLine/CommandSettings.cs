using System.CommandLine;
using YueService.Hosting;

namespace YueService.CommandLine;

/// <summary>Reads a command's settings and says what is wrong with them.</summary>
internal static class CommandSettings
{
    /// <summary>The settings; null when an argument is not known, which is then said.</summary>
    public static async Task<HostSettings?> ReadAsync(ParseResult line, SettingOptions options)
    {
        var (settings, unknown) = options.Read(line);
        if (unknown.Count == 0)
        {
            return settings;
        }

        foreach (var argument in unknown)
        {
            await line.InvocationConfiguration.Error.WriteLineAsync($"'{argument}' is not known.");
        }

        await line.InvocationConfiguration.Error.WriteLineAsync("See yue --help.");
        return null;
    }

    /// <summary>Says every fault of the settings.</summary>
    public static async Task ReportAsync(TextWriter error, IReadOnlyList<string> faults)
    {
        await error.WriteLineAsync("The settings are at fault:");
        foreach (var fault in faults)
        {
            await error.WriteLineAsync($"  {fault}");
        }
    }
}
