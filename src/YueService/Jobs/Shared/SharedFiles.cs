using Microsoft.Extensions.Options;
using YueService.Settings;

namespace YueService.Jobs.Shared;

/// <summary>The files that several processes share.</summary>
internal static class SharedFiles
{
    /// <summary>Opens the configured location.</summary>
    /// <exception cref="OptionsValidationException">The location is invalid. The validation of settings reports this earlier.</exception>
    public static IFileStore Open(StoreOptions options, TimeProvider clock)
    {
        var place = options.Files!;
        return !S3Place.IsS3(place) ? new FolderFiles(place, claim: null, clock)
            : S3Place.TryParse(place, out var bucket, out var fault) ? new S3Files(bucket, clock)
            : throw new OptionsValidationException(nameof(StoreOptions.Files), typeof(StoreOptions), [fault]);
    }
}
