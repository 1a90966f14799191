#!/usr/bin/env bash
# Publishes the benchmark and the GPU tests as self-contained programs for linux-x64, without libtorch, and packs them:
#   scripts/publish-gpu.sh && scp artifacts/yue-gpu.tar.xz GPU-MACHINE:
# On the GPU machine:
#   tar xf yue-gpu.tar.xz && gpu/Yue.Cuda.Tests && gpu/Yue.Engine.Tests -trait Category=Gpu && gpu/Yue.Bench gpu
# The GPU machine needs the driver and NVRTC (libnvrtc.so.12 or .13), but not .NET. Whole songs and Yue.Engine.Tests also need libtorch with
# CUDA, for example the libtorch from PyTorch. Add the folders of these libraries to LD_LIBRARY_PATH.
set -euo pipefail
cd "$(dirname "$0")/.."
out=artifacts/gpu
rm -rf "$out"
for project in bench/Yue.Bench tests/Yue.Cuda.Tests tests/Yue.Engine.Tests; do
    dotnet publish "$project" -c Release -r linux-x64 --self-contained -p:Accelerator=installed -o "$out" -p:DebugType=none -v quiet
done
# The demo model and the separator's runtime are left out because they run on the CPU.
rm -rf "$out"/demo-model "$out"/libonnxruntime* "$out"/Microsoft.CodeCoverage "$out"/*.xml "$out"/createdump \
    "$out"/libclrgc*.so "$out"/libcoreclrtraceptprovider.so "$out"/libmscordac* "$out"/libmscordbi*
tar -C artifacts -cJf artifacts/yue-gpu.tar.xz gpu
du -h artifacts/yue-gpu.tar.xz
