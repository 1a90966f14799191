using System.CommandLine;
using System.CommandLine.Parsing;
using Yue.Engine.Weights;
using YueService.Downloads;

namespace YueService.CommandLine;

/// <summary><c>yue models pull|list|verify|quantize</c>: manages the checkpoint files.</summary>
internal sealed class ModelsCommand
{
    private const string TokenVariable = "HF_TOKEN";

    private readonly Option<string> _folder = new("--folder")
    {
        HelpName = "FOLDER",
        Description = "The folder for checkpoints",
        DefaultValueFactory = _ => ModelFolder.Default,
        Recursive = true,
    };

    private readonly Option<string?> _manifest = new("--manifest")
    {
        HelpName = "FILE",
        Description = "The manifest to use instead of the models.json next to the program",
        Recursive = true,
    };

    private readonly Option<Uri?> _mirror = new("--mirror")
    {
        HelpName = "URL",
        Description = "The base address of a mirror of the model hub",
        CustomParser = result => Uri.TryCreate(result.Tokens[0].Value, UriKind.Absolute, out var address)
            && (address.Scheme == Uri.UriSchemeHttps || address.Scheme == Uri.UriSchemeHttp)
                ? address
                : Fault(result, $"--mirror is '{result.Tokens[0].Value}'; write an address such as https://mirror.example/hf."),
    };

    private readonly TextReader? _input;

    private ModelsCommand(TextReader? input) => _input = input;

    /// <summary>Creates the command.</summary>
    /// <param name="input">The input for answers to questions; null if nobody can answer.</param>
    public static Command Create(TextReader? input) => new ModelsCommand(input).Build();

    private Command Build()
    {
        var settings = new DownloadSettings();
        var models = new Command("models", "Downloads, lists, verifies and quantizes checkpoints");
        models.Options.Add(_folder);
        models.Options.Add(_manifest);
        models.Subcommands.Add(Pull(settings));
        models.Subcommands.Add(List());
        models.Subcommands.Add(Verify());
        models.Subcommands.Add(new QuantizeCommand(RunAsync, DiskSpace.OfMachine(settings.SpareBytes)).Build());
        return models;
    }

    private Command Pull(DownloadSettings settings)
    {
        var profile = new Argument<string>("PROFILE") { Description = "A name that yue models list shows" };
        var pull = new Command("pull", "Downloads the files of a profile; resumes an interrupted download") { profile };
        var accept = new Option<bool>("--accept-licence")
        {
            Description = "Accepts the license of the models without asking, for use in scripts",
        };
        pull.Options.Add(_mirror);
        pull.Options.Add(accept);
        pull.SetAction((line, cancel) => RunAsync(line, async (folder, output, stop) =>
        {
            var name = Known(folder, line.GetRequiredValue(profile));
            var missing = folder.MissingOf(name).Select(file => file.Checkpoint).Distinct();
            if (!await new LicenceConsent(folder.Manifest, _input, output).AskAsync(missing, line.GetValue(accept)))
            {
                throw new UsageException(
                    "The license was not accepted, and nothing was downloaded. In a script, --accept-licence accepts it.");
            }

            var token = Token();
            var address = line.GetValue(_mirror) ?? folder.Manifest.Hub;
            var error = line.InvocationConfiguration.Error;
            if (token is not null && !HubClient.IsSafeForToken(address))
            {
                await error.WriteLineAsync($"{TokenVariable} is not sent to {address.Host}: the connection is not encrypted.");
            }

            using var hub = new HubClient(address, token, settings);
            var view = ProgressViews.For(error);
            var work = new ModelPull(
                folder,
                hub,
                settings,
                (progress, pulling) => view.FollowAsync(() => Describe(progress), pulling),
                output,
                path => new DriveInfo(path).AvailableFreeSpace);
            await work.RunAsync(name, stop);
            return ExitCode.Success;
        }, cancel));
        return pull;
    }

