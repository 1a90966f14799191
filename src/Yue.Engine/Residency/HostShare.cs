namespace Yue.Engine.Residency;

/// <summary>The parts of the models that stay in host memory, so that they use no GPU memory.</summary>
internal enum HostShare
{
    Nothing,

    /// <summary>The language models' embeddings. A GPU reads a row of them per sequence and step.</summary>
    Embeddings,

    /// <summary>The embeddings, and YuE 1's codec and vocoders, which then run on the CPU.</summary>
    EmbeddingsAndSound,
}
