using Microsoft.Extensions.Options;
using Yue.Engine.Audio;
using Yue.Engine.Separation;

namespace YueService.Jobs.Audio;

/// <summary>The configured separator, opened on first use.</summary>
internal sealed class StemSeparator(IOptions<SeparatorOptions> options) : IDisposable
{
    private readonly Lazy<MdxSeparator> _separator = new(options.Value.Open);

    /// <summary>True if a separator is configured.</summary>
    public bool IsAvailable => options.Value.Separator is not null;

    /// <summary>Splits a mix into vocal and instrumental.</summary>
    public IEnumerable<AudioClip> Separate(DecodedSound mix, CancellationToken cancel)
    {
        var (vocal, instrumental) = _separator.Value.Separate(mix, cancel);
        return [vocal, instrumental];
    }

    public void Dispose()
    {
        if (_separator.IsValueCreated)
        {
            _separator.Value.Dispose();
        }
    }
}
