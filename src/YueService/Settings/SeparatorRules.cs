using Yue.Engine.Separation;
using Yue.Engine.Weights;

namespace YueService.Settings;

/// <summary>Checks the separator's settings, and opens it so that an invalid file is reported at startup rather than on the first
/// request that needs the separator.</summary>
internal sealed class SeparatorRules : OptionsRules<SeparatorOptions>
{
    private const int MinFftSize = 2048;
    private const int MaxFftSize = 32_768;

    protected override IEnumerable<string> Faults(SeparatorOptions options)
    {
        if (options.SeparatorFftSize is < MinFftSize or > MaxFftSize || options.SeparatorFftSize % 2 != 0)
        {
            yield return $"Yue:SeparatorFftSize is {options.SeparatorFftSize}; "
                + $"it must be an even number from {MinFftSize} to {MaxFftSize}.";
        }
        else if (options.Separator is { } file && FaultOf(file, options) is { } fault)
        {
            yield return $"Yue:Separator cannot be used: {fault}.";
        }
    }

    private static string? FaultOf(string file, SeparatorOptions options)
    {
        if (!File.Exists(file))
        {
            return $"{file}: there is no such file";
        }

        try
        {
            options.Open().Dispose();
            return null;
        }
        catch (CheckpointException error)
        {
            return error.Message;
        }
    }
}
