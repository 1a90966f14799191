using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Extensions.Options;
using YueService.Api.Access;
using YueService.Api.Clips;
using YueService.Api.Errors;
using YueService.Api.Health;
using YueService.Api.OpenApi;
using YueService.Api.Options;
using YueService.Api.Predict;
using YueService.Api.Songs;
using YueService.Api.Speech;
using YueService.Api.Studio;
using YueService.Api.Webhooks;
using YueService.Jobs;
using YueService.Jobs.Audio;
using YueService.Settings;
using YueService.Telemetry;

namespace YueService.Hosting;

/// <summary>Puts the program together: the web service of <c>yue serve</c>, and the engine alone for <c>yue generate</c>.</summary>
internal static class YueHost
{
    /// <summary>The default address of the service.</summary>
    public const string DefaultUrl = "http://127.0.0.1:2008";

    /// <summary>The web service, its settings checked, not started.</summary>
    /// <param name="settings">What the command line sets.</param>
    /// <param name="configure">Registers the engine and the encoder.</param>
    /// <exception cref="OptionsValidationException">The options of one class are invalid.</exception>
    /// <exception cref="AggregateException">Those of several are.</exception>
    /// <exception cref="StartException">The host cannot be built for another reason.</exception>
    public static WebApplication BuildService(HostSettings settings, Action<IServiceCollection> configure) =>
        StartupFaults.InOneLine(() => BuildServiceOnce(settings, configure));

    /// <summary>The engine without a server, not started; its log goes to standard error.</summary>
    /// <param name="settings">What the command line sets.</param>
    /// <param name="configure">Registers the engine and the encoder.</param>
    /// <exception cref="StartException">The host cannot be built.</exception>
    public static IHost BuildEngine(HostSettings settings, Action<IServiceCollection> configure) =>
        StartupFaults.InOneLine(() => BuildEngineOnce(settings, configure));

    private static WebApplication BuildServiceOnce(HostSettings settings, Action<IServiceCollection> configure)
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
        ListenByDefault(builder);
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
        builder.Services.AddWebhooks();
        builder.Services.AddSpeech();
        builder.Services.AddOptionsEndpoint();
        builder.Services.AddApiDocument();
        builder.Services.ConfigureHttpJsonOptions(options => ConfigureJson(options.SerializerOptions));
        configure(builder.Services);

        var app = builder.Build();
        app.Services.WarnOfUnknownVariables(variables);
        app.Services.ValidateYueOptions();
        app.Services.WarnOfOpenAddresses();
        app.UseYueRequestLog();
        app.UseYueErrors();
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
        app.MapOptions();
        app.MapApiDocument();
        app.MapStudio();
        app.MapPrometheusScrapingEndpoint("/metrics");

        // A start that fails says why, and nothing else.
        app.Lifetime.ApplicationStarted.Register(app.Services.WarnOfMissingPrograms);
        return app;
    }

    private static IHost BuildEngineOnce(HostSettings settings, Action<IServiceCollection> configure)
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

    private static void ListenByDefault(WebApplicationBuilder builder)
    {
        var configuration = builder.Configuration;
        if (string.IsNullOrEmpty(configuration[WebHostDefaults.ServerUrlsKey]) && !configuration.GetSection("Kestrel:Endpoints").Exists())
        {
            builder.WebHost.UseUrls(DefaultUrl);
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
