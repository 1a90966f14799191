using System.Runtime.InteropServices;

namespace Yue.Cuda;

/// <summary>The CUDA driver API functions that are used here. Every call returns a CUresult; 0 is success.</summary>
internal static unsafe partial class Driver
{
    internal const int AttributeMultiprocessorCount = 16;
    internal const int AttributeComputeCapabilityMajor = 75;
    internal const int AttributeComputeCapabilityMinor = 76;
    internal const int AttributeMaxSharedMemoryPerBlockOptin = 97;
    internal const int FunctionAttributeLocalBytes = 3;
    internal const int FunctionAttributeRegisters = 4;
    internal const int FunctionAttributeMaxDynamicShared = 8;
    internal const int LaunchAttributeCooperative = 2;
    internal const uint MemoryTypeHost = 1;
    internal const uint MemoryTypeDevice = 2;

    [LibraryImport(NativeLibraries.Driver)]
    internal static partial int cuInit(uint flags);

    [LibraryImport(NativeLibraries.Driver)]
    internal static partial int cuDeviceGetCount(out int count);

    [LibraryImport(NativeLibraries.Driver)]
    internal static partial int cuDeviceGet(out int device, int ordinal);

    [LibraryImport(NativeLibraries.Driver)]
    internal static partial int cuDeviceGetName(byte* name, int length, int device);

    [LibraryImport(NativeLibraries.Driver)]
    internal static partial int cuDeviceGetAttribute(out int value, int attribute, int device);

    [LibraryImport(NativeLibraries.Driver)]
    internal static partial int cuDevicePrimaryCtxRetain(out nint context, int device);

    [LibraryImport(NativeLibraries.Driver, EntryPoint = "cuDevicePrimaryCtxRelease_v2")]
    internal static partial int cuDevicePrimaryCtxRelease(int device);

    [LibraryImport(NativeLibraries.Driver)]
    internal static partial int cuCtxSetCurrent(nint context);

    [LibraryImport(NativeLibraries.Driver)]
    internal static partial int cuCtxSynchronize();

    [LibraryImport(NativeLibraries.Driver, EntryPoint = "cuMemGetInfo_v2")]
    internal static partial int cuMemGetInfo(out nuint free, out nuint total);

    [LibraryImport(NativeLibraries.Driver, EntryPoint = "cuMemAlloc_v2")]
    internal static partial int cuMemAlloc(out nint pointer, nuint bytes);

    [LibraryImport(NativeLibraries.Driver, EntryPoint = "cuMemFree_v2")]
    internal static partial int cuMemFree(nint pointer);

    [LibraryImport(NativeLibraries.Driver)]
    internal static partial int cuMemHostAlloc(out nint pointer, nuint bytes, uint flags);

    [LibraryImport(NativeLibraries.Driver)]
    internal static partial int cuMemFreeHost(nint pointer);

    [LibraryImport(NativeLibraries.Driver, EntryPoint = "cuMemcpyHtoDAsync_v2")]
    internal static partial int cuMemcpyHtoDAsync(nint destination, void* source, nuint bytes, CudaStream stream);

    [LibraryImport(NativeLibraries.Driver, EntryPoint = "cuMemcpyDtoHAsync_v2")]
    internal static partial int cuMemcpyDtoHAsync(void* destination, nint source, nuint bytes, CudaStream stream);

    [LibraryImport(NativeLibraries.Driver, EntryPoint = "cuMemcpyDtoDAsync_v2")]
    internal static partial int cuMemcpyDtoDAsync(nint destination, nint source, nuint bytes, CudaStream stream);

    [LibraryImport(NativeLibraries.Driver, EntryPoint = "cuMemcpy2DAsync_v2")]
    internal static partial int cuMemcpy2DAsync(Copy2D* copy, CudaStream stream);

    [LibraryImport(NativeLibraries.Driver)]
    internal static partial int cuMemsetD8Async(nint destination, byte value, nuint bytes, CudaStream stream);

    [LibraryImport(NativeLibraries.Driver)]
    internal static partial int cuStreamCreate(out CudaStream stream, uint flags);

