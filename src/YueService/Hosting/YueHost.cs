using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Extensions.Options;
using YueService.Api.Access;
using YueService.Api.Agents;
using YueService.Api.Clips;
using YueService.Api.Errors;
using YueService.Api.Health;
using YueService.Api.Models;
using YueService.Api.OpenApi;
using YueService.Api.Options;
using YueService.Api.Predict;
using YueService.Api.Songs;
using YueService.Api.Speech;
using YueService.Api.Studio;
using YueService.Api.Webhooks;
using YueService.Jobs;
using YueService.Jobs.Audio;
using YueService.Jobs.Shared;
using YueService.Settings;
using YueService.Telemetry;

namespace YueService.Hosting;

/// <summary>Builds the hosts: the web service for <c>yue serve</c> and <c>yue worker</c>, and only the engine for <c>yue generate</c>,
/// <c>yue demo</c> and <c>yue doctor</c>.</summary>
internal static class YueHost
{
    /// <summary>The default address of the service.</summary>
    public const string DefaultUrl = "http://127.0.0.1:2008";

    /// <summary>The default address of a worker's health and metrics.</summary>
    public const string WorkerUrl = "http://127.0.0.1:2009";

    /// <summary>Creates the web service with validated settings, without starting it.</summary>
    /// <param name="settings">The settings of the command line.</param>
    /// <param name="configure">Registers the engine and the encoder.</param>
    /// <param name="role">The part of the work that the process does.</param>
    /// <exception cref="OptionsValidationException">The options of one class are invalid.</exception>
    /// <exception cref="AggregateException">The options of several classes are invalid.</exception>
    /// <exception cref="StartException">The host cannot be built for another reason.</exception>
    public static WebApplication BuildService(
        HostSettings settings, Action<IServiceCollection> configure, ServiceRole role = ServiceRole.Both) =>
        StartupFaults.Guard(() => BuildServiceCore(settings, configure, role));

    /// <summary>Creates a host that has the engine but no server, without starting it. The host's log goes to standard error.</summary>
    /// <param name="settings">The settings of the command line.</param>
    /// <param name="configure">Registers the engine and the encoder.</param>
    /// <exception cref="StartException">The host cannot be built.</exception>
    public static IHost BuildEngine(HostSettings settings, Action<IServiceCollection> configure) =>
        StartupFaults.Guard(() => BuildEngineCore(settings, configure));

    private static WebApplication BuildServiceCore(HostSettings settings, Action<IServiceCollection> configure, ServiceRole role)
    {
        var variables = Environment.GetEnvironmentVariables();
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions
        {
            Args = [.. settings.HostArguments],
            ContentRootPath = settings.HasContentRoot ? null : AppContext.BaseDirectory,
            WebRootPath = StudioPage.Folder,
        });
        builder.Configuration.AddYueSettings(
            builder.Environment.ContentRootPath, Environment.CurrentDirectory, variables, settings.Values);
        ListenByDefault(builder, role == ServiceRole.Worker ? WorkerUrl : DefaultUrl);
        builder.WebHost.UseStudioFiles();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.DescribeRefusals();
        });

        builder.Services.AddYueOptions();
        builder.Services.AddYueLogging(builder.Configuration);
        builder.Services.AddYueTelemetry(builder.Configuration);
        builder.Services.AddYueErrors();
        builder.Services.AddAccess(SongHeaders.Names);
        builder.Services.AddJobs();
        builder.Services.AddPredict();
        builder.Services.AddEngineWatch();
        builder.Services.AddSongs();
        builder.Services.AddClips();
        builder.Services.AddWebhooks(sends: role != ServiceRole.Worker);
        builder.Services.AddSpeech();
        builder.Services.AddModels();
        builder.Services.AddOptionsEndpoint();
        builder.Services.AddApiDocument();
        builder.Services.ConfigureHttpJsonOptions(options => ConfigureJson(options.SerializerOptions));
        builder.Services.AddSharedJobs(role);
        if (role != ServiceRole.Worker)
        {
            builder.Services.AddAgents();
        }

        configure(builder.Services);
        builder.Services.AddEngineView(role);

        var app = builder.Build();
        app.Services.WarnOfUnknownVariables(variables);
        app.Services.ValidateYueOptions();
        app.Services.ValidateRole();
        app.Services.WarnOfOpenAddresses();
        app.UseYueRequestLog();
        app.UseYueErrors();
        if (role == ServiceRole.Worker)
        {
            app.UseRouting();
            app.UseAccess();
            app.MapHealth();
        }
        else
        {
            MapEndpoints(app);
        }

        app.MapPrometheusScrapingEndpoint("/metrics");

        // Missing programs are reported only after startup has succeeded, so that they do not distract from the reason for a failure.
        app.Lifetime.ApplicationStarted.Register(app.Services.WarnOfMissingPrograms);
        return app;
    }

    /// <summary>Maps the endpoints.</summary>
    private static void MapEndpoints(WebApplication app)
    {
        app.UseStudioPage();
        app.UseRouting();
        app.UseAccess();
        app.UseParameterCheck();
        app.MapHealth();
        app.MapSession();
        app.MapPredict();
        app.MapSongs();
        app.MapClips();
        app.MapSpeech();
        app.MapModels();
        app.MapOptions();
        app.MapAgents();
        app.MapApiDocument();
        app.MapApiPage();
        app.MapStudio();
    }

    private static IHost BuildEngineCore(HostSettings settings, Action<IServiceCollection> configure)
    {
        var variables = Environment.GetEnvironmentVariables();
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings
        {
            Args = [.. settings.HostArguments],
            ContentRootPath = settings.HasContentRoot ? null : AppContext.BaseDirectory,
        });
        builder.Configuration.AddYueSettings(
            builder.Environment.ContentRootPath, Environment.CurrentDirectory, variables, settings.Values);
        builder.Services.AddYueOptions();
        builder.Services.AddYueLogging(builder.Configuration, toStandardError: true);
        builder.Services.AddSingleton<IHostLifetime, CallerLifetime>();
        builder.Services.AddJobWorker();
        configure(builder.Services);
        var host = builder.Build();
        host.Services.WarnOfUnknownVariables(variables);
        return host;
    }

    private static void ListenByDefault(WebApplicationBuilder builder, string url)
    {
        var configuration = builder.Configuration;
        if (string.IsNullOrEmpty(configuration[WebHostDefaults.ServerUrlsKey]) && !configuration.GetSection("Kestrel:Endpoints").Exists())
        {
            builder.WebHost.UseUrls(url);
        }
    }

    private static void ConfigureJson(JsonSerializerOptions json)
    {
        json.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
        json.Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;
        json.NumberHandling = JsonNumberHandling.Strict;
        json.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false));
    }
}
