using Microsoft.Win32.SafeHandles;
using static Yue.Cuda.CudaException;

namespace Yue.Cuda;

/// <summary>A loaded cubin.</summary>
public sealed unsafe class CudaModule : SafeHandleZeroOrMinusOneIsInvalid
{
    public CudaModule()
        : base(ownsHandle: true)
    {
    }

    public static CudaModule Load(ReadOnlySpan<byte> image)
    {
        fixed (byte* p = image)
        {
            Check(Driver.cuModuleLoadData(out var module, p));
            return module;
        }
    }

    public CudaKernel Kernel(string name)
    {
        Check(Driver.cuModuleGetFunction(out var function, this, name));
        return new CudaKernel(this, function, name);
    }

    /// <summary>Returns the value of a global variable of the module.</summary>
    public T Global<T>(string name)
        where T : unmanaged
    {
        Check(Driver.cuModuleGetGlobal(out var address, out var bytes, this, name));
        if (bytes != (nuint)sizeof(T))
        {
            throw new InvalidOperationException($"{name} has {bytes} bytes in the module, but {typeof(T).Name} has {sizeof(T)}");
        }

        using var stream = CudaStream.Create();
        return CudaCopy.ToHost<T>(address, 1, stream)[0];
    }

    protected override bool ReleaseHandle() => Driver.cuModuleUnload(handle) == 0;
}

/// <summary>A kernel of a module. It keeps the module loaded.</summary>
public sealed unsafe class CudaKernel
{
    private readonly CudaModule _module;
    private readonly nint _function;

    internal CudaKernel(CudaModule module, nint function, string name)
    {
        _module = module;
        _function = function;
        Name = name;
    }

    public string Name { get; }

    public int Registers => Attribute(Driver.FunctionAttributeRegisters);

    /// <summary>The bytes of local memory per thread: the stack and spilled registers.</summary>
    public int LocalBytes => Attribute(Driver.FunctionAttributeLocalBytes);

    /// <summary>Allows launches with this much dynamic shared memory.</summary>
    public void AllowSharedMemory(int bytes) =>
        Check(Driver.cuFuncSetAttribute(_function, Driver.FunctionAttributeMaxDynamicShared, bytes));

    /// <summary>
    /// Launches the kernel with the addresses of its parameters, in the order of its declaration. A cooperative launch runs all blocks at
    /// the same time, so they may wait for each other.
    /// </summary>
    internal void Launch(
        CudaStream stream, (int X, int Y) grid, int block, int sharedBytes, bool cooperative, ReadOnlySpan<nint> parameters)
    {
        ObjectDisposedException.ThrowIf(_module.IsClosed, _module);
        var attribute = new Driver.LaunchAttribute { Id = Driver.LaunchAttributeCooperative, Value = 1 };
        var added = false;
        stream.DangerousAddRef(ref added);
        try
        {
            var config = new Driver.LaunchConfig
            {
                GridX = (uint)grid.X,
                GridY = (uint)grid.Y,
                GridZ = 1,
                BlockX = (uint)block,
                BlockY = 1,
                BlockZ = 1,
                SharedBytes = (uint)sharedBytes,
                Stream = stream.DangerousGetHandle(),
                Attributes = &attribute,
                AttributeCount = cooperative ? 1u : 0u,
            };
            fixed (nint* p = parameters)
            {
                var result = Driver.cuLaunchKernelEx(&config, _function, (void**)p, null);
                Check(result, $"launch of {Name} ({grid.X} x {grid.Y} blocks of {block} threads, {sharedBytes} bytes shared)");
            }
        }
        finally
        {
            stream.DangerousRelease();
        }
    }

    private int Attribute(int attribute)
    {
        Check(Driver.cuFuncGetAttribute(out var value, attribute, _function));
        return value;
    }
}
