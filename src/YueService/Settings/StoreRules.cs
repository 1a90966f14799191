using Npgsql;

namespace YueService.Settings;

/// <summary>Checks the locations of jobs and files. A connection string may contain a password, so messages do not repeat it.</summary>
internal sealed class StoreRules : OptionsRules<StoreOptions>
{
    protected override IEnumerable<string> Faults(StoreOptions options)
    {
        if (options.Store is { Length: > 0 } store && FaultOf(store) is { } fault)
        {
            yield return $"Yue:Store {fault}; write a connection string such as Host=db;Database=yue;Username=yue.";
        }

        if (options.Files is { Length: > 0 } files && S3Place.IsS3(files) && !S3Place.TryParse(files, out _, out var place))
        {
            yield return $"Yue:Files {place}; write s3://bucket/prefix, and ?endpoint=https://… for servers other than Amazon's.";
        }

        if (options.IsShared() && options.Files is null or "")
        {
            yield return "Yue:Files is not set, but Yue:Store is: set the location of the files that all processes can reach, "
                + "s3://bucket/prefix or a shared folder.";
        }

        if (options.Files is { Length: > 0 } && !options.IsShared())
        {
            yield return "Yue:Files is set, but Yue:Store is not: set Yue:Store to the database that all processes share, "
                + "or leave Yue:Files out.";
        }
    }

    private static string? FaultOf(string store)
    {
        try
        {
            return new NpgsqlConnectionStringBuilder(store).Host is null or "" ? "names no Host" : null;
        }
        catch (Exception e) when (e is ArgumentException or FormatException or InvalidCastException)
        {
            return "cannot be read";
        }
    }
}
