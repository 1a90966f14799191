using Spectre.Console;

namespace YueService.CommandLine;

/// <summary>The columns of a progress line, chosen to fit the width of a terminal, because a line that wraps cannot be redrawn in
/// place.</summary>
/// <remarks>If the terminal is narrow, the details are dropped first, then the bar, then the text. The percentage is always
/// shown.</remarks>
internal sealed class BarLayout
{
    private const int PercentWidth = 4;
    private const int Gap = 1;
    private const int MinText = 26;       // "singing section 12 of 120"
    private const int MinBar = 5;
    private const int UsefulBar = 10;
    private const int MaxBar = 40;

    private readonly int _textWidth;

    /// <param name="width">The terminal's width in characters.</param>
    /// <param name="details">Additional columns with their widths, most useful first.</param>
    public BarLayout(int width, params (ProgressColumn Column, int Width)[] details)
    {
        // The last column of a line is left empty, because some terminals wrap after it.
        var room = width - 1 - PercentWidth - Gap;
        var columns = new List<ProgressColumn> { new PercentageColumn() };
        foreach (var (column, columnWidth) in details)
        {
            if (room < MinText + Gap + UsefulBar + Gap + columnWidth)
            {
                break;
            }

            room -= Gap + columnWidth;
            columns.Add(column);
        }

        var bar = Math.Min(MaxBar, room - MinText - Gap);
        if (bar >= MinBar)
        {
            room -= Gap + bar;
            columns.Insert(0, new ProgressBarColumn { Width = bar });
        }

        _textWidth = Math.Max(0, room);
        if (_textWidth > 0)
        {
            columns.Insert(0, new TaskDescriptionColumn { Alignment = Justify.Left });
        }

        Columns = [.. columns];
    }

    public ProgressColumn[] Columns { get; }

    /// <summary>Returns text as markup, cut to the available width.</summary>
    public string Text(string text) => Markup.Escape(
        text.Length <= _textWidth ? text
        : _textWidth == 0 ? ""
        : $"{text[..(_textWidth - 1)]}…");
}
