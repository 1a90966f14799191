using Yue.Engine.Families.Yue2.Text;
using Yue.Testing;

namespace Yue.Engine.Tests.Yue2;

/// <summary>The tokenizer of the goldens, loaded once.</summary>
internal static class Yue2Tokenizer
{
    private static readonly Lazy<BytePairTokenizer> Loaded = new(() => BytePairTokenizer.Load(Yue2Goldens.TokenizerFolder));

    public static BytePairTokenizer Real => Loaded.Value;
}
