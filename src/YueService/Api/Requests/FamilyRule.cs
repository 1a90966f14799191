using Yue.Engine.Songs;

namespace YueService.Api.Requests;

/// <summary>Checks that a request has only fields that its model supports.</summary>
internal static class FamilyRule
{
    /// <summary>Reports every field of a request that the model's family does not support.</summary>
    /// <param name="model">The model that the request names; null means the first one.</param>
    /// <param name="models">The models. If they are not known yet, the list is empty and every field is accepted.</param>
    /// <param name="findings">The fields that the request has; receives the errors.</param>
    public static void Check(string? model, IReadOnlyList<ModelDescription> models, RequestFindings findings)
    {
        var chosen = models.FirstOrDefault(known => model is null || known.Name == model);
        if (chosen is null || findings.Errors.ContainsKey(SongFields.Model.Path))
        {
            return;
        }

        foreach (var field in findings.SentFields.Where(field => !Supports(chosen, field)))
        {
            var others = models.Where(other => Supports(other, field)).Select(other => other.Name).ToList();
            var rest = others.Count == 0
                ? " or by any other model of this service; leave it out"
                : $"; leave it out, or choose a model that supports it: {string.Join(", ", others)}";
            findings.Error(field.Path, $"{field.Path} is not supported by the model {chosen.Name} ({chosen.Family.Title}){rest}.");
        }
    }

    /// <summary>Returns the family of the model that a request names; null if no such model is known.</summary>
    public static FamilyDescription? FamilyOf(string? model, IReadOnlyList<ModelDescription> models) =>
        models.FirstOrDefault(known => model is null || known.Name == model)?.Family;

    /// <summary>Returns true if a model supports a field.</summary>
    public static bool Supports(ModelDescription model, RequestField field) =>
        field.IsForEveryFamily || model.Family.Supports(field.SongPath);
}
