using System.Net;
using Microsoft.Playwright;
using Xunit;

namespace YueService.Browser.Tests;

/// <summary>Tests that pages from other sites can only link to the service, and that the service's pages load nothing from other
/// sites.</summary>
public sealed class ForeignPageTests(Studio studio)
{
    [Fact]
    public async Task A_page_from_another_origin_can_neither_list_nor_make_songs()
    {
        var service = await studio.ServiceAsync();
        var other = await studio.ScoresAsync();
        await using var tab = await studio.OpenAsync(other);
        tab.Expected = "";
        var songs = await SongIdsAsync(service);
        var refused = await tab.Page.EvaluateAsync<string[]>(
            """
            async address => {
              const body = JSON.stringify({ lyrics: '[verse]\nLa' });
              const read = await fetch(address + 'v1/songs').then(() => 'read', () => 'refused');
              const sing = await fetch(address + 'v1/songs', { method: 'POST', mode: 'no-cors', body }).then(a => a.type, () => 'refused');
              return [read, sing];
            }
            """,
            service.Address.ToString());
        Assert.Equal(["refused", "refused"], refused);
        Assert.Equal(songs, await SongIdsAsync(service));
    }

    [Fact]
    public async Task A_page_whose_host_name_resolves_to_this_machine_reads_nothing()
    {
        var service = await studio.ServiceAsync();
        await using var tab = await studio.OpenAsync(service, path: null);
        tab.Expected = "Failed to load resource";
        foreach (var path in new[] { "", "docs/", "js/app.js", "v1/songs" })
        {
            var response = await tab.Page.GotoAsync($"http://rebound.example:{service.Address.Port}/{path}");
            Assert.Equal((int)HttpStatusCode.MisdirectedRequest, response!.Status);
            Assert.Contains("urn:yue:unknown-host", await response.TextAsync(), StringComparison.Ordinal);
        }

        var status = await tab.Page.EvaluateAsync<int>("() => fetch('/v1/songs').then(response => response.status)");
        Assert.Equal((int)HttpStatusCode.MisdirectedRequest, status);
    }

    [Fact]
    public async Task A_link_on_another_site_opens_the_studio()
    {
        var service = await studio.ServiceAsync();
        await using var tab = await studio.OpenAsync(service, path: null);
        await tab.Page.RouteAsync("http://elsewhere.example/", route => route.FulfillAsync(new()
        {
            ContentType = "text/html",
            Body = $"<!doctype html><link rel=icon href=data:,><a href='{service.Address}'>The studio</a>",
        }));
        await tab.Page.GotoAsync("http://elsewhere.example/");

        // The headers of intercepted requests are incomplete.
        await tab.Page.UnrouteAllAsync();
        var request = await tab.Page.RunAndWaitForRequestAsync(
            () => tab.Page.GetByRole(AriaRole.Link).ClickAsync(), request => request.Url == service.Address.ToString());
        var headers = await request.AllHeadersAsync();
        Assert.Equal(("cross-site", "navigate"), (headers["sec-fetch-site"], headers["sec-fetch-mode"]));
        await Assertions.Expect(tab.Page.Locator(".pill.device")).ToBeVisibleAsync();
        await Assertions.Expect(tab.Sing).ToBeVisibleAsync();
    }

    [Fact]
    public async Task The_API_page_sends_requests_and_loads_nothing_from_other_hosts()
    {
        var service = await studio.ServiceAsync();
        await using var tab = await studio.OpenAsync(service, "/docs");
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Test Request" }).First.ClickAsync();
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Send get request" }).ClickAsync();
        await Assertions.Expect(tab.Page.GetByText("200 OK").First).ToBeVisibleAsync();
        Assert.All(tab.Requests, request => Assert.StartsWith(service.Address.ToString(), request.Url, StringComparison.Ordinal));
    }

    /// <summary>Returns the ids of the latest songs. Songs of other tests may still be running, so other fields may change.</summary>
    private static async Task<List<string?>> SongIdsAsync(ServiceProcess service)
    {
        var songs = (await service.JsonAsync("/v1/songs")).GetProperty("songs").EnumerateArray();
        return [.. songs.Select(song => song.GetProperty("id").GetString())];
    }
}
