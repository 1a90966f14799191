using Serilog.Events;
using Xunit;
using Yue.Engine.Songs;
using Yue.Testing;
using YueService.Tests.Fakes;

namespace YueService.Tests.Http;

public sealed class DisconnectTests : IDisposable
{
    private readonly YueApp _app = YueApp.OnSocket();

    public void Dispose() => _app.Dispose();

    [Theory]
    [InlineData(nameof(SongStage.Queued))]
    [InlineData(nameof(SongStage.Stage1))]
    [InlineData(nameof(SongStage.Stage2))]
    [InlineData(nameof(SongStage.Decode))]
    [InlineData("Encode")]
    public async Task A_caller_that_disconnects_cancels_its_song_in_every_stage(string stage)
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var cancelled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _app.Engine.Sing = async (request, _, cancel) =>
        {
            foreach (var step in Enum.GetNames<SongStage>())
            {
                await StepAsync(step, cancel);
            }

            return FakeSongEngine.Song(request);
        };
        _app.Encoder.Prepare = cancel => StepAsync("Encode", cancel);
        using var client = _app.CreateClient();
        var startEvents = _app.Log.Events.Count;
        using var caller = new CancellationTokenSource();
        var response = client.PostAsync("/predict", new StringContent("""{"lyrics":"la"}""", null, "application/json"), caller.Token);
        await reached.Task.InTime();
        Assert.False(cancelled.Task.IsCompleted);

        await caller.CancelAsync();
        await cancelled.Task.InTime();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => response);
        await Eventually.TrueAsync(() => _app.Log.Events.Any(e =>
            e.Properties.TryGetValue("StatusCode", out var status) && status.ToString() == "499"));
        Assert.DoesNotContain(_app.Log.Events.Skip(startEvents), e => e.Level >= LogEventLevel.Warning);

        async Task StepAsync(string step, CancellationToken cancel)
        {
            if (step != stage)
            {
                await Task.Yield();
                return;
            }

            cancel.Register(cancelled.SetResult);
            reached.SetResult();
            await Task.Delay(Timeout.Infinite, cancel);
        }
    }

    [Fact]
    public async Task A_caller_that_disconnects_does_not_affect_the_song_of_another()
    {
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var cancelled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _app.Engine.Sing = async (request, _, cancel) =>
        {
            cancel.Register(cancelled.SetResult);
            await release.Task.WaitAsync(cancel);
            return FakeSongEngine.Song(request);
        };
        using var client = _app.CreateClient();
        using var caller = new CancellationTokenSource();
        var leaving = client.PostAsync("/predict", new StringContent("""{"lyrics":"one"}""", null, "application/json"), caller.Token);
        var staying = client.PredictAsync("""{"lyrics":"two"}""");
        await Eventually.TrueAsync(() => _app.Engine.Requests.Count == 2);

        await caller.CancelAsync();
        await cancelled.Task.InTime();
        release.SetResult();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leaving);
        Assert.Equal("two", (await (await staying).SongAsync()).GetProperty("lyrics").GetString());
    }
}
