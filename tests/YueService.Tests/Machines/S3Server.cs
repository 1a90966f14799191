using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using Xunit;
using Yue.Testing;

namespace YueService.Tests.Machines;

/// <summary>A separate object storage server on a free port of this machine: the npm package s3rver.</summary>
public sealed class S3Server : IAsyncDisposable
{
    private const string Missing = "s3rver is not installed: install nodejs and run npm install --prefix artifacts/s3rver s3rver@3.7.1";
    private const string Bucket = "yue-test";

    private readonly TemporaryFolder _folder = new();
    private readonly int _port = RealServer.FreePort();
    private Process? _process;
    private int _prefixes;

    private static string Program { get; } = Path.Combine(
        EndToEnd.DemoProcess.Repository, "artifacts", "s3rver", "node_modules", "s3rver", "bin", "s3rver.js");

    /// <summary>Starts a server. If s3rver is not installed, skips the test or, in CI, fails it.</summary>
    public static async Task<S3Server> StartNewAsync()
    {
        RealServer.Require(File.Exists(Program), Missing);

        // The credentials that s3rver accepts.
        Environment.SetEnvironmentVariable("AWS_ACCESS_KEY_ID", "S3RVER");
        Environment.SetEnvironmentVariable("AWS_SECRET_ACCESS_KEY", "S3RVER");
        var server = new S3Server();
        await server.StartAsync();
        return server;
    }

    /// <summary>Starts the server, or restarts it after a kill.</summary>
    public async Task StartAsync()
    {
        var start = new ProcessStartInfo("node")
        {
            ArgumentList =
            {
                Program, "--directory", _folder.Path, "--address", "127.0.0.1", "--port", _port.ToString(CultureInfo.InvariantCulture),
                "--configure-bucket", Bucket, "--silent",
            },
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        _process = Process.Start(start)!;
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        await Eventually.TrueAsync(async () =>
        {
            Assert.False(_process.HasExited, "s3rver ended");
            using var client = new TcpClient();
            try
            {
                await client.ConnectAsync("127.0.0.1", _port);
                return true;
            }
            catch (SocketException)
            {
                return false;
            }
        });
    }

    public void Kill()
    {
        _process?.Kill();
        _process?.WaitForExit();
        _process?.Dispose();
        _process = null;
    }

    /// <summary>Returns a new location in the syntax of <c>Yue:Files</c>.</summary>
    public string NewLocation() => string.Create(
        CultureInfo.InvariantCulture, $"s3://{Bucket}/test{Interlocked.Increment(ref _prefixes)}?endpoint=http://127.0.0.1:{_port}");

    public ValueTask DisposeAsync()
    {
        Kill();
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }
}

/// <summary>The server that the test classes share.</summary>
public sealed class SharedS3 : IAsyncDisposable
{
    private readonly Lazy<Task<S3Server>> _server = new(S3Server.StartNewAsync);

    public Task<S3Server> Server => _server.Value;

    public async ValueTask DisposeAsync()
    {
        if (_server is { IsValueCreated: true, Value.IsCompletedSuccessfully: true })
        {
            await (await _server.Value).DisposeAsync();
        }
    }
}
