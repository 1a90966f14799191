using Yue.Engine.Audio;

namespace YueService.Jobs.Audio;

/// <summary>Logs the features that are unavailable because a program is missing.</summary>
internal static partial class MissingPrograms
{
    /// <summary>Warns if ffmpeg or ffprobe is missing. A request that needs them is rejected with the same advice.</summary>
    public static void WarnOfMissingPrograms(this IServiceProvider services)
    {
        var logger = services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(MissingPrograms));
        if (!services.GetRequiredService<ISongEncoder>().Supports(AudioFormat.Mp3))
        {
            Log.NoFfmpeg(logger);
        }
        else if (!services.GetRequiredService<AudioDecoder>().HasFfmpeg)
        {
            Log.NoFfprobe(logger);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(Level = LogLevel.Warning, Message = "ffmpeg was not found: "
            + "only wav can be written, and reference clips in flac and m4a cannot be read. "
            + "Install it (sudo apt-get install ffmpeg) and restart")]
        public static partial void NoFfmpeg(ILogger logger);

        [LoggerMessage(
            Level = LogLevel.Warning, Message = "ffprobe was not found: reference clips in flac and m4a cannot be read. "
                + "Install it (sudo apt-get install ffmpeg) and restart")]
        public static partial void NoFfprobe(ILogger logger);
    }
}
