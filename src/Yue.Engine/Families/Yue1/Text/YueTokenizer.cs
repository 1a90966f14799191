using Microsoft.ML.Tokenizers;
using Yue.Engine.Families.Yue1.Tokens;
using Yue.Engine.Weights;

namespace Yue.Engine.Families.Yue1.Text;

/// <summary>Converts text to ids as the reference tokenizer does (docs/model.md 2.3, 10). Thread-safe.</summary>
public sealed class YueTokenizer
{
    private readonly SentencePieceTokenizer _mirrored;

    private YueTokenizer(SentencePieceTokenizer mirrored) => _mirrored = mirrored;

    /// <summary>Reads a <c>tokenizer.model</c>, which must be a SentencePiece BPE model.</summary>
    /// <exception cref="CheckpointException">The file is missing, invalid or not supported.</exception>
    public static YueTokenizer Load(string file)
    {
        try
        {
            using var model = new MemoryStream(MirroredModel.Create(File.ReadAllBytes(file)));
            return new YueTokenizer(SentencePieceTokenizer.Create(model, addBeginningOfSentence: false, addEndOfSentence: false));
        }
        catch (InvalidDataException refused)
        {
            throw new CheckpointException(file, refused.Message, refused);
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(file, $"cannot be read: {cause.Message}", cause);
        }
        catch (Exception cause) when (cause is not OutOfMemoryException)
        {
            // The library does not document its exceptions for invalid files. It throws protocol buffer, argument and index errors.
            throw new CheckpointException(file, $"is not a SentencePiece model: {cause.Message}", cause);
        }
    }

    /// <summary>Returns the ids of the text. The names of control tokens in the text are encoded like any other words.</summary>
    /// <returns>Ids for which <see cref="TokenMap.IsText"/> holds.</returns>
    public int[] EncodeText(string text)
    {
        List<int> ids = [];
        AppendText(text, ids);
        return [.. ids];
    }

    /// <summary>Appends the ids of the text. <see cref="MirroredModel"/> explains why the text and the ids are reversed.</summary>
    private void AppendText(string text, List<int> ids)
    {
        if (text.Length == 0)
        {
            return;
        }

        var normalized = _mirrored.Normalizer?.Normalize(text) ?? text;
        var tokens = _mirrored.EncodeToTokens(
            MirroredModel.Reverse(normalized), out _, addBeginningOfSentence: false, addEndOfSentence: false, considerNormalization: false);

        // The bytes of a character without a piece share its offset and are already in order.
        for (var end = tokens.Count; end > 0;)
        {
            var start = end - 1;
            while (start > 0 && tokens[start - 1].Offset.Start.Equals(tokens[start].Offset.Start))
            {
                start--;
            }

            for (var i = start; i < end; i++)
            {
                // SentencePiece reports a run of unknown characters as one unknown id. With byte fallback, no character is unknown.
                if (tokens[i].Id != _mirrored.UnknownId || ids is not [.., var last] || last != _mirrored.UnknownId)
                {
                    ids.Add(tokens[i].Id);
                }
            }

            end = start;
        }
    }
}
