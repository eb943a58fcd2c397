using System.Text;
using System.Text.Json.Nodes;
using Harness.Machine;

namespace Harness.Tests.Classification;

/// <summary>Processor models that no file describes: an existing one with more features.</summary>
internal static class TestModels
{
    public static ProcessorModel With(string name, params string[] features) => Edit(name, root =>
    {
        foreach (string feature in features)
        {
            root["features"]!.AsArray().Add(feature);
        }
    });

    public static ProcessorModel Edit(string name, Action<JsonNode> edit)
    {
        using Stream stream = typeof(ProcessorModel).Assembly.GetManifestResourceStream($"models/{name}.json")!;
        JsonNode root = JsonNode.Parse(stream)!;
        edit(root);
        return ProcessorModel.Read(new MemoryStream(Encoding.UTF8.GetBytes(root.ToJsonString())), $"{name}, edited");
    }
}
