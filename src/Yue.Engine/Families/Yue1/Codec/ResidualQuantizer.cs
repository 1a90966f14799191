using Yue.Engine.Layers;
using Yue.Engine.Tensors;
using Yue.Engine.Weights;
using static TorchSharp.torch;

namespace Yue.Engine.Families.Yue1.Codec;

/// <summary>The residual vector quantizer (docs/model.md 5.7). The model's <see cref="WeightOwner"/> owns the codebooks.</summary>
internal sealed class ResidualQuantizer
{
    private readonly Tensor[] _codebooks;

    /// <summary>Reads <c>quantizer.vq.layers.{k}._codebook.embed</c> [bins, C] of every stage.</summary>
    public ResidualQuantizer(ITensorSource source, CodecConfig config)
    {
        static string Name(int stage) => $"quantizer.vq.layers.{stage}._codebook.embed";
        (Bins, Channels) = (config.CodebookSize, source.Dimension(Name(0), 1));
        _codebooks = [.. Enumerable.Range(0, config.Codebooks).Select(stage => source.Read(Name(stage), Bins, Channels))];
    }

    /// <summary>The number of stages, each with its own codebook.</summary>
    public int Stages => _codebooks.Length;

    /// <summary>The number of rows per codebook.</summary>
    public long Bins { get; }

    /// <summary>The size of a row.</summary>
    public long Channels { get; }

    /// <summary>Returns the sum of the codebook rows for the codes.</summary>
    /// <param name="codes">[Q, F], integer, on any device, Q at most <see cref="Stages"/>; row k holds the codes of codebook k.</param>
    /// <returns>[1, C, F], F32; the caller disposes it.</returns>
    /// <exception cref="ArgumentException">Q is out of range, or a code is not the index of a row of its codebook.</exception>
    public Tensor Decode(Tensor codes)
    {
        var (Q, F) = Shape.Dims2(codes);
        if (Q < 1 || Q > Stages)
        {
            throw new ArgumentException($"{Q} rows of codes were passed, expected 1 to {Stages}", nameof(codes));
        }

        using var scope = NewDisposeScope();
        var device = _codebooks[0].device;
        if (F == 0)
        {
            return zeros([1, Channels, 0], ScalarType.Float32, device).MoveToOuterDisposeScope();
        }

        var rows = codes.to(ScalarType.Int64);
        var (min, max) = (rows.min().item<long>(), rows.max().item<long>());
        if (min < 0 || max >= Bins)
        {
            throw new ArgumentException($"the codes range from {min} to {max}, expected 0 to {Bins - 1}", nameof(codes));
        }

        rows = rows.to(device);
        var sum = _codebooks[0].index_select(0, rows[0]);               // [F, C]
        for (var k = 1; k < Q; k++)
        {
            using var part = _codebooks[k].index_select(0, rows[k]);
            sum.add_(part, Scalars.One);
        }

        return sum.transpose(0, 1).unsqueeze(0).contiguous().MoveToOuterDisposeScope();
    }

    /// <summary>Quantizes stage by stage: the nearest row (the first one on ties) is chosen and subtracted.</summary>
    /// <param name="x">[F, C], F32.</param>
    /// <param name="stages">The number of stages to run, at most <see cref="Stages"/>.</param>
    /// <returns>[stages, F], I64; the caller disposes it.</returns>
    public Tensor Encode(Tensor x, int stages)
    {
        using var scope = NewDisposeScope();
        var residual = x;
        var codes = new Tensor[stages];
        for (var k = 0; k < stages; k++)
        {
            var codebook = _codebooks[k];
            using var stage = NewDisposeScope();

            // The distance is computed in the reference's order of operations, so that near-ties have the same result.
            var distance = ((residual * residual).sum(-1, keepdim: true)
                - residual.matmul(codebook.t()).mul_(Scalars.Of(2)))
                .Plus((codebook * codebook).sum(-1).unsqueeze(0));      // [F, bins]
            codes[k] = distance.neg().argmax(-1).MoveToOuterDisposeScope();
            residual = (residual - codebook.index_select(0, codes[k])).MoveToOuterDisposeScope();
        }

        return stack(codes).MoveToOuterDisposeScope();
    }
}
