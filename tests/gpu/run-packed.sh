#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
# What only a card can answer, from a folder made by tests/gpu/pack.sh, on a machine with nothing of ours: correct
# first, then fast, the most valuable first. Needs a driver; uses nvidia-smi, ncu, compute-sanitizer and cuBLAS where
# they are there.
#   run-packed.sh [OUT [SECONDS]]    OUT: folder for summary.txt and results.tgz (default: results here)
#                                    SECONDS: what it may take (default 560)
# resources/help/gpu-testing.md says what is in them.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/steps.sh"

bin=$here/bin
demo=$here/share/intarsia/demo-model
gpu=cuda:0
PATH=$PATH:/usr/local/cuda/bin
XDG_CACHE_HOME=${DETAILS:-/tmp}/cache # nothing measured before
export PATH XDG_CACHE_HOME

fail() {
  echo "$1" >&2
  exit 1
}
need() { command -v "$1" >/dev/null || fail "$1 is not installed here"; }
# The number behind "NAME": in a JSON text; the first one.
number() { sed -n 's/.*"'"$1"'": *\([-+.e0-9]*\).*/\1/p' "$2" | head -n 1; }
# Copies a program's standard output to the details as FILE, and ends the step as the program does.
keep() {
  file=$DETAILS/$1
  shift
  "$@" >"$file" || exit
}

# --- the machine
step_card() {
  uname -a
  grep -m 1 'model name' /proc/cpuinfo
  free -m 2>/dev/null
  date -u
  need nvidia-smi
  nvidia-smi -q >"$DETAILS/nvidia-smi.txt" || fail "nvidia-smi shows no GPU: $(head -n 1 "$DETAILS/nvidia-smi.txt")"
  nvidia-smi --query-gpu=name,driver_version,memory.total,compute_cap,clocks.max.sm,clocks.max.mem,power.limit \
    --format=csv,noheader
}

step_libraries() {
  for program in "$bin"/*; do
    echo "$program"
    ldd "$program" || fail "$program does not run here: $(ldd "$program" 2>&1 | tail -n 1)"
  done >"$DETAILS/libraries.txt"
  missing=$(grep 'not found' "$DETAILS/libraries.txt" | sort -u | tr -s '\t\n' ' ')
  [ -z "$missing" ] || fail "libraries are missing: $missing"
  ldconfig -p 2>/dev/null | grep -E 'libcuda\.|libcublas\.|libnvidia-ml' || echo "the loader knows no library of NVIDIA's"
  timeout 5 find /usr /opt -xdev -name 'libcublas.so.*' 2>/dev/null | head -n 5
  echo "$(find "$bin" -type f | wc -l) programs find their libraries; $(ldd --version 2>&1 | head -n 1)"
}

step_devices() {
  keep devices.json "$bin/intarsia" devices --json
  "$bin/intarsia" devices
}

# --- correct?
selftest() {
  name=$1
  shift
  "$bin/intarsia" selftest --device $gpu --seed 1 --json "$@" >"$DETAILS/$name.json"
  code=$?
  [ -s "$DETAILS/$name.json" ] || exit $code
  tr -d '\n' <"$DETAILS/$name.json" | sed 's/{/\n{/g' | grep '"kernel":' >"$DETAILS/$name-lines.txt"
  grep '"ok": *false' "$DETAILS/$name-lines.txt"
  echo "$(wc -l <"$DETAILS/$name-lines.txt") kernels, wrong: $(grep -c '"ok": *false' "$DETAILS/$name-lines.txt")"
  exit $code
}
step_selftest() { selftest selftest --cases 8; }
step_real_shapes() { selftest real-shapes --cases 1 --real-shapes; }

perplexity() {
  keep "perplexity-$1.json" "$bin/intarsia" evaluate "$demo" --text "$demo/heldout.txt" --device "$2" --json
  echo "perplexity $(number perplexity "$DETAILS/perplexity-$1.json")"
}
step_perplexity_gpu() { perplexity gpu $gpu; }
step_perplexity_cpu() { perplexity cpu cpu; }

tokens() {
  keep "tokens-$1.txt" "$bin/intarsia" chat "$demo" --prompt "Is ebony a hard wood?" --temperature 0 --max-tokens 64 \
    --device "$2"
  tr '\n' ' ' <"$DETAILS/tokens-$1.txt"
}
step_tokens_gpu() { tokens gpu $gpu; }
step_tokens_cpu() { tokens cpu cpu; }
step_same_tokens() {
  for device in gpu cpu; do [ -s "$DETAILS/tokens-$device.txt" ] || fail "there are no tokens of the $device"; done
  cmp "$DETAILS/tokens-gpu.txt" "$DETAILS/tokens-cpu.txt" >&2 || exit 1
  echo "the GPU's greedy tokens are the CPU's"
}

# --- fast?
step_linears() {
  keep linears.json "$bin/gpu_bench_linears" --json --batches 1,8
  echo "copies at $(number copy_bytes_per_second "$DETAILS/linears.json") bytes/s;" \
    "of that, tcq-3 gate+up at batch 1: $(grep '"gate+up", "quantizer": "tcq-3"' "$DETAILS/linears.json" |
      grep '"batch": 1,' | sed -n 's/.*"ratio": *\([.0-9]*\).*/\1/p' | head -n 1)"
}

