using System.Globalization;
using Google.Protobuf;
using Yue.Engine.Families.Yue1.Tokens;

namespace Yue.Engine.Families.Yue1.Text;

/// <summary>Rewrites a SentencePiece BPE model with every piece spelled backwards.</summary>
/// <remarks>
/// <para>Among equally good merges, SentencePiece applies the leftmost first, but Microsoft.ML.Tokenizers 2.0.1 applies the rightmost
/// first, so it splits a run of "a" (a sung "aaaaah") or of spaces differently. Otherwise, merging is symmetric. Therefore, the library is
/// given the pieces and the text backwards: its rightmost merge is then the leftmost one of the text, for every text and model, at linear
/// cost. A library that breaks ties to the left does not need this.</para>
/// <para>Byte pieces (<c>&lt;0x41&gt;</c>) keep their names, because the library finds them by name. Unknown and control pieces, and
/// pieces whose id is not a text id, get names that merging cannot produce, so that no text encodes to them.</para>
/// </remarks>
internal static class MirroredModel
{
    // sentencepiece_model.proto
    private const int ModelPieces = 1;
    private const int ModelTrainerSpec = 2;
    private const int PieceName = 1;
    private const int PieceScore = 2;
    private const int PieceKind = 3;
    private const int TrainerModelType = 3;
    private const int TrainerByteFallback = 35;
    private const int Bpe = 2;

    private enum Kind
    {
        Normal = 1,
        Unknown = 2,
        Control = 3,
        UserDefined = 4,
        Unused = 5,
        Byte = 6,
    }

    /// <summary>Returns the mirrored model.</summary>
    /// <param name="model">A SentencePiece <c>ModelProto</c>.</param>
    /// <exception cref="InvalidDataException">The model is not supported; the message says why.</exception>
    /// <exception cref="InvalidProtocolBufferException">The bytes are not a protocol buffer.</exception>
    public static byte[] Create(byte[] model)
    {
        List<Piece> pieces = [];
        var (isBpe, byteFallback) = (false, false);
        using var stream = new MemoryStream(model.Length);
        using (var output = new CodedOutputStream(stream, leaveOpen: true))
        {
            var input = new CodedInputStream(model);
            UnknownFieldSet? others = null;
            while (input.ReadTag() is var tag && tag != 0)
            {
                switch (WireFormat.GetTagFieldNumber(tag))
                {
                    case ModelPieces:
                        var piece = Piece.Parse(input.ReadBytes());
                        output.WriteTag(tag);
                        output.WriteBytes(piece.Mirror(pieces.Count));
                        pieces.Add(piece);
                        break;
                    case ModelTrainerSpec:
                        var trainer = input.ReadBytes();
                        (isBpe, byteFallback) = ParseTrainerSpec(trainer);
                        output.WriteTag(tag);
                        output.WriteBytes(trainer);
                        break;
                    default:
                        others = UnknownFieldSet.MergeFieldFrom(others, input);
                        break;
                }
            }

            others?.WriteTo(output);
        }

        if (pieces.Count == 0)
        {
            throw new InvalidDataException("contains no pieces; a SentencePiece model was expected");
        }

        if (!isBpe)
        {
            throw new InvalidDataException("is not a BPE model, the only kind of SentencePiece model that is supported");
        }

        if (byteFallback)
        {
            ExpectBytePieces(pieces);
        }

        return stream.ToArray();
    }

    /// <summary>Returns the text with its code points in reverse order; a lone surrogate becomes U+FFFD.</summary>
    public static string Reverse(string text)
    {
        var reversed = new char[text.Length];
        var at = reversed.Length;
        foreach (var rune in text.EnumerateRunes())
        {
            at -= rune.Utf16SequenceLength;
            rune.EncodeToUtf16(reversed.AsSpan(at));
        }

        return new string(reversed);
    }

    private static (bool IsBpe, bool ByteFallback) ParseTrainerSpec(ByteString trainer)
    {
        var (isBpe, byteFallback) = (false, false);
        var input = trainer.CreateCodedInput();
        while (input.ReadTag() is var tag && tag != 0)
        {
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case TrainerModelType:
                    isBpe = input.ReadEnum() == Bpe;
                    break;
                case TrainerByteFallback:
                    byteFallback = input.ReadBool();
                    break;
                default:
                    input.SkipLastField();
                    break;
            }
        }

        return (isBpe, byteFallback);
    }

    /// <summary>Checks the byte pieces, because the library computes the id of a byte by adding its value to the id of
    /// <c>&lt;0x00&gt;</c>.</summary>
    private static void ExpectBytePieces(List<Piece> pieces)
    {
        var first = pieces.FindIndex(piece => piece.Name == "<0x00>");
        for (var value = 0; value < 256; value++)
        {
            var name = $"<0x{value.ToString("X2", CultureInfo.InvariantCulture)}>";
            var id = first + value;
            if (first < 0 || id >= pieces.Count || pieces[id].Kind != Kind.Byte || pieces[id].Name != name)
            {
                throw new InvalidDataException(
                    $"falls back to bytes, but the byte piece {name} is missing or its id is not that of <0x00> plus {value}");
            }
        }
    }

    private sealed record Piece(string Name, float Score, Kind Kind)
    {
        public static Piece Parse(ByteString bytes)
        {
            var piece = new Piece("", 0, Kind.Normal);
            var input = bytes.CreateCodedInput();
            while (input.ReadTag() is var tag && tag != 0)
            {
                switch (WireFormat.GetTagFieldNumber(tag))
                {
                    case PieceName:
                        piece = piece with { Name = input.ReadString() };
                        break;
                    case PieceScore:
                        piece = piece with { Score = input.ReadFloat() };
                        break;
                    case PieceKind:
                        piece = piece with { Kind = (Kind)input.ReadEnum() };
                        break;
                    default:
                        input.SkipLastField();
                        break;
                }
            }

            return piece;
        }

        public ByteString Mirror(int id)
        {
            using var stream = new MemoryStream();
            using (var output = new CodedOutputStream(stream, leaveOpen: true))
            {
                output.WriteTag(PieceName, WireFormat.WireType.LengthDelimited);
                output.WriteString(MirroredName(id));
                output.WriteTag(PieceScore, WireFormat.WireType.Fixed32);
                output.WriteFloat(Score);
                output.WriteTag(PieceKind, WireFormat.WireType.Varint);
                output.WriteEnum((int)Kind);
            }

            return ByteString.CopyFrom(stream.GetBuffer().AsSpan(0, (int)stream.Length));
        }

        private string MirroredName(int id) => Kind switch
        {
            Kind.Byte => Name,
            Kind.Unknown or Kind.Control => Unreachable(id),
            _ when !TokenMap.IsText(id) => Unreachable(id),
            Kind.Normal => Reverse(Name),
            _ => throw new InvalidDataException($"piece {id} '{Name}' is of kind {Kind}, which is not supported"),
        };

        /// <summary>Returns a name that merging cannot produce. It begins and ends with the noncharacter U+FFFF. A merge makes a piece from
        /// two shorter pieces or characters, and no shorter piece begins or ends with U+FFFF.</summary>
        private static string Unreachable(int id) => $"\uFFFF{id.ToString("D6", CultureInfo.InvariantCulture)}\uFFFF";
    }
}
