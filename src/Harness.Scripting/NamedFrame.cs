using System.Reflection.Emit;

namespace Harness.Scripting;

/// <summary>
/// Calls user code from a stack frame that bears a name. A stack overflow cannot be caught: the runtime prints the stack and ends the process
/// (exit code 134), and the names of frames are all that it says. So the frame names the script or scenario.
/// </summary>
public static class NamedFrame
{
    /// <summary>Runs <paramref name="action"/>; its exceptions pass through.</summary>
    /// <param name="name">Printed as it is.</param>
    /// <param name="action">User code.</param>
    public static void Call(string name, Action action)
    {
        var frame = new DynamicMethod(name, null, [typeof(Action)], typeof(NamedFrame).Module);
        var code = frame.GetILGenerator();
        code.Emit(OpCodes.Ldarg_0);
        code.Emit(OpCodes.Callvirt, typeof(Action).GetMethod(nameof(Action.Invoke))!);

        // Not the last call: a tail call would replace the frame.
        code.Emit(OpCodes.Ldarg_0);
        code.Emit(OpCodes.Call, typeof(GC).GetMethod(nameof(GC.KeepAlive))!);
        code.Emit(OpCodes.Ret);
        frame.CreateDelegate<Action<Action>>()(action);
    }
}
