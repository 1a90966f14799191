using Yue.Engine.Families.Yue2.Backbone;
using Yue.Engine.Llama;
using Yue.Engine.Weights;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Yue2;

/// <summary>The language model of the goldens, in float32 on the CPU, loaded once for a class of tests.</summary>
public sealed class Yue2Models : IDisposable
{
    private readonly Lazy<LlamaModel> _language;

    public Yue2Models()
    {
        _language = new(() =>
        {
            using var checkpoint = SafetensorsCheckpoint.Open(Yue2Goldens.LanguageModelFolder);
            var source = new CheckpointTensors(checkpoint, ScalarType.Float32);
            return new LlamaModel(Config.Language, LlamaWeights.Load(Config.Language, source));
        });
    }

    public static Yue2Config Config => Yue2Config.Load(Yue2Goldens.LanguageModelFolder);

    /// <summary>The transformer that writes tokens.</summary>
    public LlamaModel Language => _language.Value;

    public void Dispose()
    {
        if (_language.IsValueCreated)
        {
            _language.Value.Dispose();
        }
    }
}
