using System.Text.RegularExpressions;
using Yue.Engine.Families.Yue1.Text;
using Yue.Engine.Families.Yue1.Tokens;

namespace Yue.Engine.Tests.Text;

/// <summary>Encodes text as the reference tokenizer does, for goldens whose text may contain control tokens.</summary>
internal static partial class TemplateTokenizer
{
    /// <summary>Returns the ids of a template. The names of control tokens (<see cref="TokenMap.RecognizedInText"/>) become their ids, and
    /// each piece of text between them is encoded separately.</summary>
    public static int[] EncodeTemplate(this YueTokenizer tokenizer, string template)
    {
        List<int> ids = [];
        var start = 0;
        foreach (Match match in ControlName().Matches(template))
        {
            if (TokenMap.RecognizedInText.TryGetValue(match.Value, out var id))
            {
                ids.AddRange(tokenizer.EncodeText(template[start..match.Index]));
                ids.Add(id);
                start = match.Index + match.Length;
            }
        }

        ids.AddRange(tokenizer.EncodeText(template[start..]));
        return [.. ids];
    }

    [GeneratedRegex("</?[A-Za-z0-9_]+>")]
    private static partial Regex ControlName();
}
