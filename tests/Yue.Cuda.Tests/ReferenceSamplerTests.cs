using Xunit;
using Yue.Engine.Sampling;

namespace Yue.Cuda.Tests;

/// <summary>Compares <see cref="ReferenceSampler"/>, the reference for the device's sampler, with the engine's chain. A seed must give the
/// same ids on the device and on the CPU.</summary>
public sealed class ReferenceSamplerTests
{
    public static TheoryData<string> Chains => [.. SamplerTests.Chains.Select(row => row.Data).Where(chain => chain != "greedy")];

    [Theory]
    [MemberData(nameof(Chains))]
    public void The_engine_chain_draws_the_same_ids(string name)
    {
        const int V = SamplerTests.Vocabulary;
        var settings = SamplerTests.Settings(name);
        var sampling = new SectionSampling
        {
            GuidanceScale = settings.UnconditionalRow is null ? 1 : settings.Guidance,
            RepetitionPenalty = settings.RepetitionPenalty,
            Temperature = settings.Temperature,
            TopP = settings.TopP,
            TopK = settings.TopK,
            MinNewTokens = settings.MinTokens,
            MaxNewTokens = settings.MaxTokens,
            EndId = settings.EndId,
            Allowed = [.. settings.Allowed.Select(range => new IdRange(range.Low, range.High - range.Low))],
        };
        var (chain, random, seen, engineSeen) = (
            new SamplingChain(V), new Random(5), new HashSet<int> { 1001, 1500, 2000 }, new SeenIds(V));
        engineSeen.Add([.. seen]);
        const int Steps = 300;
        var wrong = 0;
        for (var step = 0; step < Steps; step++)
        {
            var logits = SamplerTests.Logits(random, 2, step % 3 == 0 ? 2 : 6);
            var distribution = ReferenceSampler.Distribution(
                logits[..V], settings.UnconditionalRow is null ? null : logits[V..], settings, seen, step);
            var id = ReferenceSampler.Draw(distribution, settings.Seed, settings.Section, step);
            wrong += id == chain.Next(logits.AsSpan(..V), logits.AsSpan(V..), sampling, engineSeen, step)
                .Draw(PhiloxRandom.Uniform((long)settings.Seed, settings.Section, step)) ? 0 : 1;
            seen.Add(id);
            engineSeen.Add(id);
        }

        // If a random number is within rounding error of the boundary between two ids, either may be drawn.
        Assert.True(wrong <= 2, $"{name}: {wrong} of {Steps} ids differ");
    }
}
