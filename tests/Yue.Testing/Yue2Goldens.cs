using System.IO.Compression;

namespace Yue.Testing;

/// <summary>The golden files of YuE 2: the folder that <c>YUE2_GOLDENS</c> names, or <c>shared/goldens2</c> next to the
/// repository.</summary>
public static class Yue2Goldens
{
    /// <summary>The trait value that selects the golden tests of YuE 2: <c>--filter "Category=GoldensYue2"</c>.</summary>
    public const string Category = "GoldensYue2";

    private const string FolderName = "goldens2";
    private const string TokenTable = "qwen.tiktoken";

    private static readonly string? Found = Goldens.Find("YUE2_GOLDENS", FolderName);

    private static readonly Lazy<string> Unpacked = new(Unpack);

    public static string Folder =>
        Found ?? throw new DirectoryNotFoundException($"no YueService.sln above {AppContext.BaseDirectory}; set YUE2_GOLDENS");

    /// <summary>A checkpoint folder in the published form, with the token table. It is unpacked once per test run.</summary>
    public static string LanguageModelFolder => Unpacked.Value;

    /// <summary>The tokenizer folder of the goldens, or the one in <c>shared/goldens2</c> if the goldens have no token table.</summary>
    public static string TokenizerFolder
    {
        get
        {
            var own = PathOf("tokenizer");
            return File.Exists(Path.Combine(own, TokenTable)) || Goldens.Beside(FolderName) is not { } shared
                ? own
                : Path.Combine(shared, "tokenizer");
        }
    }

    public static string PathOf(params string[] parts) => Path.Combine([Folder, .. parts]);

    private static string Unpack()
    {
        var folder = Directory.CreateTempSubdirectory("yue2-goldens-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        foreach (var file in Directory.EnumerateFiles(PathOf("YuE2-3B")))
        {
            if (Path.GetExtension(file) != ".gz")
            {
                File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
                continue;
            }

            using var packed = new GZipStream(File.OpenRead(file), CompressionMode.Decompress);
            using var plain = File.Create(Path.Combine(folder, Path.GetFileNameWithoutExtension(file)));
            packed.CopyTo(plain);
        }

        File.Copy(Path.Combine(TokenizerFolder, TokenTable), Path.Combine(folder, TokenTable));
        return folder;
    }
}
