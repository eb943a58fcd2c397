using System.Buffers.Binary;
using System.Reflection;
using System.Reflection.Emit;

namespace Harness.Running;

/// <summary>
/// Looks into the code of a scenario's body for assertions. A plain one that holds (<c>5.Should().Be(5)</c>) leaves no trace: whether a body that ran nothing asserted
/// anything can only be read from it.
/// </summary>
internal static class BodyAssertions
{
    private const int TokenLength = 4;

    /// <summary>Whether the body, or what it calls in its own assembly, calls <c>Should</c>. Code that never runs counts too.</summary>
    public static bool AreIn(MethodBase body)
    {
        var seen = new List<MethodBase> { body };
        for (var i = 0; i < seen.Count; i++)
        {
            foreach (var called in CallsOf(seen[i]))
            {
                if (called.Name == "Should")
                {
                    return true;
                }

                if (called.Module == body.Module && !seen.Contains(called))
                {
                    seen.Add(called);
                }
            }
        }

        return false;
    }

    // Without decoding what lies between: bytes that only look like a call name no method, or at worst one that is looked into needlessly.
    private static IEnumerable<MethodBase> CallsOf(MethodBase method)
    {
        var code = method.GetMethodBody()?.GetILAsByteArray() ?? [];
        for (var i = 0; i + TokenLength < code.Length; i++)
        {
            var isCall = code[i] == OpCodes.Call.Value || code[i] == OpCodes.Callvirt.Value || code[i] == OpCodes.Newobj.Value || code[i] == (OpCodes.Ldftn.Value & 0xFF);
            if (isCall && Resolve(method, BinaryPrimitives.ReadInt32LittleEndian(code.AsSpan(i + 1))) is { } called)
            {
                yield return called;
            }
        }
    }

    private static MethodBase? Resolve(MethodBase method, int token)
    {
        try
        {
            return method.Module.ResolveMethod(
                token, method.DeclaringType?.GetGenericArguments(), method.IsGenericMethod ? method.GetGenericArguments() : null);
        }
        catch (Exception e) when (e is ArgumentException or BadImageFormatException)
        {
            return null;
        }
    }
}
