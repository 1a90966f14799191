using System.Buffers.Text;
using System.Text;
using Microsoft.ML.Tokenizers;
using Yue.Engine.Families.Yue2.Tokens;
using Yue.Engine.Text;
using Yue.Engine.Weights;

namespace Yue.Engine.Families.Yue2.Text;

/// <summary>Converts text to ids and ids to text as the reference tokenizer does (docs/model-yue2.md 2.2). Thread-safe.</summary>
public sealed class BytePairTokenizer
{
    /// <summary>The name of the token table in a checkpoint folder.</summary>
    public const string FileName = "qwen.tiktoken";

    private const int MaxBytes = 16 << 20;

    private readonly TiktokenTokenizer _merges;
    private readonly byte[][] _bytes;       // id → its bytes

    private BytePairTokenizer(TiktokenTokenizer merges, byte[][] bytes) => (_merges, _bytes) = (merges, bytes);

    /// <summary>Reads the token table of a checkpoint folder.</summary>
    /// <exception cref="CheckpointException">The file is missing, invalid or not the table of this vocabulary.</exception>
    public static BytePairTokenizer Load(string folder)
    {
        var path = Path.Combine(folder, FileName);
        var file = SmallFile.Read(path, MaxBytes);
        var bytes = ReadTable(path, file);
        using var stream = new MemoryStream(file);
        return new BytePairTokenizer(TiktokenTokenizer.Create(stream, new PieceCutter(), normalizer: null), bytes);
    }

    /// <summary>Converts text to normalization form C, and returns its ids. Names of control tokens in the text are encoded like any
    /// other words.</summary>
    /// <returns>Ids for which <see cref="TokenIds.IsText"/> holds.</returns>
    public int[] Encode(string text) => [.. _merges.EncodeToIds(Normalization.ToNfc(WellFormed(text)), considerNormalization: false)];

    /// <summary>Returns the text of ids. Ids without a text form are left out, and invalid UTF-8 becomes U+FFFD.</summary>
    public string Decode(IEnumerable<int> ids)
    {
        using var bytes = new MemoryStream();
        foreach (var id in ids)
        {
            bytes.Write(TokenIds.IsText(id) ? _bytes[id] : Encoding.UTF8.GetBytes(TokenIds.ControlName(id) ?? ""));
        }

        return Encoding.UTF8.GetString(bytes.GetBuffer(), 0, (int)bytes.Length);
    }

    /// <summary>Replaces lone surrogates with U+FFFD, as UTF-8 encoding does.</summary>
    private static string WellFormed(string text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));

    /// <summary>Reads lines that each contain a token's bytes in base64, a space, and the token's id. The ids are consecutive,
    /// starting at 0.</summary>
    private static byte[][] ReadTable(string path, byte[] file)
    {
        var tokens = new List<byte[]>(TokenIds.TextCount);
        ReadOnlySpan<byte> rest = file;
        while (!rest.IsEmpty)
        {
            var end = rest.IndexOf((byte)'\n');
            var line = end < 0 ? rest : rest[..end];
            rest = end < 0 ? [] : rest[(end + 1)..];
            tokens.Add(ReadToken(line, tokens.Count) ?? throw new CheckpointException(
                path, $"line {tokens.Count + 1} is not base64, a space and the number {tokens.Count}"));
        }

        return tokens.Count == TokenIds.TextCount
            ? [.. tokens]
            : throw new CheckpointException(path, $"the number of tokens is {tokens.Count}, expected {TokenIds.TextCount}");
    }

    private static byte[]? ReadToken(ReadOnlySpan<byte> line, int id)
    {
        var space = line.IndexOf((byte)' ');
        if (space < 1 || !Utf8Parser.TryParse(line[(space + 1)..], out int rank, out var used) || rank != id
            || used != line.Length - space - 1)
        {
            return null;
        }

        var token = new byte[Base64.GetMaxDecodedFromUtf8Length(space)];
        return Base64.DecodeFromUtf8(line[..space], token, out _, out var written) == System.Buffers.OperationStatus.Done
            ? token[..written]
            : null;
    }
}
