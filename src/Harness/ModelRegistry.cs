using Harness.Hardware.Vmx;
using Harness.Isa;
using Harness.Machine;
using Harness.Records;

namespace Harness;

/// <summary>The processor models that come with the harness, with the virtualization hardware that they have.</summary>
public static class ModelRegistry
{
    private const string FileEnd = ".json";

    /// <summary>The name is that of a user's model file rather than of a model that comes with the harness: it ends in <c>.json</c>.</summary>
    public static bool IsFile(string name) => name.EndsWith(FileEnd, StringComparison.OrdinalIgnoreCase);

    /// <summary>A fresh copy of a model.</summary>
    /// <param name="name">Its name, or the path of its file.</param>
    /// <exception cref="ModelException">There is no such model, or its file is at fault.</exception>
    public static ProcessorModel Load(string name)
    {
        var model = IsFile(name) ? Read(name) : ProcessorModel.Load(name);
        if (model.Has(Feature.Vmx))
        {
            model.Add(new VmxExtension(model, name));
        }

        return model;
    }

    private static ProcessorModel Read(string path)
    {
        try
        {
            RegularFile.Expect(path);
            using FileStream file = File.OpenRead(path);
            return ProcessorModel.Read(file, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{path}: the model file cannot be read: {RegularFile.Trouble(path, e)}", e);
        }
    }
}
