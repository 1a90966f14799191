using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;

namespace YueService.CommandLine;

/// <summary>The arguments of <c>yue generate</c>.</summary>
/// <param name="LyricsFile">The lyrics: a file, or <c>-</c> for standard input; null for none.</param>
/// <param name="OutFile">The song's file, or <c>-</c> for standard output.</param>
/// <param name="CodesFile">The file of the song's codes, or <c>-</c> for standard output; null for none.</param>
/// <param name="ContinueFile">The codes of the song to go on from; null for a new song.</param>
/// <param name="Fields">The other fields of a request, in the JSON form of <c>POST /predict</c>; their bounds are checked there.</param>
/// <param name="ClipFiles">The files of a reference clip, by the name of their field.</param>
internal sealed record GenerateArguments(
    string? LyricsFile,
    string OutFile,
    string? CodesFile,
    string? ContinueFile,
    JsonObject Fields,
    IReadOnlyList<KeyValuePair<string, string>> ClipFiles);

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
        HelpName = "FILE|-",
        Description = "The song's file, replaced when it exists; - is standard output",
        Required = true,
    };

    private readonly Option<string?> _codes = Field("--return-codes", "FILE|-", "Also write the song's codes, for --continue-from; replaced when it exists");

    private readonly Option<string?> _continue = Field("--continue-from", "FILE", "The codes of a song to go on from, as --return-codes wrote them");

    // By the field's path in a request's JSON, which errors name as well: sampling.top_p is --top-p.
    private readonly Dictionary<string, FieldOption> _fields = new(StringComparer.Ordinal)
    {
        ["genre"] = Text("--genre", "TEXT", "The genre line: instruments, mood, voice [Pop]"),
        ["seed"] = Number("--seed", "N", "The same seed gives the same song [42]"),
        ["run_n_segments"] = Number("--run-n-segments", "N", "How many lyric sections to sing; 0 sings all [2]"),
        ["max_new_tokens"] = Number("--max-new-tokens", "N", "The most tokens a section may take; 100 are one second [3000]"),
        ["target_seconds"] = Numbers("--target-seconds", "X[,X…]", "The length of every section, or of each, in place of --max-new-tokens"),
        ["stage"] = Text("--stage", "full|draft|finish", "A draft is quick, rough and 16 kHz; finish takes the codes of --continue-from to the full song [full]"),
        ["replace_section"] = Number("--replace-section", "N", "Sing section N of --continue-from again and keep the others"),
        ["instrumental"] = Flag("--instrumental", "No words are sung; the instrumental track is the song"),
        ["model"] = Text("--model", "NAME", "The stage-1 checkpoint to sing with [the first]"),
        ["output.sample_rate"] = Number("--sample-rate", "44100|16000", "Samples a second [44100]"),
        ["output.format"] = Text("--format", "wav|flac|mp3", "The file's format [by the extension of --out; wav without one]"),
        ["output.loudness_lufs"] = Number("--loudness-lufs", "X", "The song's loudness by BS.1770, -36 to -6 [as it comes out]"),
        ["reference.start_seconds"] = Number("--reference-start", "SECONDS", "Where the part of the clip begins that is heard [0]"),
        ["reference.end_seconds"] = Number("--reference-end", "SECONDS", "Where it ends [30]"),
        ["reference.separate"] = Flag("--reference-separate", "Split the clip into vocal and instrumental first (needs a separator)"),
        ["output.stems"] = Flag("--stems", "Also write the vocal and the instrumental track beside the song"),
        ["output.fade_out_seconds"] = Number("--fade-out-seconds", "X", "How long a song that was cut at its limit fades out; 0 is off [1]"),
        ["sampling.temperature"] = Number("--temperature", "X", "How freely tokens are drawn [1.0]"),
        ["sampling.top_p"] = Number("--top-p", "X", "The nucleus that tokens are drawn from [0.93]"),
        ["sampling.top_k"] = Number("--top-k", "N", "How many of the best tokens are kept; 0 is off [50]"),
        ["sampling.repetition_penalty"] = Number("--repetition-penalty", "X", "How much repeats are avoided; 1 is off [1.1]"),
        ["sampling.guidance_scale"] = Number("--guidance-scale", "X", "How closely the text is followed; 1 is off [1.5, then 1.2]"),
    };

    private readonly Dictionary<string, Option<string?>> _clips = new(StringComparer.Ordinal)
    {
        ["reference.audio"] = Field("--reference", "FILE", "A clip whose style is taken on (needs ffmpeg, and an icl checkpoint)"),
        ["reference.vocal"] = Field("--reference-vocal", "FILE", "The vocal of such a clip; with --reference-instrumental"),
        ["reference.instrumental"] = Field("--reference-instrumental", "FILE", "The instrumental of such a clip"),
    };

    /// <summary>The option for a field of a request: <c>--top-p</c> for <c>sampling.top_p</c>, <c>--continue-from</c> for all within it.</summary>
    public string OptionFor(string path)
    {
        if (_fields.TryGetValue(path, out var field))
        {
            return field.Option.Name;
        }

        return _clips.TryGetValue(path, out var clip) ? clip.Name : $"--{path.Split('.')[0].Split('[')[0].Replace('_', '-')}";
    }

    public void AddTo(Command command)
    {
        command.Options.Add(_lyrics);
        command.Options.Add(_out);
        command.Options.Add(_codes);
        command.Options.Add(_continue);
        foreach (var option in _fields.Values.Select(field => field.Option).Concat(_clips.Values))
        {
            command.Options.Add(option);
        }
    }

    public GenerateArguments Read(ParseResult line)
    {
        var fields = new JsonObject();
        foreach (var (path, field) in _fields)
        {
            if (line.GetResult(field.Option) is { Implicit: false } && field.Read(line) is { } value)
            {
                Set(fields, path, value);
            }
        }

        var clips = _clips
            .Where(clip => line.GetValue(clip.Value) is not null)
            .Select(clip => KeyValuePair.Create(clip.Key, line.GetValue(clip.Value)!));
        return new(
            line.GetValue(_lyrics), line.GetRequiredValue(_out), line.GetValue(_codes), line.GetValue(_continue), fields, [.. clips]);
    }

    /// <summary>Returns the number that a text is; other text stays text, which is refused with the field's bounds.</summary>
    private static JsonNode ToNumber(string text) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) ? whole
        : double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value) ? value
        : text;

    /// <summary>Returns a number, or an array for several that are separated by commas.</summary>
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

    private static FieldOption Text(string name, string helpName, string description) =>
        OfText(name, helpName, description, text => text);

    private static FieldOption Number(string name, string helpName, string description) =>
        OfText(name, helpName, description, ToNumber);

    private static FieldOption Numbers(string name, string helpName, string description) =>
        OfText(name, helpName, description, ToNumbers);

    private static FieldOption Flag(string name, string description)
    {
        var option = new Option<bool?>(name) { Description = description };
        return new(option, line => line.GetValue(option));
    }

    private static FieldOption OfText(string name, string helpName, string description, Func<string, JsonNode> convert)
    {
        var option = Field(name, helpName, description);
        return new(option, line => line.GetValue(option) is { } text ? convert(text) : null);
    }

    private static Option<string?> Field(string name, string helpName, string description) => new(name)
    {
        HelpName = helpName,
        Description = description,
    };

    /// <summary>The option for a field of a request, and the field's value as JSON; null if the command line has none.</summary>
    private sealed record FieldOption(Option Option, Func<ParseResult, JsonNode?> Read);
}
