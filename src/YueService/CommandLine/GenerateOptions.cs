using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using YueService.Api.Requests;

namespace YueService.CommandLine;

/// <summary>The arguments of <c>yue generate</c>.</summary>
/// <param name="LyricsFile">The lyrics: a file, or <c>-</c> for standard input; null for none.</param>
/// <param name="OutFile">The song's file, or <c>-</c> for standard output.</param>
/// <param name="CodesFile">The file of the song's codes, or <c>-</c> for standard output; null for none.</param>
/// <param name="ScoreFile">The score that the music follows: a file, or <c>-</c> for standard input; null for none.</param>
/// <param name="ScoreOutFile">The file of the song's score, or <c>-</c> for standard output; null for none.</param>
/// <param name="ContinueFile">The file with the codes of the song to continue; null for a new song.</param>
/// <param name="Fields">The other fields of a request, in the JSON form of <c>POST /predict</c>. Their bounds are not checked yet.</param>
/// <param name="ClipFiles">The files of a reference clip, each with the name of its field.</param>
/// <param name="IsPlayed">True if the song is played while it is being made.</param>
internal sealed record GenerateArguments(
    string? LyricsFile,
    string OutFile,
    string? CodesFile,
    string? ScoreFile,
    string? ScoreOutFile,
    string? ContinueFile,
    JsonObject Fields,
    IReadOnlyList<KeyValuePair<string, string>> ClipFiles,
    bool IsPlayed);

/// <summary>The options of <c>yue generate</c>: those of <see cref="SongFields"/>, <c>--out</c>, <c>--score-out</c> and
/// <c>--play</c>.</summary>
internal sealed partial class GenerateOptions
{
    private readonly Option<string?> _lyrics = OfText(SongFields.Lyrics);
    private readonly Option<string?> _codes = OfText(SongFields.ReturnCodes);
    private readonly Option<string?> _score = OfText(SongFields.Score);
    private readonly Option<string?> _continue = OfText(SongFields.ContinueFrom);
    private readonly Option<string> _out = new("--out", "-o")
    {
        HelpName = "FILE|-",
        Description = "The song's file, replaced if it exists; - is standard output",
        Required = true,
    };

    private readonly Option<string?> _scoreOut = new("--score-out")
    {
        HelpName = "FILE|-",
        Description = "Writes the song's score to the file, which is replaced if it exists; - is standard output. "
            + "With --stage score, the score is written to --out instead",
    };

    private readonly Option<bool> _play = new("--play") { Description = "Plays the song while it is being made" };

    private readonly List<(RequestField Field, Option Option)> _fields;

    public GenerateOptions() => _fields =
    [
        .. SongFields.All.Where(field => field.Option is not null).Select(field => (field, field switch
        {
            _ when field == SongFields.Lyrics => _lyrics,
            _ when field == SongFields.ReturnCodes => _codes,
            _ when field == SongFields.Score => _score,
            _ when field == SongFields.ContinueFrom => _continue,
            FlagField flag => new Option<bool?>(flag.Option!.Name) { Description = Describe(flag) },
            _ => (Option)OfText(field),
        })),
    ];

    /// <summary>Returns the name of a field's option, such as <c>--top-p</c> for <c>sampling.top_p</c>. A part of a field uses the option
    /// of the whole field.</summary>
    public static string OptionFor(string path)
    {
        var field = SongFields.All.FirstOrDefault(field => field.Path == path || IsWithin(path, field));
        return field?.Option?.Name ?? $"--{path.Replace('_', '-')}";
    }

    public void AddTo(Command command)
    {
        command.Options.Add(_out);
        command.Options.Add(_scoreOut);
        command.Options.Add(_play);
        foreach (var (_, option) in _fields)
        {
            command.Options.Add(option);
        }
    }

    public GenerateArguments Read(ParseResult line)
    {
        var fields = new JsonObject();
        var clips = new List<KeyValuePair<string, string>>();
        foreach (var (field, option) in _fields.Where(entry => !entry.Field.Option!.IsFile))
        {
            if (line.GetResult(option) is null or { Implicit: true })
            {
                continue;
            }

            if (option is Option<bool?> flag)
            {
                Set(fields, field.Path, line.GetValue(flag)!);
            }
            else if (line.GetValue((Option<string?>)option) is { } text)
            {
                if (field is FileField)
                {
                    clips.Add(new(field.Path, text));
                }
                else
                {
                    Set(fields, field.Path, ToJson(field, text));
                }
            }
        }

        return new(
            line.GetValue(_lyrics),
            line.GetRequiredValue(_out),
            line.GetValue(_codes),
            line.GetValue(_score),
            line.GetValue(_scoreOut),
            line.GetValue(_continue),
            fields,
            clips,
            line.GetValue(_play));
    }

    private static bool IsWithin(string path, RequestField field) =>
        path.StartsWith($"{field.Path}.", StringComparison.Ordinal) || path.StartsWith($"{field.Path}[", StringComparison.Ordinal);

    private static JsonNode ToJson(RequestField field, string text) => field switch
    {
        NumbersField => ToNumbers(text),
        WholeField or NumberField or NumberChoiceField => ToNumber(text),
        _ => text,
    };

    /// <summary>Parses a number. Other text is returned as is and rejected later, with an error that states the field's bounds.</summary>
    private static JsonNode ToNumber(string text) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) ? whole
        : double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value) ? value
        : text;

    /// <summary>Parses a number, or several numbers separated by commas, which are returned as an array.</summary>
    private static JsonNode ToNumbers(string text)
    {
        var items = text.Split(',', StringSplitOptions.TrimEntries).Select(ToNumber).ToArray();
        return items.Length == 1 ? items[0] : new JsonArray(items);
    }

    private static void Set(JsonObject fields, string path, JsonNode value)
    {
        var parts = path.Split('.');
        if (parts is [var parent, var leaf])
        {
            if (fields[parent] is not JsonObject nested)
            {
                fields[parent] = nested = [];
            }

            nested[leaf] = value;
            return;
        }

        fields[path] = value;
    }

    private static Option<string?> OfText(RequestField field) => new(field.Option!.Name)
    {
        HelpName = field.Option.Placeholder ?? field.Placeholder,
        Description = Describe(field),
    };

    /// <summary>Returns the help of a field's option: its meaning, bounds and default.</summary>
    private static string Describe(RequestField field)
    {
        var (option, help) = (field.Option!, new StringBuilder(field.Description));
        if (option.Note is { } note)
        {
            help.Append(' ').Append(note);
        }

        if (!option.IsFile && field is not (FlagField or NamesField or NumberChoiceField))
        {
            help.Append(CultureInfo.InvariantCulture, $" ({field.Bounds})");
        }

        if ((option.Default ?? (field is FlagField ? null : field.FullDefaultText)) is { } defaultText and not "none")
        {
            help.Append(CultureInfo.InvariantCulture, $" [{defaultText}]");
        }

        return FieldName().Replace(help.ToString(), match => SongFields.All.Any(known => known.Path == match.Groups[1].Value)
            ? OptionFor(match.Groups[1].Value)
            : match.Groups[1].Value);
    }

    /// <summary>A name in backticks.</summary>
    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex FieldName();
}
