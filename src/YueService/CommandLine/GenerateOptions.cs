using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;

namespace YueService.CommandLine;

/// <summary>The arguments of <c>yue generate</c>.</summary>
/// <param name="LyricsFile">The lyrics: a file, or <c>-</c> for standard input; null for none.</param>
/// <param name="OutFile">The song's file.</param>
/// <param name="CodesFile">Where the song's codes go; null for nowhere.</param>
/// <param name="ContinueFile">The codes of the song to go on from; null for a new song.</param>
/// <param name="Fields">The other fields of a request, in the JSON form of <c>POST /predict</c>; their bounds are checked there.</param>
internal sealed record GenerateArguments(string? LyricsFile, string OutFile, string? CodesFile, string? ContinueFile, JsonObject Fields);

/// <summary>The options of <c>yue generate</c>: one a field of a request.</summary>
internal sealed class GenerateOptions
{
    private readonly Option<string?> _lyrics = new("--lyrics")
    {
        HelpName = "FILE|-",
        Description = "The lyrics, in sections headed by tags such as [verse]; - reads standard input. Not needed with --instrumental and --stage finish",
    };

    private readonly Option<string> _out = new("--out", "-o")
    {
        HelpName = "FILE",
        Description = "The song's file; replaced when it exists",
        Required = true,
    };

    private readonly Option<string?> _codes = Field<string?>("--return-codes", "FILE", "Also write the song's codes, for --continue-from; replaced when it exists");

    private readonly Option<string?> _continue = Field<string?>("--continue-from", "FILE", "The codes of a song to go on from, as --return-codes wrote them");

    // The JSON path of a request's field is also how faults are told: sampling.top_p is --top-p.
    private readonly Dictionary<string, Option> _fields = new(StringComparer.Ordinal)
    {
        ["genre"] = Field<string?>("--genre", "TEXT", "The genre line: instruments, mood, voice [Pop]"),
        ["seed"] = Field<long?>("--seed", "N", "The same seed gives the same song [42]"),
        ["run_n_segments"] = Field<int?>("--run-n-segments", "N", "How many lyric sections to sing; 0 sings all [2]"),
        ["max_new_tokens"] = Field<int?>("--max-new-tokens", "N", "The most tokens a section may take; 100 are one second [3000]"),
        ["target_seconds"] = Field<string?>("--target-seconds", "X[,X…]", "The length of every section, or of each, in place of --max-new-tokens"),
        ["stage"] = Field<string?>("--stage", "full|draft|finish", "A draft is quick, rough and 16 kHz; finish takes the codes of --continue-from to the full song [full]"),
        ["replace_section"] = Field<int?>("--replace-section", "N", "Sing section N of --continue-from again and keep the others"),
        ["instrumental"] = Field<bool?>("--instrumental", "", "No words are sung; the instrumental track is the song"),
        ["model"] = Field<string?>("--model", "NAME", "The stage-1 checkpoint to sing with [the first]"),
        ["output.sample_rate"] = Field<int?>("--sample-rate", "44100|16000", "Samples a second [44100]"),
        ["output.format"] = Field<string?>("--format", "wav|flac|mp3", "The file's format [by the name of --out, else wav]"),
        ["output.stems"] = Field<bool?>("--stems", "", "Also write the vocal and the instrumental track beside the song"),
        ["output.fade_out_seconds"] = Field<double?>("--fade-out-seconds", "X", "How long a song that was cut at its limit fades out; 0 is off [1]"),
        ["sampling.temperature"] = Field<double?>("--temperature", "X", "How freely tokens are drawn [1.0]"),
        ["sampling.top_p"] = Field<double?>("--top-p", "X", "The nucleus that tokens are drawn from [0.93]"),
        ["sampling.top_k"] = Field<int?>("--top-k", "N", "How many of the best tokens are kept; 0 is off [50]"),
        ["sampling.repetition_penalty"] = Field<double?>("--repetition-penalty", "X", "How much repeats are avoided; 1 is off [1.1]"),
        ["sampling.guidance_scale"] = Field<double?>("--guidance-scale", "X", "How closely the text is followed; 1 is off [1.5, then 1.2]"),
    };

    /// <summary>The option for a field of a request: <c>--top-p</c> for <c>sampling.top_p</c>, <c>--continue-from</c> for all within it.</summary>
    public static string OptionFor(string path)
    {
        var names = path.Split('.');
        var name = names is ["output" or "sampling", var leaf] ? leaf : names[0].Split('[')[0];
        return $"--{name.Replace('_', '-')}";
    }

    public void AddTo(Command command)
    {
        command.Options.Add(_lyrics);
        command.Options.Add(_out);
        command.Options.Add(_codes);
        command.Options.Add(_continue);
        foreach (var option in _fields.Values)
        {
            command.Options.Add(option);
        }
    }

    public GenerateArguments Read(ParseResult line)
    {
        var fields = new JsonObject();
        foreach (var (path, option) in _fields)
        {
            if (line.GetResult(option) is { Implicit: false } && ValueOf(line, option) is { } value)
            {
                Set(fields, path, path == "target_seconds" ? Numbers(value.GetValue<string>()) : value);
            }
        }

        return new(line.GetValue(_lyrics), line.GetRequiredValue(_out), line.GetValue(_codes), line.GetValue(_continue), fields);
    }

    private static JsonNode? ValueOf(ParseResult line, Option option) => option switch
    {
        Option<string?> text => line.GetValue(text),
        Option<long?> number => line.GetValue(number),
        Option<int?> number => line.GetValue(number),

        // JSON has no such number; as text it is refused with the field's bounds.
        Option<double?> number when line.GetValue(number) is { } value && !double.IsFinite(value) => value.ToString(CultureInfo.InvariantCulture),
        Option<double?> number => line.GetValue(number),
        Option<bool?> flag => line.GetValue(flag),
        _ => throw new InvalidOperationException($"{option.Name} has a type that requests do not have"),
    };

    /// <summary>A number, or an array of those between commas; what is no number stays text, which is refused with the field's bounds.</summary>
    private static JsonNode Numbers(string text)
    {
        var items = text.Split(',', StringSplitOptions.TrimEntries).Select(Number).ToArray();
        return items.Length == 1 ? items[0] : new JsonArray(items);

        static JsonNode Number(string item) =>
            double.TryParse(item, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value) ? value : item;
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

    private static Option<T> Field<T>(string name, string helpName, string description) => new(name)
    {
        HelpName = helpName,
        Description = description,
    };
}
