using System.Net;
using System.Text;
using Xunit;
using YueService.Tests.Fakes;

namespace YueService.Tests.Http;

/// <summary>Tests that query parameters are validated as strictly as fields.</summary>
public sealed class QueryTests : IDisposable
{
    private readonly YueApp _app = new();
    private readonly HttpClient _client;

    public QueryTests() => _client = _app.CreateClient();

    public void Dispose()
    {
        _client.Dispose();
        _app.Dispose();
    }

    [Fact]
    public async Task An_unknown_parameter_causes_a_422_for_every_operation_under_v1()
    {
        var id = (await _client.SubmitAsync("la")).Split('/')[^1];
        await _client.WhenAsync($"/v1/songs/{id}", "succeeded");
        var tried = 0;
        foreach (var path in (await _client.GetJsonAsync("/openapi/v1.json")).GetProperty("paths").EnumerateObject())
        {
            foreach (var operation in path.Value.EnumerateObject().Where(_ => path.Name.StartsWith("/v1/", StringComparison.Ordinal)))
            {
                var url = $"{path.Name.Replace("{id}", id, StringComparison.Ordinal)}?formt=wav";
                using var response = await SendAsync(new HttpMethod(operation.Name.ToUpperInvariant()), url);
                Assert.True(response.StatusCode == HttpStatusCode.UnprocessableEntity, $"{operation.Name} {url}: {response.StatusCode}");
                if (operation.Name != "head")
                {
                    Assert.Equal(["formt"], (await response.FieldErrorsAsync()).Keys);
                }

                tried++;
            }
        }

        Assert.Equal(26, tried);
    }

    [Fact]
    public async Task The_message_names_the_known_parameters()
    {
        using var list = await _client.GetAsync("/v1/songs?lmit=1", TestContext.Current.CancellationToken);
        Assert.Equal(
            "lmit is not a known query parameter; the known ones are limit, cursor, state, favourite, q, parent. "
                + "Correct it or leave it out.",
            (await list.FieldErrorsAsync())["lmit"]);
        using var models = await _client.GetAsync("/v1/models?page=1", TestContext.Current.CancellationToken);
        Assert.Equal("page is not known: this endpoint has no query parameters. Leave it out.", (await models.FieldErrorsAsync())["page"]);
    }

    [Fact]
    public async Task All_invalid_parameters_are_reported_together()
    {
        using var response = await _client.GetAsync(
            "/v1/songs?limit=0&state=done&favourite=yes&page=2&q=a&q=b", TestContext.Current.CancellationToken);
        var faults = await response.FieldErrorsAsync();
        Assert.Equal(["favourite", "limit", "page", "q", "state"], faults.Keys.Order());
        Assert.Equal("q was sent 2 times; send it once.", faults["q"]);
        Assert.Equal("state is done; send queued, running, succeeded, failed or cancelled.", faults["state"]);
    }

    [Theory]
    [InlineData("/v1/songs?limit=&state=&q=&favourite=&parent=&cursor=")]
    [InlineData("/v1/songs?LIMIT=1")]
    [InlineData("/health?verbose=1")]
    [InlineData("/health/ready?x=1")]
    [InlineData("/openapi/v1.json?x=1")]
    public async Task Empty_parameters_and_parameters_outside_v1_are_ignored(string url)
    {
        using var response = await _client.GetAsync(url, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task Predict_ignores_parameters_as_the_old_service_did()
    {
        using var response = await SendAsync(HttpMethod.Post, "/predict?source=old");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string url)
    {
        using var request = new HttpRequestMessage(method, url);
        if (method == HttpMethod.Post || method == HttpMethod.Patch)
        {
            request.Content = new StringContent("""{"lyrics":"la"}""", Encoding.UTF8, "application/json");
        }

        return await _client.SendAsync(request, TestContext.Current.CancellationToken);
    }
}
