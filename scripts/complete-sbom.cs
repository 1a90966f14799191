#:property PublishAot=false

// Adds to an SBOM the components of a self-contained publish that the CycloneDX tool does not find: the .NET runtime and the studio's
// vendored scripts. Also sets the SBOM's timestamp, so that the file is reproducible.
//   dotnet run scripts/complete-sbom.cs -- SBOM.cdx.json PUBLISH-FOLDER TIME
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

var (file, folder, time) = (args[0], args[1], args[2]);
var sbom = Read(file);
sbom["metadata"]!["timestamp"] = time;
var components = sbom["components"]!.AsArray();
foreach (var framework in Read(Path.Combine(folder, "yue.runtimeconfig.json"))["runtimeOptions"]!["includedFrameworks"]!.AsArray())
{
    var (name, version) = ($"{framework!["name"]}.Runtime.linux-x64", $"{framework["version"]}");
    components.Add(Component("framework", name, version, "MIT", $"pkg:nuget/{name}@{version}"));
}

foreach (var script in Read(Path.Combine(folder, "wwwroot", "vendor", "vendor.json"))["packages"]!.AsArray())
{
    var (name, version) = ($"{script!["name"]}", $"{script["version"]}");
    components.Add(Component("library", name, version, $"{script["licence"]}", $"pkg:npm/{name.Replace("@", "%40")}@{version}"));
}

var options = new JsonSerializerOptions { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
File.WriteAllText(file, sbom.ToJsonString(options) + "\n");

static JsonNode Read(string path) => JsonNode.Parse(File.ReadAllText(path))!;

static JsonObject Component(string type, string name, string version, string license, string address) => new()
{
    ["type"] = type,
    ["bom-ref"] = address,
    ["name"] = name,
    ["version"] = version,
    ["scope"] = "required",
    ["licenses"] = new JsonArray(new JsonObject { ["license"] = new JsonObject { ["id"] = license } }),
    ["purl"] = address,
};
