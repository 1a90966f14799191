using NJsonSchema;
using NJsonSchema.CodeGeneration;
using NSwag;
using NSwag.CodeGeneration;

namespace YueService.Tests.Client;

/// <summary>Converts the names of the API to C# names.</summary>
internal sealed class ClientNames : DefaultTypeNameGenerator, IPropertyNameGenerator, IParameterNameGenerator
{
    /// <summary>Returns <c>MaxNewTokens</c> for <c>max_new_tokens</c>.</summary>
    public static string Pascal(string name) => string.Concat(
        name.Split(['_', '-'], StringSplitOptions.RemoveEmptyEntries).Select(word => char.ToUpperInvariant(word[0]) + word[1..]));

    /// <inheritdoc/>
    public string Generate(JsonSchemaProperty property) => Pascal(property.Name);

    /// <inheritdoc/>
    public string Generate(OpenApiParameter parameter, IEnumerable<OpenApiParameter> allParameters)
    {
        var name = Pascal(parameter.Name);
        return char.ToLowerInvariant(name[0]) + name[1..];
    }

    /// <inheritdoc/>
    protected override string Generate(JsonSchema schema, string? typeNameHint) => Pascal(base.Generate(schema, typeNameHint));
}
