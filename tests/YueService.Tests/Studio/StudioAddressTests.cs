using Xunit;
using Yue.Testing;
using YueService.Hosting;
using YueService.Tests.Machines;

namespace YueService.Tests.Studio;

/// <summary>Tests that <c>yue serve</c> prints the address of the studio, and opens it on request.</summary>
public sealed class StudioAddressTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Serve_prints_the_address_and_opens_it_in_the_browser_only_on_request()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "the test replaces xdg-open, the opener on Linux");
        await File.WriteAllTextAsync(
            _folder["xdg-open"], $"#!/bin/sh\necho \"$@\" >> '{_folder["opened"]}'\n", TestContext.Current.CancellationToken);
#pragma warning disable CA1416 // Skipped on Windows.
        File.SetUnixFileMode(_folder["xdg-open"], UnixFileMode.UserRead | UnixFileMode.UserExecute);
#pragma warning restore CA1416
        using var quiet = await Start().ReadyAsync();
        await Eventually.TrueAsync(() => quiet.Printed.Contains(Announcement(quiet), StringComparison.Ordinal));
        await quiet.TerminateAsync();
        Assert.False(File.Exists(_folder["opened"]));

        using var opening = await Start("--open").ReadyAsync();
        await Eventually.TrueAsync(() => File.Exists(_folder["opened"]) && File.ReadAllText(_folder["opened"]).EndsWith('\n'));
        Assert.Contains(Announcement(opening), opening.Printed, StringComparison.Ordinal);
        Assert.Equal($"{opening.Client.BaseAddress}\n", File.ReadAllText(_folder["opened"]));
    }

    [Fact]
    public async Task Without_a_browser_the_service_says_which_address_to_open()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "other systems always have an opener");
        using var service = await Start("--open").ReadyAsync();
        var message = $"Open {service.Client.BaseAddress} yourself";
        await Eventually.TrueAsync(() => service.Printed.Contains(message, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("http://127.0.0.1:2008", "http://127.0.0.1:2008/")]
    [InlineData("http://0.0.0.0:2008", "http://localhost:2008/")]
    [InlineData("http://[::]:2008", "http://localhost:2008/")]
    [InlineData("http://*:2008", "http://localhost:2008/")]
    [InlineData("https://+:2009", "https://localhost:2009/")]
    [InlineData("http://unix:/run/yue.sock", null)]
    public void The_studio_is_announced_at_an_address_that_a_browser_can_open(string url, string? address) =>
        Assert.Equal(address, StudioAddress.Of(url));

    private static string Announcement(YueProcess service) =>
        $"The studio, a web page for making songs, is at {service.Client.BaseAddress}";

    /// <summary>Starts the service with only the test's folder in its PATH.</summary>
    private YueProcess Start(params string[] options) =>
        YueProcess.Start(["serve", $"--Yue:StateFolder={_folder["state"]}", .. options], [("PATH", _folder.Path)]);
}
