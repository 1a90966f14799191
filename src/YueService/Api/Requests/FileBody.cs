namespace YueService.Api.Requests;

/// <summary>The body of a request that is a file.</summary>
/// <param name="Content">The file; owned.</param>
/// <param name="Share">Its share of the byte budget; owned.</param>
internal sealed record FileBody(SpooledFile Content, BodyBudget.Share Share) : IDisposable
{
    public void Dispose()
    {
        Content.Dispose();
        Share.Dispose();
    }
}
