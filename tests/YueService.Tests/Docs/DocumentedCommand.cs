using System.Text;
using System.Text.RegularExpressions;
using YueService.Tests.EndToEnd;

namespace YueService.Tests.Docs;

/// <summary>A command in a code block of README.md or of a document in docs.</summary>
/// <param name="Place">The file and the line.</param>
/// <param name="Text">The command with its continuation lines, as a shell reads it.</param>
internal sealed partial record DocumentedCommand(string Place, string Text)
{
    /// <summary>The first words of commands that are not run, with the reason.</summary>
    public static readonly IReadOnlyList<(string Start, string Reason)> NotRun =
    [
        ("dotnet test", "runs the suite that this test is part of"),
        ("dotnet publish", "takes minutes, and needs the CUDA packages or a container registry"),
        ("dotnet run -c Release --project src/YueService -- models pull", "downloads 18 GB"),
        ("yue models pull", "downloads 18 GB"),
        ("yue models verify", "needs the 18 GB that a pull downloads"),
        ("mkdir -p ~/", "changes the home folder"),
        ("ln -sf ~/", "needs the output of dotnet publish"),
        ("install -Dm644 yue.service", "needs systemd"),
        ("install -Dm644 ~/", "needs systemd"),
        ("systemctl", "needs systemd"),
        ("sha256sum", "needs the files of a release"),
        ("tar xf yue-", "needs the files of a release"),
        ("python3 -c 'import glob, torch", "needs PyTorch"),
        ("git checkout", "changes the working tree"),
        ("scripts/release.sh", "takes minutes to build"),
        ("diff artifacts/release", "needs the files of a release"),
        ("loginctl", "needs systemd"),
        ("docker", "needs Docker"),
        ("kubectl", "needs a Kubernetes cluster"),
        ("yue generate --model yue2", "needs a checkpoint of YuE 2"),
        ("dotnet run -c Release --project bench/Yue.Bench", "runs a benchmark that takes minutes"),
        ("yue serve --urls http://127.0.0.1:2099 &", "runs a benchmark that takes minutes"),
        ("Yue.Bench", "needs a GPU"),
        ("export OMP_NUM_THREADS=1", "configures the services that the next command starts"),
        ("for port in $(seq 2101 2114)", "starts 14 services on 16 cores"),
        ("python3 tools/demo-model/", "needs PyTorch, a GPU or the songs of 14 services"),
        ("kill $(jobs -p)", "ends the 14 services"),
    ];

    /// <summary>The command that only starts the service.</summary>
    public const string Serve = "dotnet run -c Release --project src/YueService";

    /// <summary>The reason why the command is not run; null if it is run.</summary>
    public string? ReasonNotRun => NotRun.FirstOrDefault(entry => Text.StartsWith(entry.Start, StringComparison.Ordinal)).Reason;

    /// <summary>True for a request in docs, which needs no model and takes milliseconds.</summary>
    public bool IsRequestInDocs =>
        Place.StartsWith("docs/", StringComparison.Ordinal) && Text.StartsWith("curl ", StringComparison.Ordinal);

    /// <summary>Returns every command, in the order of the documents.</summary>
    public static IReadOnlyList<DocumentedCommand> ReadAll() =>
    [
        .. new[] { Path.Combine(DemoProcess.Repository, "README.md") }
            .Concat(Directory.GetFiles(Path.Combine(DemoProcess.Repository, "docs"), "*.md", SearchOption.AllDirectories)
                .Order(StringComparer.Ordinal))
            .SelectMany(Read),
    ];

    /// <summary>Returns the commands of a file: those in code blocks that are marked as shell or not marked at all. A command ends with a
    /// line that neither continues with a backslash nor leaves a single quote open.</summary>
    private static IEnumerable<DocumentedCommand> Read(string file)
    {
        var place = Path.GetRelativePath(DemoProcess.Repository, file);
        foreach (var block in new MarkdownDocument(File.ReadLines(file)).Blocks.Where(block => block.Language is "" or "sh" or "bash"))
        {
            var command = new StringBuilder();
            foreach (var (index, line) in block.Text.Split('\n').Index())
            {
                command.AppendLine(line);
                var text = command.ToString().Trim();
                if (!line.EndsWith('\\') && Comment().Replace(text, "").Count(character => character == '\'') % 2 == 0)
                {
                    command.Clear();
                    if (text.Length > 0)
                    {
                        yield return new($"{place}:{block.Line + index + 1}", text);
                    }
                }
            }

            if (command.ToString().Trim() is { Length: > 0 } rest)
            {
                yield return new($"{place}:{block.Line}", rest);
            }
        }
    }

    [GeneratedRegex(@"(?<=\s)#.*")]
    private static partial Regex Comment();
}
