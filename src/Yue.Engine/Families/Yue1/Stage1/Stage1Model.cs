using Yue.Engine.Families.Yue1.Text;
using Yue.Engine.Llama;
using Yue.Engine.Residency;

namespace Yue.Engine.Families.Yue1.Stage1;

/// <summary>A stage-1 checkpoint in memory.</summary>
/// <param name="Name">The name that requests use.</param>
/// <param name="Decoder">Writes its tokens.</param>
/// <param name="Prompts">Builds prompts with its tokenizer.</param>
/// <param name="Weights">The decoder's model.</param>
/// <param name="IsLyricsOnly">True for a checkpoint that was not trained on audio prompts.</param>
internal sealed record Stage1Model(string Name, IStage1Decoder Decoder, PromptBuilder Prompts, LlamaModel Weights, bool IsLyricsOnly)
    : IDisposable
{
    /// <summary>Loads a checkpoint.</summary>
    /// <param name="name">The name that requests use.</param>
    /// <param name="folder">Its folder.</param>
    /// <param name="adapter">The folder of a LoRA adapter to merge into it; null for none.</param>
    /// <param name="config">Its dimensions.</param>
    /// <param name="prompts">Returns its prompt builder. Called first, so that an invalid tokenizer is found before the weights are
    /// read.</param>
    /// <param name="isLyricsOnly">True if it was not trained on audio prompts.</param>
    /// <param name="host">The device and memory to load it into.</param>
    /// <param name="report">Called with the fraction done.</param>
    public static Stage1Model Load(
        string name,
        string folder,
        string? adapter,
        LlamaConfig config,
        Func<PromptBuilder> prompts,
        bool isLyricsOnly,
        ModelHost host,
        Action<double> report)
    {
        var builder = prompts();
        var model = LlamaLoader.Load(config, folder, host, report, adapter);
        try
        {
            var songs = host.Plan.Capacity.Songs;
            IStage1Decoder decoder = host.Gpu is null
                ? new TorchStage1Decoder(model, songs)
                : new CudaStage1Decoder(model, host.Gpu, songs);
            return new Stage1Model(name, decoder, builder, model, isLyricsOnly);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Decoder.Dispose();
        Weights.Dispose();
    }
}
