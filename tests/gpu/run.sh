#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
# Everything that needs a GPU, on a machine with one and with the packages that a build needs: packs for the card at
# hand, then runs the steps of tests/gpu/run-packed.sh.
#   tests/gpu/run.sh [--arch ARCH] [OUT [SECONDS]]
#     ARCH: as in CMAKE_CUDA_ARCHITECTURES (default: the card's own, machine code alone)
#     OUT: folder for results (default build/gpu-results); SECONDS: of the steps together (default 560)
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
arch=
if [ "${1:-}" = --arch ]; then
  arch=${2:?run.sh: --arch takes an architecture}
  shift 2
fi
if [ -z "$arch" ]; then
  capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -n 1 | tr -d .)
  [ -n "$capability" ] || { echo "run.sh: nvidia-smi shows no GPU here; --arch builds for one all the same" >&2 && exit 1; }
  arch=$capability-real
fi
"$root/tests/gpu/pack.sh" --arch "$arch" "$root/build/packed-$arch"
exec "$root/build/packed-$arch/run-packed.sh" "${1:-$root/build/gpu-results}" "${2:-560}"
