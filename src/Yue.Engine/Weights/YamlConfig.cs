using System.Globalization;
using System.Text;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Yue.Engine.Weights;

/// <summary>A model's config.yaml as values by path, such as <c>generator.config.ratios</c>. Tags are ignored.</summary>
internal sealed class YamlConfig
{
    private const int MaxBytes = 1 << 20;
    private const int MaxDepth = 32;

    private readonly string _path;
    private readonly Dictionary<string, string> _scalars = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<string>> _lists = new(StringComparer.Ordinal);

    private YamlConfig(string path) => _path = path;

    /// <summary>Reads the file, which contains one document.</summary>
    public static YamlConfig Read(string path)
    {
        var text = Encoding.UTF8.GetString(SmallFile.Read(path, MaxBytes));
        var config = new YamlConfig(path);
        try
        {
            var parser = new Parser(new StringReader(text));
            parser.Consume<StreamStart>();
            parser.Consume<DocumentStart>();
            config.ReadNode(parser, "", 0);
            return config;
        }
        catch (Exception error) when (
            error is YamlException or ArgumentException or InvalidOperationException or FormatException or OverflowException)
        {
            throw new CheckpointException(path, $"the file is not valid YAML: {error.Message}", error);
        }
    }

    /// <summary>Returns a positive integer.</summary>
    public int Positive(string key) => Parse(key, Scalar(key), "a positive integer");

    /// <summary>Returns a list of at least one positive integer.</summary>
    public int[] PositiveList(string key) => [.. List(key).Select(item => Parse(key, item, "a list of positive integers"))];

    /// <summary>Returns a list of at least one positive number.</summary>
    public double[] PositiveNumbers(string key) =>
        [.. List(key).Select(item =>
            double.TryParse(item, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
                && double.IsFinite(number) && number > 0
                ? number
                : throw Unsupported(key, item, "a list of positive numbers"))];

    /// <summary>Throws unless the value is <paramref name="expected"/>, the only supported one.</summary>
    public void Expect(string key, string expected)
    {
        var found = Scalar(key);
        if (found != expected)
        {
            throw Unsupported(key, found, expected);
        }
    }

    /// <summary>Creates an error about a key's value.</summary>
    public CheckpointException Unsupported(string key, string found, string expected) =>
        new(_path, $"{key} is {found}; supported: {expected}");

    private int Parse(string key, string text, string expected) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0
            ? number
            : throw Unsupported(key, text, expected);

    private string Scalar(string key) => _scalars.TryGetValue(key, out var text) ? text : throw Missing(key, "a value");

    private List<string> List(string key) =>
        _lists.TryGetValue(key, out var items) && items.Count > 0 ? items : throw Missing(key, "a list");

    private CheckpointException Missing(string key, string expected) => new(_path, $"{key} is missing, expected {expected}");

    private void ReadNode(Parser parser, string at, int depth)
    {
        if (depth > MaxDepth)
        {
            throw new CheckpointException(_path, $"values are nested more than {MaxDepth} levels deep");
        }

        switch (parser.Current)
        {
            case MappingStart:
                ReadMapping(parser, at, depth);
                break;
            case SequenceStart:
                ReadSequence(parser, at, depth);
                break;
            case Scalar scalar:
                _scalars[at] = scalar.Value;
                parser.MoveNext();
                break;
            default:                                    // an alias; none of the required values is one
                parser.MoveNext();
                break;
        }
    }

    private void ReadMapping(Parser parser, string at, int depth)
    {
        parser.Consume<MappingStart>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            var key = parser.Consume<Scalar>().Value;
            if (!seen.Add(key))
            {
                throw new CheckpointException(_path, $"the key {key} occurs twice");
            }

            ReadNode(parser, at.Length == 0 ? key : $"{at}.{key}", depth + 1);
        }
    }

    private void ReadSequence(Parser parser, string at, int depth)
    {
        parser.Consume<SequenceStart>();
        var items = _lists[at] = [];
        while (!parser.TryConsume<SequenceEnd>(out _))
        {
            if (parser.Current is Scalar scalar)
            {
                items.Add(scalar.Value);
                parser.MoveNext();
            }
            else
            {
                ReadNode(parser, $"{at}[{items.Count}]", depth + 1);
            }
        }
    }
}
