using System.CommandLine;
using System.CommandLine.Parsing;
using YueService.Settings;

namespace YueService.CommandLine;

/// <summary>Describes the unknown arguments of a command line, with the closest known names.</summary>
internal static class UnknownArguments
{
    /// <summary>Returns a sentence for each unknown argument. A setting counts as known if the command accepts settings.</summary>
    public static IEnumerable<string> Of(ParseResult line)
    {
        var command = line.CommandResult.Command;
        var isAfterOption = false;
        foreach (var token in line.UnmatchedTokens)
        {
            var isOption = token.StartsWith('-');
            if (!isOption && isAfterOption)
            {
                // This is the value of the preceding unknown option.
                isAfterOption = false;
            }
            else if (command.TreatUnmatchedTokensAsErrors || !SettingOptions.IsSetting(token))
            {
                isAfterOption = isOption && !token.Contains('=', StringComparison.Ordinal);
                yield return isOption ? DescribeOption(token, line) : DescribeWord(token, command);
            }
        }
    }

    private static string DescribeOption(string token, ParseResult line)
    {
        if (SettingOptions.LacksValue(token))
        {
            return $"'{token}' has no value; write {token}=VALUE.";
        }

        var name = token.Split('=', 2)[0];
        return Describe(name, "option", Commands(line).SelectMany(command => command.Options).Select(option => option.Name));
    }

    private static string DescribeWord(string token, Command command) =>
        Describe(token, "command", command.Subcommands.Select(subcommand => subcommand.Name));

    private static string Describe(string name, string kind, IEnumerable<string> known)
    {
        var names = known.Distinct(StringComparer.Ordinal).ToList();
        return names.Count == 0 ? $"'{name}' is not known here."
            : ClosestName.Of(name.TrimStart('-'), names, known => known.TrimStart('-')) is { } closest
                ? $"'{name}' is not known; the closest {kind} is {closest}."
            : $"'{name}' is not known.";
    }

    /// <summary>Returns the command and its parent commands, whose options it also accepts.</summary>
    private static IEnumerable<Command> Commands(ParseResult line)
    {
        for (SymbolResult? result = line.CommandResult; result is not null; result = result.Parent)
        {
            if (result is CommandResult command)
            {
                yield return command.Command;
            }
        }
    }
}
