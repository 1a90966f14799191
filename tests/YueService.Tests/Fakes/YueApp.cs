using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Serilog.Core;
using Yue.Engine.Audio;
using Yue.Engine.Scheduling;
using Yue.Testing;
using YueService.Jobs;
using YueService.Jobs.Audio;

namespace YueService.Tests.Fakes;

/// <summary>The complete service with an engine and an encoder that the test controls.</summary>
internal sealed class YueApp : WebApplicationFactory<Program>
{
    private readonly (string Key, string Value)[] _settings;
    private readonly TemporaryFolder _state = new();
    private readonly TemporaryFolder _temp = new();

    public YueApp(params (string Key, string Value)[] settings) => _settings = settings;

    private bool IsOnSocket { get; init; }

    private string Scheme { get; init; } = Uri.UriSchemeHttp;

    public FakeSongEngine Engine { get; } = new();

    public FakeSongEncoder Encoder { get; } = new();

    /// <summary>The clock of the jobs.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>The folder that contains ffmpeg and ffprobe; null to search PATH.</summary>
    public string? ProgramFolder { get; init; }

    /// <summary>Configures the server.</summary>
    public Action<KestrelServerOptions>? ConfigureServer { get; set; }

    /// <summary>The contents of the folder for temporary files.</summary>
    public IEnumerable<string> TempFiles => _temp.Files;

    public CollectedLog Log { get; } = new();

    /// <summary>The default state folder, which is deleted with the service.</summary>
    public string StateFolder => _state.Path;

    /// <summary>Returns the service on a real socket instead of in memory.</summary>
    public static YueApp OnSocket(params (string Key, string Value)[] settings)
    {
        var app = new YueApp(settings) { IsOnSocket = true };
        app.UseKestrel();
        return app;
    }

    /// <summary>Returns the service on a real socket with TLS and a self-signed certificate.</summary>
    public static YueApp OnHttps(params (string Key, string Value)[] settings)
    {
        var app = new YueApp(settings) { IsOnSocket = true, Scheme = Uri.UriSchemeHttps };
        app.ConfigureServer = kestrel => kestrel.ConfigureHttpsDefaults(https => https.ServerCertificate = SelfSignedCertificate());
        app.UseKestrel();
        return app;
    }

    /// <summary>Reserves all slots for waiting songs.</summary>
    /// <returns>The number of reserved slots. <see cref="JobOrder.Release"/> frees them.</returns>
    public int FillQueue()
    {
        var order = Services.GetRequiredService<JobOrder>();
        var slots = 0;
        while (order.Reserve() == IntakeOutcome.Accepted)
        {
            slots++;
        }

        return slots;
    }

    /// <summary>Returns a self-signed certificate for "localhost".</summary>
    private static X509Certificate2 SelfSignedCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = DateTimeOffset.UtcNow;
        return new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256).CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
    }

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing)
        {
            _state.Dispose();
            _temp.Dispose();
        }
    }

    protected override void ConfigureWebHost(IWebHostBuilder builder)
    {
        if (IsOnSocket)
        {
            // Port 0 selects a free port. UseKestrel(0) would set it too late, when the program may already be starting.
            builder.UseSetting(WebHostDefaults.ServerUrlsKey, $"{Scheme}://127.0.0.1:0");
        }

        builder.ConfigureAppConfiguration((_, configuration) => configuration
            .AddInMemoryCollection([KeyValuePair.Create<string, string?>("Yue:StateFolder", StateFolder)])
            .AddInMemoryCollection(_settings.Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value))));
        builder.ConfigureTestServices(services =>
        {
            services.AddSingleton<ISongEngine>(Engine);
            services.AddSingleton<ISongEncoder>(Encoder);
            services.AddSingleton(Clock);
            services.AddSingleton<ILogEventSink>(Log);
            services.AddSingleton(_ => new AudioDecoder(ProgramFolder, _temp.Path));

            // Some tests use deliberately slow clients, which must not be disconnected.
            services.Configure<KestrelServerOptions>(options =>
                (options.Limits.MinRequestBodyDataRate, options.Limits.MinResponseDataRate) = (null, null));
            if (ConfigureServer is { } configure)
            {
                services.Configure(configure);
            }
        });
    }
}
