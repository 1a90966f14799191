using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace YueService.Api.OpenApi;

/// <summary>The forms that a field may have beside null, for the description of the interface.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class OneOfAttribute(params Type[] types) : Attribute
{
    /// <summary>Adds the forms to the schema of a field that has the attribute.</summary>
    public static async Task CompleteAsync(OpenApiSchema schema, OpenApiSchemaTransformerContext context, CancellationToken cancel)
    {
        var forms = context.JsonPropertyInfo?.AttributeProvider?.GetCustomAttributes(typeof(OneOfAttribute), inherit: false);
        foreach (var form in (forms ?? []).Cast<OneOfAttribute>())
        {
            schema.OneOf = [new OpenApiSchema { Type = JsonSchemaType.Null }];
            foreach (var type in form.Types)
            {
                schema.OneOf.Add(await context.GetOrCreateSchemaAsync(type, null, cancel));
            }
        }
    }

    private Type[] Types => types;
}
