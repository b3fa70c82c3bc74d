#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Compiles the CUDA backend, the worker and the GPU benchmarks of a packed folder anew, on a machine with nvcc and g++,
# and puts them in place of those in bin/: what was mended is tried on the spot.
#   rebuild/rebuild.sh [SOURCE]
#     SOURCE: a folder with the project's cuda/, core/, app/worker/ and tests/gpu/ where they have changed (default: as
#     packed). core/ itself is not compiled: changes of its .cpp files do not show.
# In the environment: ARCH, as in -arch= (default: native); JOBS.
set -eu
packed=$(cd "$(dirname "$0")/.." && pwd)
work=$packed/rebuild/work
PATH=$PATH:/usr/local/cuda/bin
command -v nvcc >/dev/null || { echo "rebuild.sh: nvcc is not there" >&2 && exit 1; }
cuda=$(cd "$(dirname "$(readlink -f "$(command -v nvcc)")")/.." && pwd)
mkdir -p "$work/objects"
tar -C "$work" -xzmf "$packed/rebuild/sources.tar.gz"
source=$work
if [ $# -gt 0 ]; then
  source=$(cd "$1" && pwd)
  for each in core cuda app tests; do [ -d "$source/$each" ] && cp -R "$source/$each" "$work/"; done
  source=$work
fi

# What is compiled is listed by folder, so that new files count too.
compile() {
  object=$work/objects/$(echo "$1" | tr / _).o
  case $1 in
    cuda/encode/encoders.cu) more=-fmad=false ;;
    app/worker/backends.cpp) more=-DINTARSIA_HAVE_CUDA ;;
    *) more= ;;
  esac
  case $1 in
    *.cu) echo "nvcc -std=c++20 -O3 -DNDEBUG --expt-relaxed-constexpr -arch=${ARCH:-native} $more -I$work -I$work/include" \
      "-Xcompiler=-fPIC,-ffp-contract=off -c $source/$1 -o $object" ;;
    *) echo "g++ -std=c++20 -O3 -DNDEBUG -fPIC -ffp-contract=off $more -I$work -I$work/include -isystem $cuda/include" \
      "-c $source/$1 -o $object" ;;
  esac
}
cd "$source"
for file in cuda/*.cpp cuda/*/*.cu cuda/*/*.cpp app/worker/*.cpp tests/gpu/bench_*.cu; do
  compile "$file"
done | xargs -P "${JOBS:-$(nproc)}" -I{} sh -ec '{}'

objects() { for each in "$work"/objects/"$1"_*.o; do echo "$each"; done; }
link() {
  to=$1
  shift
  g++ -o "$to.new" "$@" $(objects cuda) "$work/libintarsia_core.a" -Wl,--as-needed "$packed"/lib/*.so* \
    -L"$cuda/lib64" -lcudart_static -ldl -lrt -lpthread -Wl,--disable-new-dtags,-rpath,'$ORIGIN/../lib' \
    -Wl,--allow-shlib-undefined
  mv "$to.new" "$to"
}
link "$packed/bin/intarsia-worker" $(objects app_worker)
for file in "$work"/objects/tests_gpu_bench_*.o; do
  link "$packed/bin/gpu_$(basename "$file" .cu.o | sed 's/^tests_gpu_//')" "$file"
done
echo "compiled anew: $(ls "$work/objects" | wc -l) files for ${ARCH:-native}"
