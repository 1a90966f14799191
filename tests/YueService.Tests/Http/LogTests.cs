using System.Globalization;
using Serilog;
using Serilog.Formatting.Display;
using Xunit;
using YueService.Telemetry;
using YueService.Tests.Fakes;

namespace YueService.Tests.Http;

/// <summary>Tests that values from callers cannot inject anything into the log.</summary>
public sealed class LogTests
{
    [Theory]
    [InlineData("/%0a12:00:00.000%20ERR%20FORGED", "/\\n12:00:00.000 ERR FORGED")]
    [InlineData("/%1b[31mred", "/\\u001b[31mred")]
    [InlineData("/%0d%7f%c2%85", "/\\r\\u007f\\u0085")]
    [InlineData("/%e2%80%a8%e2%80%ae", "/\\u2028\\u202e")]
    public async Task Control_characters_in_a_path_are_escaped(string path, string logged)
    {
        using var app = new YueApp();
        using var client = app.CreateClient();
        using var response = await client.GetAsync(path, TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(() => app.Log.Text.Contains(logged, StringComparison.Ordinal));
        Assert.All(app.Log.Events, logEvent => Assert.DoesNotContain(
            logEvent.RenderMessage(null) + string.Join("", logEvent.Properties),
            character => char.IsControl(character) || character is '\u2028' or '\u202e'));
    }

    [Fact]
    public async Task Control_characters_in_lyrics_are_escaped()
    {
        using var app = new YueApp(("Yue:LogLyrics", "true"));
        using var client = app.CreateClient();
        using var response = await client.PredictAsync("""{"lyrics":"la\n\u001b[31mla","genre":"a\tb"}""");
        Assert.Contains(
            "genre a\\tb, lyrics la\\n\\u001b[31mla", app.Log.Text.Replace("\"", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public void Values_and_exceptions_on_the_console_cannot_look_like_log_entries()
    {
        var printed = Print(log =>
        {
            log.Error(
                new InvalidOperationException("a\n12:00:00.000 ERR FORGED\r\u001b[2J"),
                "failed with {Value} in {@Parts}", "x\ny", new[] { "p\u001b" });
            log.Information("plain");
        });
        var lines = printed.TrimEnd('\n').Split('\n');
        Assert.DoesNotContain(printed, character => char.IsControl(character) && character != '\n');
        Assert.Equal(2, lines.Count(line => line.Length > 0 && !line.StartsWith("    ", StringComparison.Ordinal)));
        Assert.Contains("failed with x\\ny in [\"p\\\\u001b\"]", lines[0], StringComparison.Ordinal);
        Assert.Contains("    12:00:00.000 ERR FORGED\\r\\u001b[2J", lines);
        Assert.Contains("plain", lines[^1], StringComparison.Ordinal);
    }

    /// <summary>Returns the console output of log calls.</summary>
    private static string Print(Action<ILogger> log)
    {
        var collected = new CollectedLog();
        using (var logger = new LoggerConfiguration().Enrich.With<ControlCharacters>().WriteTo.Sink(collected).CreateLogger())
        {
            log(logger);
        }

        var printed = new StringWriter { NewLine = "\n" };
        var format = new MessageTemplateTextFormatter(LoggingExtensions.Template, CultureInfo.InvariantCulture);
        foreach (var logEvent in collected.Events)
        {
            format.Format(logEvent, printed);
        }

        return printed.ToString();
    }
}
