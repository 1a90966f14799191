using System.Diagnostics;
using Microsoft.Playwright;
using Xunit;

namespace YueService.Browser.Tests;

/// <summary>Tests the page of a published program.</summary>
public sealed class DeliveryTests(Studio studio)
{
    [Fact]
    public async Task A_published_program_serves_the_page_and_sings()
    {
        var build = await studio.ServiceAsync();
        var folder = Directory.CreateTempSubdirectory("yue-published-");
        try
        {
            await PublishAsync(folder.FullName);
            await using var service = await ServiceProcess.StartPublishedAsync(folder.FullName);
            await using var tab = await studio.OpenAsync(service);
            await Assertions.Expect(tab.Page.Locator(".pill.device")).ToBeVisibleAsync();
            var vendored = tab.Requests.Where(request => request.Url.Contains("/vendor/", StringComparison.Ordinal)).ToList();
            Assert.NotEmpty(vendored);
            foreach (var request in vendored)
            {
                // Publishing replaces the files of the build with better-compressed ones that have the same content.
                var response = await request.ResponseAsync();
                Assert.Equal("br", response!.Headers["content-encoding"]);
                var built = new Uri(build.Address, new Uri(request.Url).AbsolutePath);
                Assert.Equal(
                    await build.Client.GetStringAsync(built, TestContext.Current.CancellationToken), await response.TextAsync());
            }

            await tab.WriteShortSongAsync();
            await tab.Sing.ClickAsync();
            await tab.HearAsync();
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>Publishes the program that was built with these tests.</summary>
    private static async Task PublishAsync(string folder)
    {
        var project = Path.Combine(Repository.Root, "src", "YueService");
        string[] arguments =
        [
            "publish", project, "--configuration", Repository.Configuration, "--no-build", "--output", folder,
            "-p:CreateHardLinksForPublishFilesIfPossible=true",
        ];
        using var publish = Process.Start(new ProcessStartInfo("dotnet", arguments) { RedirectStandardOutput = true })!;
        var printed = await publish.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await publish.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(publish.ExitCode == 0, printed);
    }
}
