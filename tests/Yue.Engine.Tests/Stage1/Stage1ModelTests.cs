using Xunit;
using Yue.Engine.Families.Yue1.Stage1;
using Yue.Engine.Weights;
using Yue.Testing;

namespace Yue.Engine.Tests.Stage1;

public sealed class Stage1ModelTests
{
    /// <summary>The folder of the weights does not exist, so reading them would fail with a different error.</summary>
    [Fact]
    public void An_invalid_tokenizer_is_found_before_the_weights_are_read()
    {
        var error = Assert.Throws<CheckpointException>(() => Stage1Model.Load(
            "en",
            "/no/such/folder",
            adapter: null,
            TestLlama.Tiny,
            () => throw new CheckpointException("tokenizer.model", "is damaged"),
            isLyricsOnly: false,
            host: null!,
            _ => { }));
        Assert.Equal("tokenizer.model", error.File);
    }
}
