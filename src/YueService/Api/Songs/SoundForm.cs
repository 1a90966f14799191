using System.Text;
using System.Text.Json;
using Yue.Engine.Audio;
using Yue.Engine.Songs;
using YueService.Jobs.Audio;

namespace YueService.Api.Songs;

/// <summary>The form in which a response body contains sound.</summary>
/// <param name="MediaType">The type of the body.</param>
internal abstract record SoundForm(string MediaType)
{
    /// <summary>Returns the form that consists of the sound itself.</summary>
    public static SoundForm Of(StreamFormat format) => new Bytes(format.MediaType());

    /// <summary>Server-sent events as OpenAI defines them for speech: <c>speech.audio.delta</c> with the sound in base64, and
    /// <c>speech.audio.done</c>.</summary>
    public static SoundForm SpeechEvents { get; } = new Events();

    /// <summary>Returns the bytes to send for a chunk of sound.</summary>
    public abstract byte[] Chunk(byte[] sound);

    /// <summary>A function that returns the bytes to send after the last chunk, when the song is finished; null if nothing is
    /// sent.</summary>
    public virtual Func<SongResult, byte[]>? End => null;

    private sealed record Bytes(string MediaType) : SoundForm(MediaType)
    {
        public override byte[] Chunk(byte[] sound) => sound;
    }

    private sealed record Events() : SoundForm("text/event-stream")
    {
        public override byte[] Chunk(byte[] sound) => Event(
            "speech.audio.delta", new { type = "speech.audio.delta", audio = Convert.ToBase64String(sound) });

        public override Func<SongResult, byte[]> End => Done;

        /// <summary>Returns the last event. It counts the stage-1 tokens of the sections that were sung, without the prompt.</summary>
        private static byte[] Done(SongResult song)
        {
            var tokens = song.Sections.Where(section => !section.Kept).Sum(section => section.Tokens);
            return Event("speech.audio.done", new
            {
                type = "speech.audio.done",
                usage = new { input_tokens = 0, output_tokens = tokens, total_tokens = tokens },
            });
        }

        private static byte[] Event(string name, object data) =>
            Encoding.UTF8.GetBytes($"event: {name}\ndata: {JsonSerializer.Serialize(data)}\n\n");
    }
}
