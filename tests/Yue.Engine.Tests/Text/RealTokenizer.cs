using Yue.Engine.Families.Yue1.Text;
using Yue.Testing;

namespace Yue.Engine.Tests.Text;

/// <summary>The tokenizer of the goldens, loaded once.</summary>
internal static class RealTokenizer
{
    private static readonly Lazy<YueTokenizer> Loaded = new(() => YueTokenizer.Load(Goldens.PathOf("tokenizer", "tokenizer.model")));

    public static YueTokenizer Instance => Loaded.Value;
}
