using Xunit;
using YueService.CommandLine;
using YueService.Tests.EndToEnd;
using YueService.Tests.Fakes;

namespace YueService.Tests.Machines;

/// <summary>Tests that the settings for several machines are checked and that passwords are never shown.</summary>
public sealed class SharedSettingsTests(SharedPostgres postgres, SharedS3 storage)
{
    [Theory]
    [InlineData("--Yue:Store=Host=db;Password=secret", "Yue:Files is not set")]
    [InlineData("--Yue:Store=Password=secret", "names no Host")]
    [InlineData("--Yue:Store=secret", "cannot be read")]
    [InlineData("--Yue:Files=/songs", "Yue:Store is not")]
    [InlineData("--Yue:LeaseSeconds=0", "Yue:LeaseSeconds is 0")]
    public async Task Invalid_settings_are_named_without_showing_passwords(string option, string message)
    {
        var command = new Command();
        Assert.Equal(ExitCode.Usage, await command.RunAsync("serve", option));
        Assert.Contains(message, command.Error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("secret", command.Error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("worker")]
    [InlineData("serve --role api")]
    public async Task A_process_with_only_one_role_needs_a_database(string line)
    {
        var command = new Command();
        Assert.Equal(ExitCode.Usage, await command.RunAsync(line.Split(' ')));
        Assert.Contains("Yue:Store is not set", command.Error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_doctor_checks_the_database_and_the_files()
    {
        var (store, files) = (await (await postgres.Server).NewDatabaseAsync(), (await storage.Server).NewLocation());
        var (_, printed, error) = await DemoProcess.RunWithAsync(
            [("YUE_STORE", store), ("YUE_FILES", files)], "doctor", "--urls", "http://127.0.0.1:0");
        var text = System.Text.Encoding.UTF8.GetString(printed);
        Assert.True(text.Contains("PostgreSQL", StringComparison.Ordinal), text + error);
        Assert.Contains("no schema yet", text, StringComparison.Ordinal);
        Assert.Contains("a file was written, read and deleted", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_doctor_names_unreachable_servers()
    {
        var (exitCode, printed, _) = await DemoProcess.RunWithAsync(
            [
                ("YUE_STORE", "Host=127.0.0.1;Port=1;Password=secret"), ("YUE_FILES", "s3://bucket?endpoint=http://127.0.0.1:1"),
                ("AWS_ACCESS_KEY_ID", "secret"), ("AWS_SECRET_ACCESS_KEY", "secret"),
            ],
            "doctor", "--urls", "http://127.0.0.1:0");
        var text = System.Text.Encoding.UTF8.GetString(printed);
        Assert.Equal(ExitCode.Failure, exitCode);
        Assert.Contains("The job database cannot be reached", text, StringComparison.Ordinal);
        Assert.Contains("object storage of Yue:Files cannot be reached", text, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", text, StringComparison.Ordinal);
    }
}
