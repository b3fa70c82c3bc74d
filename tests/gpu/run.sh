#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Everything that needs a GPU, on a machine with one: builds core and cuda without Qt for the card at hand, runs
# the selftest, compute-sanitizer on a sample of it, the benchmarks and the profiler; prints a short table and
# leaves JSON.
#   tests/gpu/run.sh [--arch ARCH] [OUT]
#     ARCH: as in CMAKE_CUDA_ARCHITECTURES (default: the card's own, machine code alone)
#     OUT: folder for results (default build/gpu/results)
# In the environment: MODEL, what is profiled and evaluated (default: the built-in model); JOBS, of the build;
# BUILD, a folder where everything is built already. Its limits are such that 16 cores need no ten minutes.
set -u
arch=
if [ "${1:-}" = --arch ]; then
  arch=${2:?tests/gpu/run.sh: --arch takes an architecture}
  shift 2
fi
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD:-$root/build/gpu}
out=${1:-$build/results}
model=${MODEL:-$root/resources/demo-model}
jobs=${JOBS:-$(nproc)}
mkdir -p "$out"
failed=0

say() { printf '%-34s %s\n' "$1" "$2"; }
# step NAME FILE COMMAND…: its output goes to the file; one line says how it went and how long it took.
step() {
  name=$1 file=$out/$2
  shift 2
  begin=$(date +%s)
  if "$@" >"$file" 2>"$file.err"; then verdict=ok; else verdict=FAILED failed=1; fi
  say "$name" "$verdict, $(($(date +%s) - begin)) s"
  if [ "$verdict" = FAILED ]; then tail -n 5 "$file.err"; fi
}

capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -n 1 | tr -d .)
if [ -z "$capability" ]; then
  echo "tests/gpu/run.sh: nvidia-smi shows no GPU here" >&2
  exit 1
fi
say card "$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader | head -n 1)"

arch=${arch:-$capability-real}
build_all() {
  cmake -S "$root" -B "$build" -DCMAKE_BUILD_TYPE=Release -DINTARSIA_STUDIO=OFF -DINTARSIA_TESTS=OFF \
    -DINTARSIA_BENCH=ON -DINTARSIA_CUDA=ON -DCMAKE_CUDA_ARCHITECTURES="$arch" &&
    cmake --build "$build" -j "$jobs"
}
if [ -n "${BUILD:-}" ]; then
  say build "taken from $build"
else
  step "build for $arch" build.log build_all
  if [ $failed = 1 ]; then exit 1; fi
fi

intarsia=$build/app/cli/intarsia
INTARSIA_WORKER=$build/app/worker/intarsia-worker
export INTARSIA_WORKER
step devices devices.json "$intarsia" devices --json
step selftest selftest.json timeout 180 "$intarsia" selftest --device cuda:0 --cases 16 --json
sed -n 's/.*"kernel": "\(.*\)",$/\1/p' "$out/selftest.json" | wc -l | while read -r count; do
  say "  kernels" "$count, wrong: $(grep -c '"ok": false' "$out/selftest.json")"
done

if command -v compute-sanitizer >/dev/null; then
  for tool in memcheck racecheck; do
    rm -f "$out/$tool".*.log
    step "compute-sanitizer $tool" "$tool.txt" timeout 120 compute-sanitizer --tool "$tool" \
      --target-processes all --error-exitcode 9 --log-file "$out/$tool.%p.log" \
      "$intarsia" selftest --device cuda:0 --cases 1
    # The fault is in the worker, whose exit code the command line does not see.
    cat "$out/$tool".*.log >"$out/$tool.log"
    say "  $tool" "$(grep SUMMARY "$out/$tool.log" | sed 's/=*//' | sort | uniq -c | tr -s ' ' | tr '\n' ';')"
    if ! grep -q SUMMARY "$out/$tool.log" ||
      grep SUMMARY "$out/$tool.log" | grep -qv ' 0 errors\| 0 hazards'; then failed=1; fi
  done
else
  say compute-sanitizer "not installed"
fi

for bench in "$build"/tests/gpu/gpu_bench_*; do
  if [ -f "$bench" ] && [ -x "$bench" ]; then
    step "$(basename "$bench")" "$(basename "$bench").json" timeout 120 "$bench" --json
  fi
done
step profile profile.txt timeout 120 "$intarsia" profile "$model" --device cuda:0 -o "$out/latency.json"
cat "$out/profile.txt"

if [ -f "$model/heldout.txt" ]; then
  step "perplexity, GPU" evaluate-gpu.json "$intarsia" evaluate "$model" --text "$model/heldout.txt" \
    --device cuda:0 --json
  step "perplexity, CPU" evaluate-cpu.json "$intarsia" evaluate "$model" --text "$model/heldout.txt" \
    --device cpu --json
  for device in gpu cpu; do
    say "  $device" "$(grep -m 1 perplexity "$out/evaluate-$device.json" | tr -d ' ,')"
  done
fi
say results "$out"
exit $failed
