using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http.HttpResults;
using Yue.Engine.Scheduling;
using Yue.Engine.Songs;
using YueService.Jobs;

namespace YueService.Api.Errors;

/// <summary>Turns every exception that an endpoint does not catch into a problem. Only the messages of <see cref="SongRequestException"/>
/// and <see cref="StorageException"/> are for callers; the log has the others.</summary>
/// <remarks>Requests of callers that disconnected do not get here: the exception middleware ends them with 499.</remarks>
internal sealed partial class ProblemExceptionHandler(ISongEngine engine, ILogger<ProblemExceptionHandler> logger) : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        await Map(httpContext, exception).ExecuteAsync(httpContext);
        return true;
    }

    private ProblemHttpResult Map(HttpContext http, Exception exception)
    {
        switch (exception)
        {
            case SongRequestException request:
                LogUnsingable(request.Message);
                return Problems.Create(http, ProblemType.Unsingable, request.Message);
            case SongException or OperationCanceledException when engine.Status.State == EngineState.Draining:
                LogGivenUp();
                return Problems.NotReady(http, engine.Status);
            case SongException:
                LogSongFailed(exception);
                return Problems.Create(
                    http, ProblemType.SongFailed, "Other songs are not affected. The log has the reason under the trace_id.");
            case EngineDeadException:
                LogEngineLost(exception);
                return Problems.EngineLost(http);
            case StorageException storage:
                LogStorage(storage);
                return Problems.StorageUnavailable(http, storage);
            case BadHttpRequestException bad:
                LogBadRequest(bad);
                return Problems.Create(
                    http, ProblemType.ForStatus(bad.StatusCode), "The request ended early or exceeds a limit of the server.");
            default:
                LogBug(exception);
                return Problems.Create(http, ProblemType.InternalError, "Report this error with the trace_id; the log has the reason.");
        }
    }

    [LoggerMessage(LogLevel.Information, "A song cannot be made: {Reason}")]
    private partial void LogUnsingable(string reason);

    [LoggerMessage(LogLevel.Error, "A song failed")]
    private partial void LogSongFailed(Exception exception);

    [LoggerMessage(LogLevel.Critical, "The device is lost")]
    private partial void LogEngineLost(Exception exception);

    [LoggerMessage(LogLevel.Error, "The storage of jobs, songs or request bodies could not be used")]
    private partial void LogStorage(Exception exception);

    [LoggerMessage(LogLevel.Information, "A request could not be read")]
    private partial void LogBadRequest(Exception exception);

    [LoggerMessage(LogLevel.Warning, "A song was cancelled because the service is stopping")]
    private partial void LogGivenUp();

    [LoggerMessage(LogLevel.Error, "An endpoint failed")]
    private partial void LogBug(Exception exception);
}
