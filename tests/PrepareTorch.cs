using System.Runtime.CompilerServices;
using Yue.Engine.Tensors.Native;

namespace Yue.Testing;

/// <summary>Registers the native library of TorchSharp when a test assembly is loaded, because a test may call TorchSharp before it uses
/// the engine. Compiled into every test project that uses TorchSharp.</summary>
internal static class PrepareTorch
{
#pragma warning disable CA2255 // A test assembly is its own application.
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void Register() => TorchNativeLibrary.Register();
}