# Issue slots used, wavefronts and bank conflicts of shared memory, DRAM, occupancy, of five launches.
step_counters() {
  need ncu
  metrics=gpu__time_duration.sum,smsp__issue_active.avg.pct_of_peak_sustained_active
  metrics=$metrics,l1tex__data_pipe_lsu_wavefronts_mem_shared.sum,l1tex__data_bank_conflicts_pipe_lsu_mem_shared.sum
  metrics=$metrics,dram__throughput.avg.pct_of_peak_sustained_elapsed,sm__warps_active.avg.pct_of_peak_sustained_active
  metrics=$metrics,launch__registers_per_thread,launch__occupancy_limit_shared_mem
  keep counters.csv ncu --clock-control none --csv --page raw --kernel-name 'regex:_group$' --metrics "$metrics" \
    "$bin/gpu_bench_linears" --once
  lines=$(grep -c '_group' "$DETAILS/counters.csv")
  [ "$lines" -gt 0 ] || fail "ncu counted nothing: $(tail -n 1 "$DETAILS/counters.csv")"
  echo "$lines launches are counted"
}

# The fault is in the worker, whose exit code the command line does not see.
sanitize() {
  need compute-sanitizer
  compute-sanitizer --tool "$1" --target-processes all --error-exitcode 9 --log-file "$DETAILS/$1.%p.log" \
    "$bin/intarsia" selftest --device $gpu --seed 1 --cases 1 >"$DETAILS/$1.txt" || code=$?
  cat "$DETAILS/$1".*.log >"$DETAILS/$1.log" 2>/dev/null && rm -f "$DETAILS/$1".*.log
  grep -q SUMMARY "$DETAILS/$1.log" || fail "compute-sanitizer came to no end: $(tail -n 1 "$DETAILS/$1.log")"
  found=$(grep SUMMARY "$DETAILS/$1.log" | sed 's/=*//' | sort | uniq -c | tr -s ' \n' ' ')
  ! grep SUMMARY "$DETAILS/$1.log" | grep -qv ' 0 errors\| 0 hazards' || fail "$found"
  echo "$found"
  exit "${code:-0}"
}
step_memcheck() { sanitize memcheck; }
step_racecheck() { sanitize racecheck; }

step_profile() {
  "$bin/intarsia" profile "$here/models/llama-3.1-8b/config.json" --device $gpu -o "$DETAILS/latency-llama-3.1-8b.json"
}

step_encoder() { keep encoder.txt "$bin/gpu_bench_encode" --rows 256 && tail -n 1 "$DETAILS/encoder.txt"; }

# What is promised before a model is loaded, and what its run then takes.
step_memory() {
  model=$demo
  [ ! -d "$here/models/tinystories-656k" ] || model=$here/models/tinystories-656k
  keep memory.json "$bin/intarsia" evaluate "$model" --text "$demo/heldout.txt" --device $gpu --json
  predicted=$(number predicted_bytes "$DETAILS/memory.json") peak=$(number peak_bytes "$DETAILS/memory.json")
  [ -n "$predicted" ] && [ -n "$peak" ] || fail "the memory was not measured"
  echo "predicted $predicted bytes, measured $peak: $(awk "BEGIN { print $predicted / $peak }")"
}

step_prefill() {
  keep prefill.json "$bin/gpu_bench_linears" --json --prefill
  echo "of cuBLAS alone: $(sed -n 's/.*"ratio": *\([.0-9]*\).*/\1/p' "$DETAILS/prefill.json" | sort -n | head -n 1) or more"
}

step_attention() { keep attention.txt "$bin/gpu_bench_attention" && tail -n 1 "$DETAILS/attention.txt"; }

[ $# -gt 0 ] || set -- "$here/results"
if [ "$1" != --step ]; then
  set -- "$1" "${2:-560}"
  # A C++ library that needs a newer C library than this machine's gives way to the machine's own, if that helps.
  starts() { "$bin/intarsia" help >/dev/null 2>&1; }
  own=$here/lib/libstdc++.so.6
  if ! starts && [ -e "$own" ]; then
    mv "$own" "$own.unused"
    starts || mv "$own.unused" "$own"
  fi
fi
steps_main "$@" <<'LIST'
card 20
libraries 20
devices 30
selftest 90
real-shapes 90
perplexity-gpu 40
perplexity-cpu 40
tokens-gpu 30
tokens-cpu 30
same-tokens 5
linears 60
counters 60
memcheck 90
profile 90
encoder 60
memory 30
racecheck 90
prefill 40
attention 30
LIST
