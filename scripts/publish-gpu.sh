#!/usr/bin/env bash
# Publishes the GPU benchmark and the GPU tests self-contained for linux-x64, without libtorch (neither needs it), and packs them:
#   scripts/publish-gpu.sh && scp artifacts/yue-gpu.tar.xz GPU-MACHINE:
# There:
#   tar xf yue-gpu.tar.xz && gpu/Yue.Cuda.Tests && gpu/Yue.Bench gpu
# The GPU machine needs the driver and NVRTC (libnvrtc.so.12 or .13, on the system or in LD_LIBRARY_PATH), no .NET.
set -euo pipefail
cd "$(dirname "$0")/.."
out=artifacts/gpu
rm -rf "$out"
for project in bench/Yue.Bench tests/Yue.Cuda.Tests; do
    dotnet publish "$project" -c Release -r linux-x64 --self-contained -o "$out" -p:DebugType=none -v quiet
done
rm -rf "$out"/Microsoft.CodeCoverage "$out"/*.xml "$out"/createdump "$out"/libmscordac* "$out"/libmscordbi* \
    "$out"/lib{torch,torch_*,c10,gomp*,LibTorchSharp,shm,aoti*,nnapi*,backend_with*,jitbackend*}*.so*
tar -C artifacts -cJf artifacts/yue-gpu.tar.xz gpu
du -h artifacts/yue-gpu.tar.xz
