using Microsoft.Extensions.Options;
using Yue.Engine.Separation;
using Yue.Engine.Weights;

namespace YueService.Settings;

/// <summary>Checks the separator's settings; a file that is no separator is found here, not at the first request that needs it.</summary>
internal sealed class SeparatorOptionsValidator(UnreadableSettings<SeparatorOptions> unreadable) : IValidateOptions<SeparatorOptions>
{
    private const int MinFftSize = 2048;
    private const int MaxFftSize = 32_768;

    public ValidateOptionsResult Validate(string? name, SeparatorOptions options)
    {
        var faults = unreadable.Messages.Concat(Faults(options)).ToList();
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    private static IEnumerable<string> Faults(SeparatorOptions options)
    {
        if (options.SeparatorStem is not ("vocal" or "instrumental"))
        {
            yield return $"Yue:SeparatorStem is '{options.SeparatorStem}'; it must be vocal or instrumental.";
        }

        if (options.SeparatorFftSize is < MinFftSize or > MaxFftSize || options.SeparatorFftSize % 2 != 0)
        {
            yield return $"Yue:SeparatorFftSize is {options.SeparatorFftSize}; it must be an even number from {MinFftSize} to {MaxFftSize}.";
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
