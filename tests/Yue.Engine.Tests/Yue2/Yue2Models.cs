using Yue.Engine.Families.Yue2.Backbone;
using Yue.Engine.Families.Yue2.Flow;
using Yue.Engine.Llama;
using Yue.Engine.Weights;
using Yue.Testing;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Yue2;

/// <summary>The two transformers of the goldens, in float32 on the CPU, loaded once per test class.</summary>
public sealed class Yue2Models : IDisposable
{
    private readonly Lazy<LlamaModel> _language = new(() => Load(
        source => new LlamaModel(Config.Language, LlamaWeights.Load(Config.Language, source))));

    private readonly Lazy<FlowModel> _flow;

    public Yue2Models() => _flow = new(() => Load(source => new FlowModel(Config, source, Language)));

    public static Yue2Config Config => Yue2Config.Load(Yue2Goldens.LanguageModelFolder);

    /// <summary>The transformer that writes tokens.</summary>
    public LlamaModel Language => _language.Value;

    /// <summary>The transformer that predicts velocities.</summary>
    public FlowModel Flow => _flow.Value;

    /// <summary>Loads another transformer that predicts velocities. Its chunks share the given cache. The caller disposes the
    /// transformer and the cache.</summary>
    public FlowModel FlowWith(KvCache cache) => Load(source => new FlowModel(Config, source, Language) { Cache = cache });

    public void Dispose()
    {
        if (_flow.IsValueCreated)
        {
            _flow.Value.Dispose();
        }

        if (_language.IsValueCreated)
        {
            _language.Value.Dispose();
        }
    }

    private static T Load<T>(Func<CheckpointTensors, T> load)
    {
        using var checkpoint = SafetensorsCheckpoint.Open(Yue2Goldens.LanguageModelFolder);
        return load(new CheckpointTensors(checkpoint, ScalarType.Float32));
    }
}
