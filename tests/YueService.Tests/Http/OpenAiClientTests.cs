using System.ClientModel;
using System.ClientModel.Primitives;
using OpenAI;
using OpenAI.Audio;
using Xunit;
using Yue.Engine.Audio;
using Yue.Testing;
using YueService.Tests.Fakes;

namespace YueService.Tests.Http;

/// <summary>Tests <c>/v1/audio/speech</c> with OpenAI's client.</summary>
public sealed class OpenAiClientTests : IDisposable
{
    private readonly YueApp _app = YueApp.OnSocket();
    private readonly HttpClient _http;

    public OpenAiClientTests() => _http = _app.CreateClient();

    public void Dispose()
    {
        _http.Dispose();
        _app.Dispose();
    }

    [Fact]
    public async Task A_song_is_made_and_the_models_are_listed()
    {
        var models = await Client().GetOpenAIModelClient().GetModelsAsync(TestContext.Current.CancellationToken);
        Assert.Equal([FakeSongEngine.ModelName, "en-icl"], models.Value.Select(model => model.Id));
        foreach (var (format, prefix) in new[] { (GeneratedSpeechFormat.Wav, "RIFF"), (GeneratedSpeechFormat.Mp3, "mp3") })
        {
            var song = await Audio().GenerateSpeechAsync(
                "[verse]\nla",
                GeneratedSpeechVoice.Alloy,
                new SpeechGenerationOptions { ResponseFormat = format },
                TestContext.Current.CancellationToken);
            Assert.StartsWith(prefix, System.Text.Encoding.Latin1.GetString(song.Value), StringComparison.Ordinal);
        }
    }

#pragma warning disable OPENAI001 // The client's API for streamed speech may change.
    [Fact]
    public async Task Sound_is_streamed_while_the_song_is_being_made()
    {
        var stage = new StagedEngine(_app.Engine);
        var updates = await StreamAsync(Audio(), stage);
        using var sound = new MemoryStream();
        var tokens = 0;
        await foreach (var update in updates)
        {
            switch (update)
            {
                case StreamingSpeechAudioDeltaUpdate delta:
                    sound.Write(delta.AudioBytes);
                    if (sound.Length == 4)
                    {
                        // The first sound arrived before the song was finished.
                        Assert.Equal(0, stage.Ended);
                        _app.Engine.Listeners["la"].Hear(new(2, 44_100, [0.25f], null, null, IsEnd: true));
                        stage["la"].Finish();
                    }

                    break;
                case StreamingSpeechAudioDoneUpdate done:
                    tokens = (int)done.Usage.OutputTokenCount;
                    break;
            }
        }

        Assert.Equal(WavFile.ToPcm([0.5f, -0.5f, 0.25f]), sound.ToArray());
        Assert.Equal(10, tokens);
    }

    [Fact]
    public async Task An_error_contains_the_reason()
    {
        var refused = await Assert.ThrowsAsync<ClientResultException>(() => Audio("no such model").GenerateSpeechAsync(
            "la", GeneratedSpeechVoice.Alloy, options: null, TestContext.Current.CancellationToken));
        Assert.Equal(422, refused.Status);
        Assert.Contains("invalid_request_error", refused.Message, StringComparison.Ordinal);
        Assert.Contains("model is \"no such model\"", refused.Message, StringComparison.Ordinal);
    }

    private async Task<IAsyncEnumerable<StreamingSpeechUpdate>> StreamAsync(AudioClient audio, StagedEngine stage)
    {
        var response = audio.GenerateSpeechStreamingAsync(
            "la",
            GeneratedSpeechVoice.Alloy,
            new SpeechGenerationOptions { ResponseFormat = GeneratedSpeechFormat.Pcm },
            TestContext.Current.CancellationToken);
        await stage["la"].Started.Task.InTime();
        _app.Engine.Listeners["la"].Hear(new(0, 44_100, [0.5f, -0.5f], null, null, IsEnd: false));
        return await response.InTime();
    }
#pragma warning restore OPENAI001

    private AudioClient Audio(string model = FakeSongEngine.ModelName) => Client().GetAudioClient(model);

    private OpenAIClient Client() => new(new ApiKeyCredential("any"), new OpenAIClientOptions
    {
        Endpoint = new Uri(_http.BaseAddress!, "v1"),
        RetryPolicy = new ClientRetryPolicy(maxRetries: 0),
    });
}
