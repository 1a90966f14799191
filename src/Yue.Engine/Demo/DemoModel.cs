namespace Yue.Engine.Demo;

/// <summary>Where the demo model's checkpoints are.</summary>
/// <param name="Stage1">The stage-1 folder, with <c>tokenizer.model</c>.</param>
/// <param name="Stage2">The stage-2 folder.</param>
/// <param name="Codec">The codec folder, with the vocoders.</param>
public sealed record DemoModelFolders(string Stage1, string Stage2, string Codec);

/// <summary>The built-in model: a complete, small checkpoint set in the real formats, with random weights.</summary>
/// <remarks>It exercises every path from lyrics to audio; what it sings is noise. The same version makes the same bytes everywhere.</remarks>
public static class DemoModel
{
    // Counts up whenever the bytes change, so that a cache with other bytes is not used.
    private const string FolderName = "demo-model-1";
    private const string CodecName = "xcodec_mini_infer";
    private const string TokenizerName = "tokenizer.model";

    /// <summary>As <see cref="Ensure"/>, on another thread.</summary>
    public static Task<DemoModelFolders> EnsureAsync(string cacheFolder, CancellationToken cancellation = default) =>
        Task.Run(() => Ensure(cacheFolder), cancellation);

    /// <summary>The demo model in the cache folder, made on the first call in a second or two (27 MB).</summary>
    /// <remarks>It is written beside its place and renamed when it is complete, so a half-made one is never used and two processes may
    /// do this at once.</remarks>
    public static DemoModelFolders Ensure(string cacheFolder)
    {
        var folder = Path.Combine(cacheFolder, FolderName);
        if (!Directory.Exists(folder))
        {
            Make(folder);
        }

        return new DemoModelFolders(
            Path.Combine(folder, DemoLanguageModel.Stage1.Name),
            Path.Combine(folder, DemoLanguageModel.Stage2.Name),
            Path.Combine(folder, CodecName));
    }

    private static void Make(string folder)
    {
        var unfinished = $"{folder}.{Environment.ProcessId}.{Guid.NewGuid():N}.part";
        try
        {
            Directory.CreateDirectory(unfinished);
            Write(unfinished);
            Directory.Move(unfinished, folder);
        }
        catch (IOException) when (Directory.Exists(folder))
        {
            // Another process was first; its bytes are the same.
        }
        finally
        {
            if (Directory.Exists(unfinished))
            {
                Directory.Delete(unfinished, recursive: true);
            }
        }
    }

    private static void Write(string folder)
    {
        var stage1 = Path.Combine(folder, DemoLanguageModel.Stage1.Name);
        DemoLanguageModel.Stage1.Write(stage1, inShards: true);
        File.WriteAllBytes(Path.Combine(stage1, TokenizerName), DemoTokenizer.ModelProto());
        DemoLanguageModel.Stage2.Write(Path.Combine(folder, DemoLanguageModel.Stage2.Name), inShards: false);
        DemoCodec.Write(Path.Combine(folder, CodecName));
        DemoVocoder.Write(Path.Combine(folder, CodecName));
    }
}
