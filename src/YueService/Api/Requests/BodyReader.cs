using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using YueService.Api.Errors;
using YueService.Settings;

namespace YueService.Api.Requests;

/// <summary>Reads the bodies of requests within the limit for one body and the budget for all bodies.</summary>
internal sealed class BodyReader(BodyBudget budget, IOptions<ServiceOptions> options)
{
    private const int FileChunkBytes = 64 * 1024;

    private static readonly Dictionary<string, SpooledFile> NoFiles = [];

    /// <summary>Reads JSON.</summary>
    /// <returns>The body, which the caller disposes, or the problem to return.</returns>
    public Task<(SongBody? Body, ProblemHttpResult? Problem)> ReadJsonAsync(HttpContext http) => ReadAsync(http, admitClip: null);

    /// <summary>Reads JSON that may contain a clip, or multipart/form-data with files.</summary>
    /// <param name="http">The request.</param>
    /// <param name="admitClip">Called once before a clip is read. If it returns a problem, that is the response, and the clip is not
    /// read.</param>
    /// <returns>The body, which the caller disposes, or the problem to return.</returns>
    public Task<(SongBody? Body, ProblemHttpResult? Problem)> ReadSongAsync(HttpContext http, Func<ProblemHttpResult?> admitClip) =>
        ReadAsync(http, admitClip);

    /// <summary>Reads a body that is a file.</summary>
    /// <returns>The file, which the caller disposes, or the problem to return.</returns>
    public async Task<(FileBody? File, ProblemHttpResult? Problem)> ReadFileAsync(HttpContext http, long maxBytes)
    {
        LiftServerLimit(http, maxBytes);
        var file = new FileBody(new SpooledFile(), budget.Open());
        var problem = await ReadFileAsync(http, maxBytes, file);
        if (problem is null)
        {
            return (file, null);
        }

        file.Dispose();
        return (null, problem);
    }

    private static async Task<ProblemHttpResult?> ReadFileAsync(HttpContext http, long maxBytes, FileBody file)
    {
        var announced = http.Request.ContentLength ?? 0;
        if (announced > maxBytes)
        {
            return TooLong(http, maxBytes);
        }

        if (!file.Share.TryReserve(announced))
        {
            return OverBudget(http, file.Share, announced);
        }

        var buffer = new byte[FileChunkBytes];
        while (await http.Request.Body.ReadAsync(buffer, http.RequestAborted) is > 0 and var read)
        {
            if (file.Content.Length + read > maxBytes)
            {
                return TooLong(http, maxBytes);
            }

            if (!file.Share.TryTake(read))
            {
                return OverBudget(http, file.Share, read);
            }

            await file.Content.WriteAsync(buffer.AsMemory(0, read), http.RequestAborted);
        }

        return null;
    }

    private static ProblemHttpResult TooLong(HttpContext http, long maxBytes) =>
        Problems.Create(http, ProblemType.BodyTooLarge, $"The file is longer than {maxBytes} bytes. Shorten it.");

    private async Task<(SongBody? Body, ProblemHttpResult? Problem)> ReadAsync(HttpContext http, Func<ProblemHttpResult?>? admitClip)
    {
        var maxBytes = options.Value.MaxBodyBytes;
        var isMultipart = admitClip is not null && MultipartBody.IsMultipart(http.Request);
        var limit = maxBytes + (admitClip is null ? 0 : isMultipart ? MultipartBody.MaxOtherBytes : ClipInJson.MaxBytes);
        LiftServerLimit(http, limit);
        var share = budget.Open();
        var announced = Math.Min(http.Request.ContentLength ?? 0, limit);
        if (!share.TryReserve(announced))
        {
            return (null, OverBudget(http, share, announced));
        }

        SongBody? body = null;
        try
        {
            ProblemHttpResult? problem;
            if (isMultipart)
            {
                (body, problem) = await new MultipartBody(http, maxBytes, share, admitClip!).ReadAsync();
            }
            else
            {
                (var document, problem) = await JsonBody.ReadAsync(
                    http, maxBytes, share, admitClip is null ? null : new ClipInJson(admitClip));
                body = document is null ? null : new SongBody(document, NoFiles, share);
            }

            return (body, problem);
        }
        finally
        {
            if (body is null)
            {
                share.Dispose();
            }
        }
    }

    /// <summary>Returns the problem for a body that does not fit into the budget now, or can never fit.</summary>
    public static ProblemHttpResult OverBudget(HttpContext http, BodyBudget.Share share, long more) => share.Bytes + more > share.MaxBytes
        ? Problems.Create(
            http,
            ProblemType.BodyTooLarge,
            $"The body is longer than the limit of {share.MaxBytes >> 20} MiB for all bodies together. "
                + "Shorten it, or raise the setting Yue:BodyBudgetMegabytes.")
        : Problems.TooManyBodies(http, share.MaxBytes);

    /// <summary>
    /// Makes the server accept more than the limit. The limit is enforced here so that the client gets a complete error response; the
    /// server would close the connection while the client is still sending.
    /// </summary>
    private static void LiftServerLimit(HttpContext http, long maxBytes)
    {
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false, MaxRequestBodySize: { } limit } feature)
        {
            feature.MaxRequestBodySize = Math.Max(limit, maxBytes * 2);
        }
    }
}