    private Command List()
    {
        var list = new Command("list", "Lists the profiles and how many of their files are installed");
        list.SetAction((line, cancel) => RunAsync(line, async (folder, output, _) =>
        {
            var locked = ModelLock.Read(folder.Path);
            await output.WriteLineAsync($"In {folder.Path}:");
            foreach (var profile in folder.Manifest.Profiles.Keys)
            {
                var files = folder.FilesOf(profile);
                var installed = files.Count(file => file.Exists(locked));
                var about = string.Join(
                    "; ",
                    folder.Manifest.CheckpointsOf(profile)
                        .Where(checkpoint => checkpoint.IsSongModel || !folder.Manifest.IsWhole(profile))
                        .Select(checkpoint => $"{checkpoint.About} ({checkpoint.Licence})"));
                await output.WriteLineAsync(
                    $"  {profile,-10} {ByteText.Of(files.Sum(file => file.File.ExpectedBytes)),8}  {installed} of "
                        + $"{files.Count} files  {about}");
            }

            foreach (var (name, model) in folder.Manifest.UserSupplied)
            {
                await output.WriteLineAsync($"  {name,-10} optional, not downloaded ({model.Setting}): {model.About}");
                await output.WriteLineAsync($"  {"",-10} {string.Join(", ", model.Repositories)}. {model.Licence}");
            }

            await output.WriteLineAsync("Licenses:");
            foreach (var same in folder.Manifest.Checkpoints.Values.GroupBy(checkpoint => checkpoint.Licence))
            {
                var repositories = same.Select(checkpoint => checkpoint.Repository).Distinct();
                await output.WriteLineAsync($"  {same.Key}: {string.Join(", ", repositories)}");
            }

            foreach (var licence in folder.Manifest.Licences)
            {
                await output.WriteLineAsync(licence);
            }

            return ExitCode.Success;
        }, cancel));
        return list;
    }

    private Command Verify()
    {
        var profile = new Argument<string?>("PROFILE")
        {
            Description = "The profile to verify; without one, every profile that has been pulled",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var verify = new Command("verify", "Reads every file and checks its size and hash") { profile };
        verify.SetAction((line, cancel) => RunAsync(line, async (folder, output, stop) =>
        {
            var locked = ModelLock.Read(folder.Path);
            IReadOnlyList<string> profiles = line.GetValue(profile) is { } name
                ? [Known(folder, name)]
                : [.. folder.Manifest.Profiles.Keys.Where(folder.HasBegun)];
            var sound = profiles.Count > 0;
            foreach (var file in profiles.SelectMany(folder.FilesOf).DistinctBy(file => file.Name))
            {
                var (verdict, text) = await ModelVerify.FileAsync(file, locked, stop);
                sound &= verdict is FileVerdict.Ok;
                await output.WriteLineAsync($"{verdict.ToString().ToLowerInvariant(),-8} {file.Name}: {text}");
            }

            await output.WriteLineAsync(
                profiles.Count == 0 ? "No checkpoint is installed. Fix: yue models pull PROFILE"
                : sound ? "All files are valid."
                : "Fix: remove the invalid files, then run yue models pull PROFILE");
            return sound ? ExitCode.Success : ExitCode.Failure;
        }, cancel));
        return verify;
    }

    /// <summary>Runs a command on the models folder and reports errors in one line.</summary>
    private async Task<int> RunAsync(
        ParseResult line, Func<ModelFolder, TextWriter, CancellationToken, Task<int>> run, CancellationToken cancel)
    {
        var error = line.InvocationConfiguration.Error;
        using var signals = new CancelOnSignal(cancel);
        try
        {
            var manifest = line.GetValue(_manifest) is { } file ? ModelManifest.Load(file) : ModelManifest.LoadDefault();
            return await run(new ModelFolder(line.GetRequiredValue(_folder), manifest), line.InvocationConfiguration.Output, signals.Token);
        }
        catch (UsageException e)
        {
            await error.WriteLineAsync(e.Message);
            return ExitCode.Usage;
        }
        catch (OperationCanceledException) when (signals.Token.IsCancellationRequested)
        {
            await error.WriteLineAsync("Stopped. Run the same command again to resume.");
            return ExitCode.Cancelled;
        }
        catch (Exception e) when (e is DownloadException
            or CheckpointException
            or IOException
            or UnauthorizedAccessException
            or InvalidDataException)
        {
            await error.WriteLineAsync(e.Message);
            return ExitCode.Failure;
        }
    }

    private static ProgressLine Describe(FileProgress progress) =>
        new(Path.GetFileName(progress.Name), progress.Fraction) { Bytes = Math.Max(1, progress.Total), Notice = progress.TakeWaiting() };

    private static string Known(ModelFolder folder, string profile) => folder.Manifest.Profiles.ContainsKey(profile)
        ? profile
        : throw new UsageException(
            $"There is no profile '{profile}'; the profiles are {string.Join(", ", folder.Manifest.Profiles.Keys)}.");

    /// <summary>Returns the token from the environment; null without one. A token that is not valid in a header is rejected without being
    /// shown.</summary>
    private static string? Token()
    {
        var token = Environment.GetEnvironmentVariable(TokenVariable)?.Trim();
        return token is null or "" ? null
            : token.All(character => character is > ' ' and <= '~') ? token
            : throw new UsageException($"{TokenVariable} contains invalid characters.");
    }

    private static Uri? Fault(ArgumentResult result, string message)
    {
        result.AddError(message);
        return null;
    }

    /// <summary>The command line or the token is invalid, or the license was not accepted. The message says what to change.</summary>
    internal sealed class UsageException(string message) : Exception(message);
}
