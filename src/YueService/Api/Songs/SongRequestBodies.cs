using Yue.Engine.Songs;
using YueService.Api.OpenApi;

namespace YueService.Api.Songs;

/// <summary>What a song request may say. It describes the body; <c>PredictReader</c> reads it, with every bound.</summary>
internal sealed record SongRequestBodyDescription
{
    /// <summary>The words to sing, in sections headed by tags such as [verse]: 1 to 20,000 characters. With continue_from the whole
    /// song's, the sections that are sung already first. May be absent with instrumental, with stage finish, and with a song's id.</summary>
    public string? Lyrics { get; init; }

    /// <summary>Genre, instruments, mood, voice: up to 1,000 characters. Default Pop.</summary>
    public string? Genre { get; init; }

    /// <summary>The most tokens a section may take, 100 to 10,000; 100 tokens are one second. Default 3000.</summary>
    public int? MaxNewTokens { get; init; }

    /// <summary>1 to 100 seconds, for every section that is sung or, as an array, for each of them: a section ends in the last tenth of
    /// it or is cut at it. Takes the place of max_new_tokens.</summary>
    [OneOf(typeof(double), typeof(double[]))]
    public object? TargetSeconds { get; init; }

    /// <summary>Lyric sections to sing, 1 to 10; 0 is all of them. With continue_from, further ones. Default 2.</summary>
    public int? RunNSegments { get; init; }

    /// <summary>Any 64-bit integer; the same request and seed give the same song. Default 42.</summary>
    public long? Seed { get; init; }

    /// <summary>The caller's own name for the request: 1 to 256 letters, digits or . _ : -</summary>
    public string? ClientJobId { get; init; }

    /// <summary>One of the names of GET /v1/models; the first one when absent.</summary>
    public string? Model { get; init; }

    /// <summary>full (default); draft: without stage 2, at 16 kHz, rough and sooner there; finish: the song of continue_from, without
    /// singing anything.</summary>
    public string? Stage { get; init; }

    /// <summary>The id of a finished song, or codes as return_codes gives them: further sections are sung after it.</summary>
    [OneOf(typeof(string), typeof(SongCodes))]
    public object? ContinueFrom { get; init; }

    /// <summary>The section of continue_from, from 1 on, that is sung again; the others are kept.</summary>
    public int? ReplaceSection { get; init; }

    /// <summary>Whether no words are sung and only the instrumental track is heard. Default false.</summary>
    public bool? Instrumental { get; init; }

    /// <summary>Whether the answer has the stage-1 codes; a job always has them under its link codes. Default false.</summary>
    public bool? ReturnCodes { get; init; }

    /// <summary>What sound to return.</summary>
    public OutputDescription? Output { get; init; }

    /// <summary>How tokens are drawn.</summary>
    public SamplingDescription? Sampling { get; init; }

    /// <summary>A clip whose style is taken on.</summary>
    public ReferenceDescription? Reference { get; init; }
}

/// <summary>A clip whose style is taken on, as <c>audio</c>, or as <c>vocal</c> and <c>instrumental</c>: wav, flac, mp3, ogg or m4a, at most
/// 10 minutes and 64 MiB. Each may be a part of a multipart request instead, named reference.audio and so on.</summary>
internal sealed record ReferenceDescription
{
    /// <summary>One mixed file in base64.</summary>
    public byte[]? Audio { get; init; }

    /// <summary>The vocal in base64; with instrumental.</summary>
    public byte[]? Vocal { get; init; }

    /// <summary>The instrumental in base64; with vocal and as long.</summary>
    public byte[]? Instrumental { get; init; }

    /// <summary>Where the stretch that is heard begins, 0 to 600. Default 0.</summary>
    public double? StartSeconds { get; init; }

    /// <summary>Where it ends, 1 to 60 seconds after the start. Default 30.</summary>
    public double? EndSeconds { get; init; }

    /// <summary>Whether audio is split into vocal and instrumental first; needs a separator.</summary>
    public bool? Separate { get; init; }
}

/// <summary>What sound to return.</summary>
internal sealed record OutputDescription
{
    /// <summary>44100 (default) or 16000, in Hz; a draft has 16000.</summary>
    public int? SampleRate { get; init; }

    /// <summary>wav (default), flac or mp3.</summary>
    public string? Format { get; init; }

    /// <summary>Whether the vocal and the instrumental track are returned, too.</summary>
    public bool? Stems { get; init; }

    /// <summary>-36 to -6: the loudness of the mix by ITU-R BS.1770, as far as peaks allow. Default: as it comes out.</summary>
    public double? LoudnessLufs { get; init; }

    /// <summary>0 to 30 seconds: how long a song that was cut at the token limit fades out; 0 is off. Default 1.</summary>
    public double? FadeOutSeconds { get; init; }
}

/// <summary>How tokens are drawn.</summary>
internal sealed record SamplingDescription
{
    /// <summary>0.05 to 5; higher is more surprising. Default 1.</summary>
    public double? Temperature { get; init; }

    /// <summary>0.01 to 1: the probability that the kept tokens reach together. Default 0.93.</summary>
    public double? TopP { get; init; }

    /// <summary>0 to 1000: how many of the likeliest tokens are kept; 0 is off. Default 50.</summary>
    public int? TopK { get; init; }

    /// <summary>1 to 2: makes tokens that occurred less likely; 1 is off. Default 1.1.</summary>
    public double? RepetitionPenalty { get; init; }

    /// <summary>1 to 10: how closely the genre and lyrics are followed; 1 is off. Default 1.5 in the first section and 1.2 after.</summary>
    public double? GuidanceScale { get; init; }
}

/// <summary>What a request of an OpenAI-style audio client may say. It describes the body; <c>SpeechReader</c> reads it.</summary>
internal sealed record SpeechRequestDescription
{
    /// <summary>One of the names of GET /v1/models; the first one when absent.</summary>
    public string? Model { get; init; }

    /// <summary>The lyrics, in sections headed by tags such as [verse]: 1 to 20,000 characters. All sections are sung.</summary>
    public required string Input { get; init; }

    /// <summary>The genre line, up to 1,000 characters. Default Pop.</summary>
    public string? Instructions { get; init; }

    /// <summary>wav (default), flac or mp3.</summary>
    public string? ResponseFormat { get; init; }

    /// <summary>Any 64-bit integer. Default 42.</summary>
    public long? Seed { get; init; }
}

/// <summary>The stage-1 checkpoints, in the form that OpenAI-style clients expect.</summary>
/// <param name="Object">Always <c>list</c>.</param>
/// <param name="Data">The models, the default one first.</param>
internal sealed record ModelList(string Object, IReadOnlyList<ModelBody> Data);

/// <summary>A stage-1 checkpoint.</summary>
/// <param name="Id">The name that requests call it.</param>
/// <param name="Object">Always <c>model</c>.</param>
/// <param name="Created">When the service started, in seconds since 1970.</param>
/// <param name="OwnedBy">Always <c>yue</c>.</param>
internal sealed record ModelBody(string Id, string Object, long Created, string OwnedBy);
