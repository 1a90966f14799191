using System.Text;
using YueService.Tests.EndToEnd;

namespace YueService.Tests.Docs;

/// <summary>A command in a code block of README.md or docs/*.md.</summary>
/// <param name="Place">The file and the line.</param>
/// <param name="Text">The command with its continuation lines, as a shell reads it.</param>
internal sealed record DocumentedCommand(string Place, string Text)
{
    /// <summary>The first words of commands that are not run, with the reason.</summary>
    public static readonly IReadOnlyList<(string Start, string Reason)> NotRun =
    [
        ("dotnet test", "runs the suite that this test is part of"),
        ("dotnet publish", "takes minutes, and the CUDA packages or a container registry"),
        ("dotnet run -c Release --project src/YueService -- models pull", "downloads 18 GB"),
        ("yue models pull", "downloads 18 GB"),
        ("yue models verify", "needs the 18 GB that a pull downloads"),
        ("mkdir -p ~/", "changes the home folder"),
        ("ln -sf ~/", "needs what dotnet publish makes"),
        ("install -Dm644 yue.service", "needs systemd"),
        ("systemctl", "needs systemd"),
        ("loginctl", "needs systemd"),
        ("docker", "needs docker"),
        ("kubectl", "needs a Kubernetes cluster"),
        ("dotnet run -c Release --project bench/Yue.Bench", "measures for minutes"),
        ("yue serve --urls http://127.0.0.1:2099 &", "measures for minutes"),
        ("Yue.Bench", "needs a GPU"),
        ("export OMP_NUM_THREADS=1", "prepares the services of the next command"),
        ("for port in $(seq 2101 2114)", "starts 14 services on 16 cores"),
        ("python3 tools/demo-model/", "needs PyTorch, a GPU or the songs of 14 services"),
        ("kill $(jobs -p)", "ends the 14 services"),
    ];

    /// <summary>The command that only starts the service.</summary>
    public const string Serve = "dotnet run -c Release --project src/YueService";

    /// <summary>The reason why the command is not run; null if it is run.</summary>
    public string? ReasonNotRun => NotRun.FirstOrDefault(entry => Text.StartsWith(entry.Start, StringComparison.Ordinal)).Reason;

    /// <summary>Returns every command, in the order of the documents.</summary>
    public static IReadOnlyList<DocumentedCommand> ReadAll() =>
    [
        .. new[] { Path.Combine(DemoProcess.Repository, "README.md") }
            .Concat(Directory.GetFiles(Path.Combine(DemoProcess.Repository, "docs"), "*.md").Order(StringComparer.Ordinal))
            .SelectMany(Read),
    ];

    /// <summary>Returns the lines of the code blocks of a file that are marked as shell or not marked at all.</summary>
    private static IEnumerable<DocumentedCommand> Read(string file)
    {
        string? language = null;
        var command = new StringBuilder();
        var number = 0;
        foreach (var line in File.ReadLines(file))
        {
            number++;
            if (line.StartsWith("```", StringComparison.Ordinal))
            {
                language = language is null ? line[3..].Trim() : null;
            }
            else if (language is "" or "sh" or "bash")
            {
                command.AppendLine(line);
                if (!line.EndsWith('\\') && command.ToString().Trim() is var text)
                {
                    command.Clear();
                    if (text.Length > 0)
                    {
                        yield return new($"{Path.GetFileName(file)}:{number}", text);
                    }
                }
            }
        }
    }
}
