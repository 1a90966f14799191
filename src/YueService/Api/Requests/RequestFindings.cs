using System.Text.Json;
using Yue.Engine.Songs;
using YueService.Jobs.Audio;
using YueService.Settings;

namespace YueService.Api.Requests;

/// <summary>The findings from reading a request: its errors, its warnings, and the fields that it contains.</summary>
internal sealed class RequestFindings
{
    // More names would not be useful and could make the response as long as the request.
    private const int MaxUnknownNamed = 50;
    private const int MaxKnownNamed = 8;
    private const int MaxErrors = 500;

    private readonly Dictionary<string, List<string>> _errors = new(StringComparer.Ordinal);
    private readonly List<SongFinding> _notes = [];
    private readonly List<string> _knownPaths = [];
    private readonly List<string> _unknownPaths = [];
    private readonly Dictionary<string, RequestField> _sent = new(StringComparer.Ordinal);
    private int _errorCount;

    /// <summary>The errors, keyed by the field's name in the JSON (<c>sampling.top_p</c>).</summary>
    public IReadOnlyDictionary<string, string[]> Errors
    {
        get
        {
            var errors = _errors.ToDictionary(pair => pair.Key, pair => pair.Value.ToArray(), StringComparer.Ordinal);
            if (_errorCount > MaxErrors)
            {
                errors["$"] = [.. errors.GetValueOrDefault("$", []), $"errors that are not listed: {_errorCount - MaxErrors}"];
            }

            return errors;
        }
    }

    /// <summary>True if the request has no errors.</summary>
    public bool IsValid => _errors.Count == 0;

    /// <summary>The warnings for the caller, in plain words.</summary>
    public IReadOnlyList<string> Warnings => [.. _notes.Select(note => note.Message)];

    /// <summary>The same warnings with the fields that they are about.</summary>
    public IReadOnlyList<SongFinding> Notes => _notes;

    /// <summary>Adds an error. If there are too many, the last ones are only counted.</summary>
    public void Error(string path, string message)
    {
        if (++_errorCount > MaxErrors)
        {
            return;
        }

        if (!_errors.TryGetValue(path, out var messages))
        {
            _errors[path] = messages = [];
        }

        messages.Add(message);
    }

    /// <summary>Adds a warning that a field is ignored.</summary>
    public void WarnIgnored(RequestField field, string message) => Warn("ignored_field", field.Path, message);

    /// <summary>Adds the findings from loading a clip.</summary>
    public void Add(LoadedReference reference)
    {
        foreach (var (field, message) in reference.Errors)
        {
            Error(field, message);
        }

        foreach (var (field, message) in reference.Warnings)
        {
            Warn("clip", field, message);
        }
    }

    /// <summary>The fields that the request contains, except those whose value is a default that does not depend on other fields.</summary>
    public IReadOnlyCollection<RequestField> SentFields => _sent.Values;

    /// <summary>Records a field that the request contains. A default value does not count unless it depends on other fields, because
    /// generated clients send fixed defaults automatically.</summary>
    public void Sent(RequestField field, JsonElement element)
    {
        if (field.Otherwise is not null || field.DefaultJson != JsonText.Show(element))
        {
            Sent(field);
        }
    }

    /// <summary>Records a field that the request contains.</summary>
    public void Sent(RequestField field)
    {
        // The fields in an object are recorded individually.
        if (field is not ObjectField)
        {
            _sent[field.Path] = field;
        }
    }

    /// <summary>Records a known field, whether this request has it or not.</summary>
    public void Known(string path) => _knownPaths.Add(path);

    /// <summary>Records a field of this request that was not read.</summary>
    public void Unknown(string path) => _unknownPaths.Add(path);

    /// <summary>Reports unknown fields with the closest known names: as warnings, or as errors if the caller requested it.</summary>
    public void ReportUnknown(bool strict)
    {
        foreach (var path in _unknownPaths.Take(MaxUnknownNamed))
        {
            var shown = JsonText.Cut(path);
            var closest = Closest(path);
            var known = closest is not null ? $"; the closest known name is {closest}" : KnownSiblings(path);
            if (strict)
            {
                Error(shown, $"{shown} is not a known field{known}. {(closest is null ? "Leave" : "Correct it or leave")} it out.");
            }
            else
            {
                Warn("unknown_field", shown, $"unknown field {shown} was ignored{known}");
            }
        }

        if (_unknownPaths.Count > MaxUnknownNamed)
        {
            var more = $"unknown fields that are not listed: {_unknownPaths.Count - MaxUnknownNamed}";
            if (strict)
            {
                Error("$", $"{more}; leave them out.");
            }
            else
            {
                Warn("unknown_field", "$", $"{more}; they were ignored");
            }
        }
    }

    private void Warn(string code, string field, string message) => _notes.Add(new(code, field, message));

    /// <summary>Returns the end of a sentence that lists the known names in the same object; empty if there are none or too many.</summary>
    private string KnownSiblings(string path)
    {
        var names = _knownPaths.Where(known => Parent(known) == Parent(path)).ToList();
        return names.Count is 0 or > MaxKnownNamed ? "" : $"; the known names are {string.Join(", ", names)}";
    }

    /// <summary>Returns the known field with the most similar name; null if none is similar.</summary>
    private string? Closest(string path)
    {
        var parent = Parent(path);
        var sameObjectFirst = _knownPaths.OrderBy(known => Parent(known) == parent ? 0 : 1);
        return ClosestName.Of(Leaf(path), sameObjectFirst, Leaf);
    }

    private static string Leaf(string path) => path[(path.LastIndexOf('.') + 1)..];

    private static string Parent(string path) => path[..Math.Max(0, path.LastIndexOf('.'))];
}
