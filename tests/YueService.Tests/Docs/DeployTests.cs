using System.Diagnostics.Metrics;
using System.Text.RegularExpressions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Xunit;
using YamlDotNet.RepresentationModel;
using Yue.Engine.Songs;
using Yue.Testing;
using YueService.Jobs.Shared;
using YueService.Settings;
using YueService.Tests.EndToEnd;
using YueService.Tests.Fakes;

namespace YueService.Tests.Docs;

/// <summary>Tests that the files in deploy/ can be parsed and refer only to settings, files and metrics that exist.</summary>
public sealed partial class DeployTests
{
    private static readonly string Folder = Path.Combine(DemoProcess.Repository, "deploy");

    private static IEnumerable<string> Manifests => Directory.EnumerateFiles(Folder, "*.yaml", SearchOption.AllDirectories);

    private static string Alerts => Path.Combine(Folder, "prometheus", "alerts.yaml");

    private static string Dashboard => Path.Combine(Folder, "grafana", "yue.json");

    [Fact]
    public void Every_manifest_is_YAML()
    {
        Assert.NotEmpty(Manifests);
        Assert.All(Manifests, file => Assert.NotEmpty(Documents(file)));
    }

    [Fact]
    public void Every_setting_in_a_manifest_is_documented()
    {
        var settings = File.ReadAllText(Path.Combine(DemoProcess.Repository, "docs", "settings.md"));
        var named = Manifests.SelectMany(file => Setting().Matches(File.ReadAllText(file))).Select(match => match.Value).ToHashSet();
        Assert.Contains("YUE_STORE", named);
        Assert.All(named, name => Assert.Contains($"`{name}`", settings, StringComparison.Ordinal));
    }

    [Fact]
    public void Every_kustomization_names_resources_that_exist()
    {
        var files = Manifests.Where(file => Path.GetFileName(file) == "kustomization.yaml").ToList();
        Assert.Equal(3, files.Count);
        foreach (var file in files)
        {
            var resources = Items((YamlMappingNode)Documents(file).Single(), "resources").ToList();
            Assert.NotEmpty(resources);
            Assert.All(resources, name => Assert.True(Path.Exists(Path.Combine(Path.GetDirectoryName(file)!, name)), $"{file}: {name}"));
        }
    }

    [Fact]
    public void The_compose_services_use_only_declared_volumes_and_secrets()
    {
        var root = (YamlMappingNode)Documents(Path.Combine(Folder, "compose.yaml")).Single();
        string[] Names(string key) => [.. ((YamlMappingNode)root[key]).Children.Keys.Select(name => name.ToString())];
        var services = ((YamlMappingNode)root["services"]).Children.Values.Cast<YamlMappingNode>().ToList();
        Assert.Equal(["grafana", "postgres", "prometheus", "s3", "yue"], Names("services").Order(StringComparer.Ordinal));
        foreach (var volume in services.SelectMany(service => Items(service, "volumes")).Select(volume => volume.Split(':')[0]))
        {
            Assert.True(
                volume.StartsWith('.') ? Path.Exists(Path.Combine(Folder, volume)) : Names("volumes").Contains(volume), volume);
        }

        Assert.All(services.SelectMany(service => Items(service, "secrets")), secret => Assert.Contains(secret, Names("secrets")));
        Assert.True(File.Exists(Path.Combine(DemoProcess.Repository, "deploy", "Containerfile")));
    }

    [Fact]
    public async Task The_alerts_and_the_dashboard_query_only_exported_metrics()
    {
        var exported = await ExportedAsync();
        var queries = Queries().ToList();
        Assert.True(queries.Count > 20);
        var faults = queries.SelectMany(query => MetricQuery.FaultsOf(query, exported)).ToList();
        Assert.True(faults.Count == 0, string.Join('\n', faults));
    }

