using System.Net;
using System.Net.Sockets;
using Xunit;
using Yue.Engine.Scheduling;
using Yue.Testing;
using YueService.CommandLine;
using YueService.Tests.Fakes;

namespace YueService.Tests.Hosting;

/// <summary>Tests the process after a failure of the engine.</summary>
public sealed class EngineLossTests
{
    private readonly Command _command = new();

    [Fact]
    public async Task A_process_that_loses_its_engine_exits_with_a_distinct_code()
    {
        var (service, client) = Serve(TestContext.Current.CancellationToken);
        using var http = client;
        await Eventually.TrueAsync(async () => await StatusOfAsync(client) == HttpStatusCode.OK);
        _command.Engine.Lose("CUDA error 719");
        Assert.Contains(await StatusOfAsync(client), new HttpStatusCode?[] { HttpStatusCode.ServiceUnavailable, null });
        Assert.Equal(ExitCode.EngineLost, await service.InTime());
        Assert.Null(await StatusOfAsync(client));
        Assert.Contains("drained", _command.Engine.LifecycleCalls);
    }

    [Fact]
    public async Task The_process_keeps_running_and_reports_why_its_engine_cannot_load()
    {
        using var stop = new CancellationTokenSource();
        _command.Engine.Status = new EngineStatus { State = EngineState.Failed, Failure = "config.json is missing" };
        var (service, client) = Serve(stop.Token);
        using var http = client;
        await Eventually.TrueAsync(async () => await StatusOfAsync(client) == HttpStatusCode.ServiceUnavailable);
        using var health = await client.GetAsync("/health", TestContext.Current.CancellationToken);
        Assert.Contains(
            "config.json is missing", await health.Content.ReadAsStringAsync(TestContext.Current.CancellationToken),
            StringComparison.Ordinal);

        // A service that exits because of its engine has a different exit code.
        await stop.CancelAsync();
        Assert.Equal(ExitCode.Success, await service);
    }

    private (Task<int> Service, HttpClient Client) Serve(CancellationToken cancel)
    {
        var url = $"http://127.0.0.1:{FreePort()}";
        var service = _command.RunUntilAsync(cancel, "serve", "--urls", url, "--Serilog:MinimumLevel:Default=Fatal");
        return (service, new HttpClient { BaseAddress = new Uri(url) });
    }

    private static async Task<HttpStatusCode?> StatusOfAsync(HttpClient client)
    {
        try
        {
            using var response = await client.GetAsync("/health/ready", TestContext.Current.CancellationToken);
            return response.StatusCode;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
