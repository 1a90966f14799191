using Microsoft.Playwright;
using Xunit;

namespace YueService.Browser.Tests;

/// <summary>The browser and the services that several tests share.</summary>
public sealed class Studio : IAsyncLifetime
{
    // The headless shell is preferred: it opens a window in less than half the time, because it has no user interface.
    private static readonly string[] Programs =
        ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

    // The browser must load only the page and make no other requests, such as for updates. Host names in .example resolve to this machine.
    private static readonly string[] Flags =
    [
        "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
        "--disable-sync", "--host-resolver-rules=MAP *.example 127.0.0.1",
    ];

    private IPlaywright? _playwright;
    private IBrowser? _browser;
    private ServiceProcess? _service;
    private ServiceProcess? _scores;
    private ServiceProcess? _locked;
    private string _songId = "";

    /// <summary>Returns the service that several tests share. Its library contains songs of other tests.</summary>
    internal async Task<ServiceProcess> ServiceAsync()
    {
        Require();
        return _service ??= await ServiceProcess.StartAsync();
    }

    /// <summary>Returns the service with a simulated model that writes scores.</summary>
    /// <remarks>Lyrics such as <c>seconds=600</c> set the time that the model takes for a song.</remarks>
    internal async Task<ServiceProcess> ScoresAsync()
    {
        Require();
        return _scores ??= await ServiceProcess.StartSimulatedAsync(
            ("FAKE_MODELS", "yue2"), ("FAKE_SLOTS", "4"), ("FAKE_SCORE", Scores.Written));
    }

    /// <summary>Returns the service that requires the key <c>sesame</c>.</summary>
    internal async Task<ServiceProcess> LockedAsync()
    {
        Require();
        return _locked ??= await ServiceProcess.StartAsync("--Yue:ApiKey=sesame");
    }

    /// <summary>Returns the id of a finished song of two short sections, which no test changes.</summary>
    internal async Task<string> SongAsync()
    {
        var service = await ServiceAsync();
        if (_songId.Length == 0)
        {
            _songId = (await service.SingAsync(ShortSong.Request)).GetProperty("id").GetString()!;
        }

        return _songId;
    }

    /// <summary>Opens the page of a service.</summary>
    /// <param name="service">The service.</param>
    /// <param name="path">The path of the page, which may end with the song to show (<c>#song=ID</c>); null to open no page.</param>
    /// <param name="options">The options of the window.</param>
    internal async Task<StudioTab> OpenAsync(ServiceProcess service, string? path = "/", BrowserNewContextOptions? options = null)
    {
        Require();
        options ??= new();
        options.ViewportSize ??= new ViewportSize { Width = 1280, Height = 800 };
        options.BaseURL = service.Address.ToString();
        var context = await _browser!.NewContextAsync(options);
        return await StudioTab.OpenAsync(context, path);
    }

    public async ValueTask InitializeAsync()
    {
        if (Array.Find(Programs, File.Exists) is not { } program)
        {
            return;
        }

        Environment.SetEnvironmentVariable("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new()
        {
            ExecutablePath = program,
            Args = Environment.UserName == "root" ? [.. Flags, "--no-sandbox"] : Flags,
        });
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null)
        {
            await _browser.CloseAsync();
        }

        _playwright?.Dispose();
        foreach (var service in new[] { _service, _scores, _locked })
        {
            if (service is not null)
            {
                await service.DisposeAsync();
            }
        }
    }

    /// <summary>Skips the test if no browser is installed, or fails it in CI.</summary>
    private void Require()
    {
        if (_browser is null)
        {
            const string Reason = "no Chromium is installed: apt-get install chromium-headless-shell";
            Assert.False(Environment.GetEnvironmentVariable("CI") == "true", Reason);
            Assert.Skip(Reason);
        }
    }
}

/// <summary>A song of three seconds.</summary>
internal static class ShortSong
{
    public const string Lyrics = "[verse]\nLa la la\n\n[chorus]\nOh oh oh";

    public static readonly object Request = new
    {
        lyrics = Lyrics,
        genre = "bright pop piano female 100 bpm",
        title = "Three seconds",
        seed = 7,
        run_n_segments = 0,
        target_seconds = 1.5,
        output = new { stems = true },
    };
}
