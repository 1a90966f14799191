using System.Buffers.Binary;
using System.Text;

namespace Yue.Engine.Demo;

/// <summary>A small SentencePiece model (BPE with byte fallback) that encodes any text.</summary>
/// <remarks>
/// Its pieces are the three controls, 256 bytes, the beginnings of common words, and single characters. A word's
/// beginnings are all there, and no other merges are, so a word is put together from its first letter on.
/// </remarks>
internal static class DemoTokenizer
{
    private const char Space = '\u2581';                // SentencePiece writes a space as this block

    private const string Words =
        "a about again all alone always and another are around as at away baby back be because been before believe better blue break "
        + "bright by call can change close cold come could cry dance dark day days do down dream dreams end ever every eyes face fall far feel "
        + "fire fly for forever found free from gone good got had hand hands have he head hear heart here high hold home hope how i if in into "
        + "is it just keep know last leave let life light like line little live long look lost love make man me memories mind moment more morning "
        + "move much music my name need never new night no not nothing now of off old on one only open or our out over own pain place rain remember "
        + "right river road run same say sea see she shine should show side sing sky sleep slow so some song soul sound stand star stars stay still "
        + "street strong summer sun take tell than that the their them then there these they thing things think this through time to together tonight "
        + "too touch true try turn under until up us voice wait walk want was way we well were what when where who why will wind with without "
        + "wonder words world would years yes you young your "
        + "acoustic bass beat blues bridge chorus country drum electronic energetic female folk generate given guitar happy hip hop inspiring intro "
        + "jazz lyrics male melody metal outro piano pop rap rock sad segment soft synth uplifting verse vocal Generate";

    private enum PieceKind
    {
        Normal = 1,
        Unknown = 2,
        Control = 3,
        Byte = 6,
    }

    /// <summary>The model file's bytes: a protobuf <c>ModelProto</c>.</summary>
    public static byte[] ModelProto()
    {
        var pieces = Pieces();
        var model = new MemoryStream();
        foreach (var (text, score, kind) in pieces)
        {
            var piece = new MemoryStream();
            Write(piece, 1, text);
            WriteScore(piece, score);
            Write(piece, 3, (ulong)kind);
            Write(model, 1, piece.ToArray());
        }

        Write(model, 2, TrainerSpec(pieces.Count));
        Write(model, 3, NormalizerSpec());
        return model.ToArray();
    }

    private static List<(string Text, float Score, PieceKind Kind)> Pieces()
    {
        List<(string Text, float Score, PieceKind Kind)> pieces =
            [("<unk>", 0, PieceKind.Unknown), ("<s>", 0, PieceKind.Control), ("</s>", 0, PieceKind.Control)];
        for (var value = 0; value < 256; value++)
        {
            pieces.Add(($"<0x{value:X2}>", 0, PieceKind.Byte));
        }

        var beginnings = Words.Split(' ')
            .SelectMany(word => Enumerable.Range(1, word.Length).Select(length => Space + word[..length]))
            .Distinct()
            .OrderBy(text => text.Length)
            .ThenBy(text => text, StringComparer.Ordinal);
        var characters = Enumerable.Range('!', '~' - '!' + 1).Select(code => $"{(char)code}").Prepend($"{Space}");

        // The highest score merges first: shorter beginnings before longer ones.
        var rank = 0;
        foreach (var text in beginnings.Concat(characters))
        {
            pieces.Add((text, -rank++, PieceKind.Normal));
        }

        return pieces;
    }

    private static byte[] TrainerSpec(int pieces)
    {
        const ulong bytePairs = 2;
        var spec = new MemoryStream();
        Write(spec, 3, bytePairs);                      // model_type
        Write(spec, 4, (ulong)pieces);                  // vocab_size
        Write(spec, 35, 1);                             // byte_fallback
        Write(spec, 40, 0);                             // unk_id
        Write(spec, 41, 1);                             // bos_id
        Write(spec, 42, 2);                             // eos_id
        Write(spec, 43, ulong.MaxValue);                // pad_id -1
        Write(spec, 45, "<unk>");
        Write(spec, 46, "<s>");
        Write(spec, 47, "</s>");
        return spec.ToArray();
    }

    private static byte[] NormalizerSpec()
    {
        var spec = new MemoryStream();
        Write(spec, 1, "identity");
        Write(spec, 2, "");                             // precompiled_charsmap
        Write(spec, 3, 1);                              // add_dummy_prefix
        Write(spec, 4, 0);                              // remove_extra_whitespaces
        Write(spec, 5, 1);                              // escape_whitespaces
        return spec.ToArray();
    }

    private static void Write(MemoryStream stream, int field, ulong value)
    {
        WriteVarint(stream, (ulong)field << 3);
        WriteVarint(stream, value);
    }

    private static void Write(MemoryStream stream, int field, string text) => Write(stream, field, Encoding.UTF8.GetBytes(text));

    private static void Write(MemoryStream stream, int field, byte[] bytes)
    {
        WriteVarint(stream, ((ulong)field << 3) | 2);
        WriteVarint(stream, (ulong)bytes.Length);
        stream.Write(bytes);
    }

    private static void WriteScore(MemoryStream stream, float score)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteSingleLittleEndian(bytes, score);
        WriteVarint(stream, (2 << 3) | 5);
        stream.Write(bytes);
    }

    private static void WriteVarint(MemoryStream stream, ulong value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            stream.WriteByte((byte)(value | 0x80));
        }

        stream.WriteByte((byte)value);
    }
}
