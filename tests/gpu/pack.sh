#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
# Packs what a machine with a GPU and none of our packages needs into one folder: programs, the shared libraries that
# they load, resources, small models, and what compiles the CUDA backend anew there. tests/gpu/run-packed.sh is run
# from it. Needs nvcc and python3, but no GPU; fast when nothing has changed.
#   tests/gpu/pack.sh [--all | --arch ARCH] [OUT]
#     --all: machine code for 8.0, 8.6, 8.9 and 9.0; --arch: as in CMAKE_CUDA_ARCHITECTURES (default: 90-real)
#     OUT: default build/packed
# In the environment: JOBS, of the build; INTARSIA_SHARED, the folder of shared models (default ../shared).
set -eu
arch=90-real
case ${1:-} in
  --all) arch='80-real;86-real;89-real;90-real' && shift ;;
  --arch) arch=${2:?"pack.sh: --arch takes an architecture"} && shift 2 ;;
  -*) echo "usage: tests/gpu/pack.sh [--all | --arch ARCH] [OUT]" >&2 && exit 2 ;;
esac
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$root/build/pack
out=${1:-$root/build/packed}
mkdir -p "$build" "$out/bin" "$out/lib" "$out/share/intarsia" "$out/models" "$out/rebuild"
out=$(cd "$out" && pwd)

# The oldest C library that is served where what was built here allows it.
oldest=2.34
cc -shared -fPIC -O2 -Wl,-soname,libolder_glibc.so -o "$build/libolder_glibc.so" "$root/tests/gpu/older_glibc.c"

# DT_RPATH and not DT_RUNPATH: it also serves what the libraries load in their turn.
cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DINTARSIA_STUDIO=OFF -DINTARSIA_TESTS=OFF \
  -DINTARSIA_BENCH=ON -DINTARSIA_CUDA=ON -DCMAKE_CUDA_ARCHITECTURES="$arch" -DCMAKE_BUILD_RPATH='$ORIGIN/../lib' \
  -DCMAKE_EXE_LINKER_FLAGS="-Wl,--disable-new-dtags,--no-as-needed $build/libolder_glibc.so ${LDFLAGS:-}" >"$build/configure.log" ||
  { tail -n 20 "$build/configure.log" >&2 && exit 1; }
[ -d "$build/cuda" ] || { echo "pack.sh: nvcc is not there; it is what compiles the CUDA backend" >&2 && exit 1; }
cmake --build "$build" -j "${JOBS:-$(nproc)}"

# --- programs, and the libraries that they load
newer() { [ ! -e "$2" ] || [ -n "$(find "$1" -newer "$2" -print -quit)" ]; }
for program in "$build"/app/cli/intarsia "$build"/app/worker/intarsia-worker "$build"/tests/gpu/gpu_bench_*; do
  [ -f "$program" ] && [ -x "$program" ] || continue
  to=$out/bin/$(basename "$program")
  if newer "$program" "$to"; then strip -o "$to" "$program"; fi
done
cp "$build/libolder_glibc.so" "$out/lib/"
# All but the C library's own and GCC's, which are the machine's.
ldd "$out"/bin/* | sed -n 's/.* => \(\/.*\) (0x.*/\1/p' | sort -u |
  grep -vE '/(libc|libm|libdl|librt|libpthread|libresolv|libgcc_s|ld-linux[^/]*)\.so' | while read -r library; do
  to=$out/lib/$(basename "$library")
  if [ "$library" != "$to" ] && newer "$library" "$to"; then
    cp -L "$library" "$to"
    strip --strip-unneeded "$to"
    functions=$("$root/tests/gpu/older_glibc.py" "$to" $oldest) || { rm "$to" && exit 1; }
    for function in $functions; do
      grep -q "\b$function(" "$root/tests/gpu/older_glibc.c" || {
        echo "pack.sh: $to calls $function(), which tests/gpu/older_glibc.c lacks" >&2 && rm "$to" && exit 1
      }
    done
  fi
done
# "VERSION FILE" of the newest C library that must be there.
needed=$(for file in "$out"/bin/* "$out"/lib/*.so*; do
  objdump -p "$file" | sed -n "s|^ *0x[0-9a-f]* 0x[0-9]* [0-9]* GLIBC_\([0-9.]*\)\$|\1 $(basename "$file")|p"
done | sort -V | tail -n 1)

# --- what they read
rm -rf "$out/share/intarsia" && mkdir -p "$out/share/intarsia"
for each in demo-model device-profiles; do cp -R "$root/resources/$each" "$out/share/intarsia/"; done
rm -f "$out"/share/intarsia/demo-model/*.py
for config in "$root"/tests/gpu/models/*.json; do
  folder=$out/models/$(basename "$config" .json)
  mkdir -p "$folder" && cp "$config" "$folder/config.json"
done
tinystories=${INTARSIA_SHARED:-$root/../shared}/models/tinystories-656k
if [ -d "$tinystories" ]; then
  rm -rf "$out/models/tinystories-656k"
  cp -RL "$tinystories" "$out/models/"
  chmod -R u+w "$out/models"
fi
cp "$root"/tests/gpu/run-packed.sh "$root"/tests/gpu/steps.sh "$out/"

# --- what compiles the backend anew: the sources, the headers that they read, the engine as a library
archive=$out/rebuild/sources.tar.gz
core=$build/core/libintarsia_core.a
if newer "$core" "$archive" || newer "$build/cuda" "$archive" || newer "$root/cuda" "$archive" ||
  newer "$root/app/worker" "$archive" || newer "$root/tests/gpu" "$archive"; then
  work=$(mktemp -d)
  mkdir "$work/include"
  # Ninja knows what every object was made from.
  (cd "$build" && ninja -t deps |
    awk '/^[^ ]/ { wanted = $1 ~ /^(cuda|app\/worker|tests\/gpu)\// } /^ / && wanted { print $1 }' |
    sort -u | xargs readlink -f | sort -u) >"$work/files"
  sed -n "s|^$root/||p" "$work/files" | tar -C "$root" -cf - -T - | tar -C "$work" -xf -
  grep -E '^/usr/include/(nlohmann|fmt|hwy|tbb|oneapi)/' "$work/files" | sed 's|^/usr/include/||' |
    tar -C /usr/include -cf - -T - | tar -C "$work/include" -xf -
  cp "$core" "$work/" && strip --strip-debug "$work/libintarsia_core.a"
  rm "$work/files"
  tar -C "$work" -czf "$archive.new" . && mv "$archive.new" "$archive"
  rm -rf "$work"
fi
cp "$root/tests/gpu/rebuild.sh" "$out/rebuild/"
echo "$out: $(du -sm "$out" | cut -f 1) MB, needs glibc ${needed% *}"
[ "$(printf '%s\n%s\n' $oldest "${needed% *}" | sort -V | tail -n 1)" = $oldest ] ||
  echo "that is newer than $oldest: ${needed#* } was made for the C library of this machine" >&2