    [LibraryImport(NativeLibraries.Driver, EntryPoint = "cuStreamDestroy_v2")]
    internal static partial int cuStreamDestroy(nint stream);

    [LibraryImport(NativeLibraries.Driver)]
    internal static partial int cuStreamSynchronize(CudaStream stream);

    [LibraryImport(NativeLibraries.Driver, EntryPoint = "cuStreamBeginCapture_v2")]
    internal static partial int cuStreamBeginCapture(CudaStream stream, int mode);

    [LibraryImport(NativeLibraries.Driver)]
    internal static partial int cuStreamEndCapture(CudaStream stream, out nint graph);

    [LibraryImport(NativeLibraries.Driver)]
    internal static partial int cuGraphInstantiateWithFlags(out CudaGraph executable, nint graph, ulong flags);

    [LibraryImport(NativeLibraries.Driver)]
    internal static partial int cuGraphDestroy(nint graph);

    [LibraryImport(NativeLibraries.Driver)]
    internal static partial int cuGraphExecDestroy(nint executable);

    [LibraryImport(NativeLibraries.Driver)]
    internal static partial int cuGraphLaunch(CudaGraph executable, CudaStream stream);

    [LibraryImport(NativeLibraries.Driver)]
    internal static partial int cuEventCreate(out CudaEvent created, uint flags);

    [LibraryImport(NativeLibraries.Driver, EntryPoint = "cuEventDestroy_v2")]
    internal static partial int cuEventDestroy(nint handle);

    [LibraryImport(NativeLibraries.Driver)]
    internal static partial int cuEventRecord(CudaEvent recorded, CudaStream stream);

    [LibraryImport(NativeLibraries.Driver)]
    internal static partial int cuEventSynchronize(CudaEvent recorded);

    [LibraryImport(NativeLibraries.Driver, EntryPoint = "cuEventElapsedTime")]
    internal static partial int cuEventElapsedTime(out float milliseconds, CudaEvent from, CudaEvent to);

    [LibraryImport(NativeLibraries.Driver)]
    internal static partial int cuModuleLoadData(out CudaModule module, void* image);

    [LibraryImport(NativeLibraries.Driver)]
    internal static partial int cuModuleUnload(nint module);

    [LibraryImport(NativeLibraries.Driver, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int cuModuleGetFunction(out nint function, CudaModule module, string name);

    [LibraryImport(NativeLibraries.Driver, EntryPoint = "cuModuleGetGlobal_v2", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int cuModuleGetGlobal(out nint address, out nuint bytes, CudaModule module, string name);

    [LibraryImport(NativeLibraries.Driver)]
    internal static partial int cuFuncGetAttribute(out int value, int attribute, nint function);

    [LibraryImport(NativeLibraries.Driver)]
    internal static partial int cuFuncSetAttribute(nint function, int attribute, int value);

    [LibraryImport(NativeLibraries.Driver)]
    internal static partial int cuLaunchKernelEx(LaunchConfig* config, nint function, void** parameters, void** extra);

    [LibraryImport(NativeLibraries.Driver)]
    internal static partial int cuGetErrorName(int error, out byte* text);

    [LibraryImport(NativeLibraries.Driver)]
    internal static partial int cuGetErrorString(int error, out byte* text);

    /// <summary>CUDA_MEMCPY2D.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Copy2D
    {
        public nuint SourceX, SourceY;
        public uint SourceType;
        public nint SourceHost, SourceDevice, SourceArray;
        public nuint SourcePitch, DestinationX, DestinationY;
        public uint DestinationType;
        public nint DestinationHost, DestinationDevice, DestinationArray;
        public nuint DestinationPitch, WidthInBytes, Height;
    }

    /// <summary>CUlaunchConfig.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct LaunchConfig
    {
        public uint GridX, GridY, GridZ, BlockX, BlockY, BlockZ, SharedBytes;
        public nint Stream;
        public LaunchAttribute* Attributes;
        public uint AttributeCount;
    }

    /// <summary>CUlaunchAttribute: an identifier and a value of 64 bytes, of which the first four are used here.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 72)]
    internal struct LaunchAttribute
    {
        [FieldOffset(0)]
        public int Id;

        [FieldOffset(8)]
        public int Value;
    }
}
