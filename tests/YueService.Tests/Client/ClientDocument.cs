using System.Text.Json.Nodes;

namespace YueService.Tests.Client;

/// <summary>Prepares the OpenAPI document for the generator of the C# client, so that the generated code has few types and good
/// names.</summary>
internal static class ClientDocument
{
    /// <summary>The operations that are not generated: those for browsers, and those for the event streams, which <c>YueClient</c> reads
    /// with its own code.</summary>
    private static readonly string[] Excluded = ["SignIn", "SignOut", "WatchSong", "WatchSongs"];

    /// <summary>Changes the document in place.</summary>
    public static void Prepare(JsonObject document)
    {
        var paths = document["paths"]!.AsObject();
        foreach (var path in paths.Select(path => path.Value!.AsObject()))
        {
            path.Remove("head");
            foreach (var (verb, operation) in path.ToList())
            {
                if (operation is JsonObject && Excluded.Contains(operation["operationId"]?.GetValue<string>()))
                {
                    path.Remove(verb);
                }
            }
        }

        foreach (var empty in paths.Where(path => path.Value!.AsObject().Count == 0).Select(path => path.Key).ToList())
        {
            paths.Remove(empty);
        }

        var schemas = document["components"]!["schemas"]!.AsObject();
        var named = NamedEnums(schemas);
        foreach (var operation in paths.SelectMany(path => path.Value!.AsObject()).Select(verb => verb.Value).OfType<JsonObject>())
        {
            NameParameters(operation, schemas, named);
            JoinProblems(operation["responses"]!.AsObject());
        }

        Simplify(document, named);
    }

    /// <summary>Returns the names of the enumeration schemas, keyed by their values.</summary>
    private static Dictionary<string, string> NamedEnums(JsonObject schemas) => schemas
        .Where(schema => schema.Value!["enum"] is not null)
        .GroupBy(schema => Values(schema.Value!["enum"]!))
        .ToDictionary(group => group.Key, group => group.First().Key);

    private static string Values(JsonNode values) =>
        string.Join(' ', values.AsArray().Select(value => $"{value}").Order(StringComparer.Ordinal)).Trim();

    private static void Simplify(JsonNode? node, Dictionary<string, string> named)
    {
        if (node is JsonObject schema)
        {
            SimplifyObject(schema, named);
        }

        foreach (var child in node switch
        {
            JsonObject parent => parent.Select(property => property.Value),
            JsonArray array => array,
            _ => [],
        })
        {
            Simplify(child, named);
        }
    }

    private static void SimplifyObject(JsonObject schema, Dictionary<string, string> named)
    {
        // The client sends files to /v1/clips, not as parts of a request.
        if (schema["multipart/form-data"] is not null)
        {
            schema.Remove("multipart/form-data");
        }

        // The service sets the defaults, which may change from version to version. The client ignores properties that it does not know.
        if (schema["type"] is not (null or JsonObject))
        {
            schema.Remove("default");
            if (schema["properties"] is not null && schema["additionalProperties"] is null)
            {
                schema["additionalProperties"] = false;
            }
        }

        // The response is a song or a group of takes. CreateTakesAsync reads the group.
        if (schema["schema"]?["oneOf"] is JsonArray { Count: 2 } shapes && shapes.All(shape => shape!["$ref"] is not null))
        {
            schema["schema"] = shapes[0]!.DeepClone();
        }

        if (schema["enum"] is JsonArray values)
        {
            ReplaceEnum(schema, values, named);
        }
    }

    /// <summary>Simplifies an enumeration. If it cannot be null, removes null from its values. If it can be null, replaces an integer
    /// enumeration with the plain type, and a string enumeration with the named schema that has the same values, if there is one.</summary>
    private static void ReplaceEnum(JsonObject schema, JsonArray values, Dictionary<string, string> named)
    {
        if (schema["type"] is not JsonArray types)
        {
            values.RemoveAll(value => value is null);
        }
        else if (types.Any(type => $"{type}" == "integer"))
        {
            schema.Remove("enum");
        }
        else if (named.TryGetValue(Values(values), out var name))
        {
            schema.Remove("enum");
            schema.Remove("type");
            schema["oneOf"] = new JsonArray(new JsonObject { ["type"] = "null" }, Reference(name));
        }
    }

    /// <summary>Replaces the error responses with a single response for all errors.</summary>
    private static void JoinProblems(JsonObject responses)
    {
        foreach (var status in responses.Select(response => response.Key).Where(status => !status.StartsWith('2')).ToList())
        {
            responses.Remove(status);
        }

        responses["default"] = new JsonObject
        {
            ["description"] = "The service responded with an error.",
            ["content"] = new JsonObject { ["application/problem+json"] = new JsonObject { ["schema"] = Reference("Problem") } },
        };
    }

    /// <summary>Moves the enumerations of an operation's parameters to named schemas, one per set of values.</summary>
    private static void NameParameters(JsonObject operation, JsonObject schemas, Dictionary<string, string> named)
    {
        foreach (var parameter in operation["parameters"]?.AsArray() ?? [])
        {
            if (parameter!["schema"]?["enum"] is not JsonArray values)
            {
                continue;
            }

            if (!named.TryGetValue(Values(values), out var name))
            {
                name = ClientNames.Pascal($"{parameter["name"]}");
                name = schemas.ContainsKey(name) ? $"{operation["operationId"]}{name}" : name;
                named[Values(values)] = name;
                schemas[name] = parameter["schema"]!.DeepClone();
            }

            parameter["schema"] = Reference(name);
        }
    }

    private static JsonObject Reference(string name) => new() { ["$ref"] = $"#/components/schemas/{name}" };
}
