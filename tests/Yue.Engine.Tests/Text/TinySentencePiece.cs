using System.Globalization;
using Google.Protobuf;

namespace Yue.Engine.Tests.Text;

/// <summary>Writes small SentencePiece model files, and encodes with them according to the definition of BPE.</summary>
internal sealed record TinySentencePiece(IReadOnlyList<(string Name, float Score)> Pieces)
{
    public const int Normal = 1;
    public const int Unknown = 2;
    public const int Control = 3;
    public const int UserDefined = 4;
    public const int Unused = 5;
    public const int Byte = 6;

    private const int FirstByteId = 3;
    private const int FirstPieceId = FirstByteId + 256;

    public int ModelType { get; init; } = 2;

    public bool ByteFallback { get; init; } = true;

    public int KindOfPieces { get; init; } = Normal;

    public string FirstByteName { get; init; } = "<0x00>";

    public byte[] ToBytes()
    {
        using var stream = new MemoryStream();
        using (var output = new CodedOutputStream(stream, leaveOpen: true))
        {
            WritePiece(output, "<unk>", 0, Unknown);
            WritePiece(output, "<s>", 0, Control);
            WritePiece(output, "</s>", 0, Control);
            for (var value = 0; value < 256; value++)
            {
                WritePiece(output, value == 0 ? FirstByteName : $"<0x{value.ToString("X2", CultureInfo.InvariantCulture)}>", 0, Byte);
            }

            foreach (var (name, score) in Pieces)
            {
                WritePiece(output, name, score, KindOfPieces);
            }

            WriteMessage(output, 2, trainer =>
            {
                trainer.WriteTag(3, WireFormat.WireType.Varint);
                trainer.WriteInt32(ModelType);
                trainer.WriteTag(35, WireFormat.WireType.Varint);
                trainer.WriteBool(ByteFallback);
            });
            WriteMessage(output, 3, normalizer =>
            {
                normalizer.WriteTag(4, WireFormat.WireType.Varint);
                normalizer.WriteBool(false);
            });
        }

        return stream.ToArray();
    }

    /// <summary>Encodes by definition: repeatedly merges the two neighbors that form the piece with the best score (on ties, the
    /// leftmost two), until no two neighbors form a piece.</summary>
    public List<int> EncodeByDefinition(string text)
    {
        if (text.Length == 0)
        {
            return [];
        }

        var symbols = ("▁" + text.Replace(' ', '▁')).EnumerateRunes().Select(rune => rune.ToString()).ToList();
        while (true)
        {
            var best = -1;
            for (var i = 0; i + 1 < symbols.Count; i++)
            {
                if (Find(symbols[i] + symbols[i + 1]) is { } found
                    && (best < 0 || Pieces[found].Score > Pieces[Find(symbols[best] + symbols[best + 1])!.Value].Score))
                {
                    best = i;
                }
            }

            if (best < 0)
            {
                return [.. symbols.SelectMany(Ids)];
            }

            symbols[best] += symbols[best + 1];
            symbols.RemoveAt(best + 1);
        }
    }

    private IEnumerable<int> Ids(string symbol) => Find(symbol) is { } found
        ? [FirstPieceId + found]
        : System.Text.Encoding.UTF8.GetBytes(symbol).Select(value => FirstByteId + value);

    private int? Find(string name)
    {
        for (var i = 0; i < Pieces.Count; i++)
        {
            if (Pieces[i].Name == name)
            {
                return i;
            }
        }

        return null;
    }

    private static void WritePiece(CodedOutputStream output, string name, float score, int kind) => WriteMessage(output, 1, piece =>
    {
        piece.WriteTag(1, WireFormat.WireType.LengthDelimited);
        piece.WriteString(name);
        piece.WriteTag(2, WireFormat.WireType.Fixed32);
        piece.WriteFloat(score);
        piece.WriteTag(3, WireFormat.WireType.Varint);
        piece.WriteInt32(kind);
    });

    private static void WriteMessage(CodedOutputStream output, int field, Action<CodedOutputStream> write)
    {
        using var stream = new MemoryStream();
        using (var message = new CodedOutputStream(stream, leaveOpen: true))
        {
            write(message);
        }

        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(ByteString.CopyFrom(stream.ToArray()));
    }
}
