using System.Text.Json.Nodes;
using NJsonSchema.CodeGeneration.CSharp;
using NSwag;
using NSwag.CodeGeneration.CSharp;

namespace YueService.Tests.Client;

/// <summary>Generates the code of YueService.Client from the OpenAPI document, with NSwag.</summary>
internal static class ClientGenerator
{
    /// <summary>Returns the content of YueClient.g.cs.</summary>
    /// <param name="openApi">The text of docs/openapi.json.</param>
    public static async Task<string> GenerateAsync(string openApi)
    {
        var prepared = JsonNode.Parse(openApi)!.AsObject();
        ClientDocument.Prepare(prepared);
        var names = new ClientNames();
        var settings = new CSharpClientGeneratorSettings
        {
            ClassName = "YueClient",
            ExceptionClass = "YueException",
            ParameterNameGenerator = names,
            GenerateOptionalParameters = true,
            UseBaseUrl = false,
            DisposeHttpClient = false,
            CSharpGeneratorSettings =
            {
                Namespace = "YueService.Client",
                PropertyNameGenerator = names,
                TypeNameGenerator = names,
                ExcludedTypeNames = ["FileParameter"],
                JsonLibrary = CSharpJsonLibrary.SystemTextJson,
                JsonLibraryVersion = 10,
                GenerateNullableReferenceTypes = true,
                GenerateOptionalPropertiesAsNullable = true,
                GenerateDataAnnotations = false,
                ArrayType = "System.Collections.Generic.IReadOnlyList",
                ArrayInstanceType = "System.Collections.Generic.List",
                DictionaryType = "System.Collections.Generic.IReadOnlyDictionary",
            },
        };
        var document = await OpenApiDocument.FromJsonAsync(prepared.ToJsonString());
        return new CSharpClientGenerator(document, settings).GenerateFile().ReplaceLineEndings("\n");
    }
}