    [Theory]
    [InlineData("sum(yue_songs)", "yue_songs is not exported")]
    [InlineData("rate(yue_songs_total{result=\"failed\"}[5m]) > 0", "yue_songs_total has no label result")]
    [InlineData("yue_songs_total{outcome=\"lost\"}", "yue_songs_total has no outcome \"lost\"")]
    [InlineData("sum by (colour, le) (rate(yue_songs_total[5m]))", "no metric has the label colour")]
    [InlineData("1.5 * yue_songs_total and on (outcome) yue_songs_total == 0", null)]
    public void An_unknown_metric_or_label_or_value_is_found(string query, string? fault)
    {
        var exported = MetricQuery.Read("# HELP a b\nyue_songs_total{outcome=\"failed\"} 1\nhttp_bucket{le=\"1\"} 2\n");
        var expected = fault is null ? Array.Empty<string>() : [$"{fault}: {query}"];
        Assert.Equal(expected, MetricQuery.FaultsOf(query, exported).Where(found => !found.Contains(" le:", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Kubectl_builds_every_kustomization()
    {
        var program = Program("kubectl");
        Assert.SkipUnless(program is not null, "kubectl is not installed");
        var overlays = Path.Combine(Folder, "kubernetes", "overlays");
        foreach (var folder in Directory.EnumerateDirectories(overlays).Append(Path.Combine(Folder, "kubernetes", "base")))
        {
            var build = await ProgramRun.RunAsync(Folder, program, "kustomize", folder);
            Assert.True(build.ExitCode == 0, build.Output + build.Error);
            Assert.Contains("name: yue-worker", build.Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Prometheus_accepts_the_alerts()
    {
        var program = Program("promtool");
        Assert.SkipUnless(program is not null, "promtool is not installed (Debian: prometheus)");
        var check = await ProgramRun.RunAsync(Folder, program, "check", "rules", Alerts);
        Assert.True(check.ExitCode == 0, check.Output + check.Error);
    }

    private static string? Program(string name) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
        .Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);

    /// <summary>Returns the metrics of a service that has a GPU and shared jobs, after songs with every outcome.</summary>
    private static async Task<ILookup<string, IReadOnlyDictionary<string, string>>> ExportedAsync()
    {
        using var app = new YueApp();
        using var client = app.CreateClient();
        var services = app.Services;
        using var shared = new SharedMetrics(
            services.GetRequiredService<IMeterFactory>(),
            services.GetRequiredService<JobMirrors>(),
            services.GetRequiredService<SharedProcesses>(),
            new SharedSettings(ServiceRole.Api, Options.Create(new StoreOptions { Store = "Host=db" })));
        await shared.StartAsync(TestContext.Current.CancellationToken);
        app.Engine.Status = app.Engine.Status with { Device = "NVIDIA H200", Memory = new(1000, 200, 300) };
        foreach (var sing in new Func<SongRequest, Task<SongResult>>[]
        {
            request => Task.FromResult(Finite(FakeSongEngine.Song(request))),
            _ => Task.FromException<SongResult>(new SongException("no")),
            _ => Task.FromCanceled<SongResult>(new CancellationToken(canceled: true)),
        })
        {
            app.Engine.Sing = (request, _, _) => sing(request);
            using var response = await client.PredictAsync("""{"lyrics":"la"}""");
        }

        app.FillQueue();
        using var refused = await client.PredictAsync("""{"lyrics":"la"}""");
        Assert.Equal(System.Net.HttpStatusCode.TooManyRequests, refused.StatusCode);
        return MetricQuery.Read(await client.GetStringAsync("/metrics", TestContext.Current.CancellationToken));
    }

    private static SongResult Finite(SongResult song) => song with { Timings = song.Timings with { RealTimeFactor = 0.5 } };

    private static IEnumerable<string> Queries()
    {
        var groups = (YamlSequenceNode)Documents(Alerts).Single()["groups"];
        foreach (var rule in groups.SelectMany(group => (YamlSequenceNode)group["rules"]))
        {
            yield return rule["expr"].ToString();
        }

        using var dashboard = System.Text.Json.JsonDocument.Parse(File.ReadAllText(Dashboard));
        foreach (var panel in dashboard.RootElement.GetProperty("panels").EnumerateArray())
        {
            foreach (var target in panel.GetProperty("targets").EnumerateArray())
            {
                yield return target.GetProperty("expr").GetString()!;
            }
        }
    }

    private static List<YamlNode> Documents(string file)
    {
        using var reader = File.OpenText(file);
        var yaml = new YamlStream();
        yaml.Load(reader);
        return [.. yaml.Documents.Select(document => document.RootNode)];
    }

    private static IEnumerable<string> Items(YamlMappingNode node, string key) =>
        node.Children.TryGetValue(key, out var items) ? ((YamlSequenceNode)items).Select(item => item.ToString()) : [];

    [GeneratedRegex(@"\bYUE_[A-Z0-9_]+\b")]
    private static partial Regex Setting();
}
