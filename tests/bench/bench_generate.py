#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
"""Generation against llama.cpp on one machine: decoding and prompt in tokens a second and the peak memory of a process, in
interleaved runs with the same number of threads; medians.

  bench_generate.py BENCH_FORWARD GGUF [MODEL …] [--threads N] [--rounds N] [--prompt N] [--tokens N]

BENCH_FORWARD is the program of tests/bench/bench_forward.cpp. Each MODEL is an artifact or a quantizer's id (random codes in
GGUF's shapes). llama.cpp is PyPI's xllamacpp; every run is a process of its own, so that peaks are its own.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys


def llama(gguf, threads, prompt, tokens):
    """One run in this process, as JSON on stdout."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = gguf
    params.n_ctx = prompt + tokens + 64
    params.n_parallel = 1
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    server = xllamacpp.Server(params)
    ids = [(i * 7919 + 13) % 40000 + 100 for i in range(prompt)]
    run = lambda p, n: server.handle_completions({"prompt": p, "max_tokens": n, "temperature": 0, "ignore_eos": True,
                                                  "cache_prompt": False})
    run(ids[:16], 4)  # warm up
    long, short = run(ids, 1), run(ids[:16], tokens)
    print(json.dumps({"prefill_tokens_per_second": long["timings"]["prompt_per_second"],
                      "decode_tokens_per_second": short["timings"]["predicted_per_second"]}))
    sys.stdout.flush()
    os._exit(0)


def measured(command):
    """The last JSON line that a command prints, and the peak memory of its process."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    if status != 0:
        sys.exit(f"{' '.join(command)} failed with status {status}")
    result = json.loads([line for line in out.splitlines() if line.startswith("{")][-1])
    result["peak_mib"] = usage.ru_maxrss / 1024
    return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bench_forward")
    parser.add_argument("gguf")
    parser.add_argument("models", nargs="*")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--llama", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.llama:
        llama(arguments.gguf, arguments.threads, arguments.prompt, arguments.tokens)
    sizes = ["--threads", str(arguments.threads), "--prompt", str(arguments.prompt), "--tokens", str(arguments.tokens)]
    commands = {"llama.cpp": [sys.executable, __file__, "-", arguments.gguf, "--llama"] + sizes,
                "the GGUF itself": [arguments.bench_forward, arguments.gguf, "--rounds", "1"] + sizes}
    for model in arguments.models:
        source = [model] if os.path.exists(model) else [arguments.gguf, model]
        commands[model] = [arguments.bench_forward] + source + ["--rounds", "1"] + sizes
    runs = {name: [] for name in commands}
    for _ in range(arguments.rounds):
        for name, command in commands.items():
            runs[name].append(measured(command))
    print(f"{arguments.threads} threads, {arguments.rounds} rounds, prompt {arguments.prompt}, {arguments.tokens} tokens")
    print(f"{'':<24} {'decode tok/s':>13} {'prompt tok/s':>13} {'peak MiB':>9}")
    median = lambda name, field: statistics.median(run[field] for run in runs[name])
    for name in commands:
        decode, prefill = median(name, "decode_tokens_per_second"), median(name, "prefill_tokens_per_second")
        print(f"{name:<24} {decode:>8.1f} {decode / median('llama.cpp', 'decode_tokens_per_second'):>3.2f}x "
              f"{prefill:>8.1f} {prefill / median('llama.cpp', 'prefill_tokens_per_second'):>3.2f}x {median(name, 'peak_mib'):>8.0f}")


main()
