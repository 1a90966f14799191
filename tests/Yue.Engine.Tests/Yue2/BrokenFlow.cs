using Yue.Engine.Families.Yue2.Flow;
using Yue.Engine.Families.Yue2.Stages;
using static TorchSharp.torch;

namespace Yue.Engine.Tests.Yue2;

/// <summary>A flow model whose velocities are not finite at a solver time that occurs only with <see cref="Steps"/> steps.</summary>
internal sealed class BrokenFlow(IFlowModel flow) : IFlowModel
{
    public const int Steps = 3;

    public int LatentSize => flow.LatentSize;

    public Device Device => flow.Device;

    public IFlowChunk? TryOpen(int[] tokens, int frames, IStageSequence? written) =>
        flow.TryOpen(tokens, frames, written) is { } chunk ? new Chunk(chunk) : null;

    public void Dispose() => flow.Dispose();

    private sealed class Chunk(IFlowChunk chunk) : IFlowChunk
    {
        private static readonly double Broken = FlowSolver.RawTime(FlowSolver.Times(Steps).ElementAt(1));

        public int Unread => chunk.Unread;

        public void Read() => chunk.Read();

        public Tensor Velocity(Tensor latents, double rawTime) =>
            rawTime == Broken ? full_like(latents, double.NaN) : chunk.Velocity(latents, rawTime);

        public void Dispose() => chunk.Dispose();
    }
}
