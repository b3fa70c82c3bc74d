#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
# Compiles the CUDA backend, the worker and the GPU benchmarks of a packed folder anew, on a machine with nvcc and g++,
# and puts them in place of those in bin/: what was mended is tried on the spot.
#   rebuild/rebuild.sh [SOURCE]
#     SOURCE: a folder with the project's cuda/, core/, app/worker/ and tests/gpu/ where they have changed (default: as
#     packed). core/ itself is not compiled: changes of its .cpp files do not show.
# What has not changed since the last time is not compiled again.
# In the environment: ARCH, as in -arch= (default: native); JOBS.
set -eu
packed=$(cd "$(dirname "$0")/.." && pwd)
work=$packed/rebuild/work
PATH=$PATH:/usr/local/cuda/bin
command -v nvcc >/dev/null || { echo "rebuild.sh: nvcc is not there" >&2 && exit 1; }
cuda=$(cd "$(dirname "$(readlink -f "$(command -v nvcc)")")/.." && pwd)
mkdir -p "$work/objects"
if [ ! -e "$work/unpacked" ] || [ -n "$(find "$packed/rebuild/sources.tar.gz" -newer "$work/unpacked")" ]; then
  tar -C "$work" -xzmf "$packed/rebuild/sources.tar.gz"
  touch "$work/unpacked"
fi
if [ $# -gt 0 ]; then
  (cd "$1" && find core cuda app tests -type f 2>/dev/null) | while read -r file; do
    cmp -s "$1/$file" "$work/$file" || { mkdir -p "$(dirname "$work/$file")" && cp "$1/$file" "$work/$file"; }
  done
fi

# As CMake tells it the worker.
echo '#define INTARSIA_BACKENDS backend(cuda)' >"$work/backends.h.new"
cmp -s "$work/backends.h.new" "$work/backends.h" || mv "$work/backends.h.new" "$work/backends.h"

# What is compiled is listed by folder, so that new files count too.
compile() {
  object=$work/objects/$(echo "$1" | tr / _).o
  [ ! -e "$object" ] || [ -n "$(find "$work/$1" -newer "$object")" ] || changed_header "$object" || return 0
  case $1 in
    cuda/encode/encoders.cu) more=-fmad=false ;;
    app/worker/backends.cpp) more="-include $work/backends.h" ;;
    *) more= ;;
  esac
  case $1 in
    *.cu) echo "nvcc -std=c++20 -O3 -DNDEBUG --expt-relaxed-constexpr -arch=${ARCH:-native} $more -I$work -I$work/include" \
      "-Xcompiler=-fPIC,-ffp-contract=off -c $work/$1 -o $object.new && mv $object.new $object" ;;
    *) echo "g++ -std=c++20 -O3 -DNDEBUG -fPIC -ffp-contract=off $more -I$work -I$work/include -isystem $cuda/include" \
      "-c $work/$1 -o $object.new && mv $object.new $object" ;;
  esac
}
changed_header() {
  [ -n "$(find "$work" '(' -name '*.h' -o -name '*.cuh' -o -name '*.inc' ')' -newer "$1" -print -quit)" ]
}
cd "$work"
for file in cuda/*.cpp cuda/*/*.cu cuda/*/*.cpp app/worker/*.cpp tests/gpu/bench_*.cu; do
  compile "$file"
done | xargs -P "${JOBS:-$(nproc)}" -I{} sh -ec '{}'

# What g++ here makes needs a C++ library as new as its own.
newest() { grep -ao 'GLIBCXX_3[.0-9]*' "$1" | sort -V | tail -n 1; }
ours=$packed/lib/libstdc++.so.6 theirs=$(g++ -print-file-name=libstdc++.so.6)
if [ -e "$ours" ] && [ -e "$theirs" ] && [ "$(newest "$ours")" != "$(newest "$theirs")" ] &&
  [ "$(printf '%s\n%s\n' "$(newest "$ours")" "$(newest "$theirs")" | sort -V | tail -n 1)" = "$(newest "$theirs")" ]; then
  mv "$ours" "$ours.unused"
fi

objects() { for each in "$work"/objects/"$1"_*.o; do echo "$each"; done; }
link() {
  to=$1
  shift
  g++ -o "$to.new" "$@" $(objects cuda) "$work/libintarsia_core.a" -Wl,--no-as-needed "$packed/lib/libolder_glibc.so" \
    -Wl,--as-needed $(find "$packed/lib" -name '*.so*' ! -name '*.unused') -L"$cuda/lib64" -lcudart_static -ldl -lrt \
    -lpthread -Wl,--disable-new-dtags,-rpath,'$ORIGIN/../lib' -Wl,--allow-shlib-undefined
  mv "$to.new" "$to"
}
link "$packed/bin/intarsia-worker" $(objects app_worker)
for file in "$work"/objects/tests_gpu_bench_*.o; do
  link "$packed/bin/gpu_$(basename "$file" .cu.o | sed 's/^tests_gpu_//')" "$file"
done
echo "made anew from $(ls "$work/objects" | wc -l) objects for ${ARCH:-native}"
