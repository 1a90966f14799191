using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Xunit;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using YueService.Api.Requests;
using YueService.CommandLine;
using YueService.Jobs.Audio;

namespace YueService.Tests.Requests;

/// <summary>Tests that the declared fields are the ones that are read, offered by the command line and supported by the models.</summary>
public sealed class SongFieldsTests
{
    private static readonly ModelDescription[] Models =
    [
        .. ModelFamilies.Descriptions.Select(family => new ModelDescription($"{family.Name}-model", family)),
    ];

    public static TheoryData<string> Paths => [.. SongFields.All.Select(declared => declared.Path)];

    [Theory]
    [MemberData(nameof(Paths))]
    public void Every_declared_field_is_read(string path)
    {
        // An empty array is not valid for any field.
        var findings = Read(Body(path, new JsonArray()));
        var messages = findings.Errors.Values.SelectMany(texts => texts).Concat(findings.Warnings)
            .Where(text => text.StartsWith(path, StringComparison.Ordinal));
        Assert.NotEmpty(messages);
        Assert.DoesNotContain(findings.Warnings, warning => warning.StartsWith("unknown field", StringComparison.Ordinal));
    }

    [Fact]
    public void Sending_the_default_of_a_field_is_the_same_as_leaving_it_out()
    {
        var body = JsonNode.Parse("""{"lyrics":"la"}""")!.AsObject();
        var defaults = SongFields.All.Where(field => field is { DefaultJson: not null, Otherwise: null });
        foreach (var field in defaults.Where(field => !field.Path.StartsWith("reference.", StringComparison.Ordinal)))
        {
            Set(body, field.Path, JsonNode.Parse(field.DefaultJson!));
        }

        Assert.True(body.Count > 4);
        Assert.Equal(Song("""{"lyrics":"la"}"""), Song(body.ToJsonString()));
    }

    [Fact]
    public void The_families_together_support_all_declared_fields()
    {
        var declared = SongFields.All.Where(field => !field.IsForEveryFamily).Select(field => field.Path).ToList();
        Assert.All(declared, path => Assert.Contains(ModelFamilies.Descriptions, family => family.Supports(path)));
        Assert.All(
            ModelFamilies.Descriptions.SelectMany(family => family.Fields),
            name => Assert.Contains(declared.Concat(SongFields.Objects.Select(parent => parent.Path)), path => path == name));
    }

    [Fact]
    public void The_help_has_every_option_with_its_bounds_and_default()
    {
        var command = new Command("generate");
        new GenerateOptions().AddTo(command);
        var help = command.Options.ToDictionary(option => option.Name, option => option.Description!);
        var declared = SongFields.All.Where(field => field.Option is not null).Select(field => field.Option!.Name);
        Assert.Equal(declared.Concat(["--out", "--play", "--score-out"]).Order(), help.Keys.Order());
        Assert.EndsWith("(0.01 to 1) [0.93]", help["--top-p"], StringComparison.Ordinal);
        Assert.EndsWith(
            "(100 to 10,000) [3000, or 100 per second of --target-seconds]", help["--max-new-tokens"], StringComparison.Ordinal);
        Assert.EndsWith(
            "[1.5 for the first section and 1.2 for later ones, or 1 with YuE 2 (1.01 with --plan off)]",
            help["--guidance-scale"],
            StringComparison.Ordinal);
        Assert.DoesNotContain(help.Values, text => text.Contains('`', StringComparison.Ordinal));
    }

    private static JsonObject Body(string path, JsonNode? value)
    {
        var body = new JsonObject { ["lyrics"] = "la" };
        Set(body, path, value);
        return body;
    }

    private static void Set(JsonObject body, string path, JsonNode? value)
    {
        if (path.Split('.') is [var parent, var name])
        {
            body[parent] ??= new JsonObject();
            body[parent]![name] = value;
        }
        else
        {
            body[path] = value;
        }
    }

    private static RequestFindings Read(JsonObject body)
    {
        using var json = JsonDocument.Parse(body.ToJsonString());
        PredictReader.Read(json.RootElement, new Dictionary<string, ClipFile>(), strict: false, Models, out var findings);
        return findings;
    }

    private static SongRequest Song(string body)
    {
        using var json = JsonDocument.Parse(body);
        return PredictReader.Read(json.RootElement, new Dictionary<string, ClipFile>(), strict: true, Models, out _)!.Song;
    }
}
