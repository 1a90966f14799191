using Yue.Bench;

return args is ["gpu", ..] ? GpuBench.Run(args[1..]) : 0;
