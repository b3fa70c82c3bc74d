#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
"""Perplexity at equal size: llama.cpp's k-quants of a GGUF beside our single-quantizer models of the same GGUF.

    pip install llama-cpp-python numpy gguf
    python3 compare_llama_quants.py INTARSIA MODEL.gguf TEXT WORKDIR [--calibration FILE] [--ours ID,…] [--theirs TYPE,…]

Bits are those of the blocks' linears with everything stored for them (scales, padding), divided by their weights.
One line a model; finished ones are kept in WORKDIR/results.json and not made again."""

import argparse
import json
import os
import re
import subprocess

import llama_cpp
import numpy as np
from gguf import GGUFReader

LINEAR = re.compile(r"blk\.\d+\.(attn_(q|k|v|output)|ffn_(gate|up|down))\.weight")
TYPES = {"Q2_K": llama_cpp.LLAMA_FTYPE_MOSTLY_Q2_K, "Q3_K_M": llama_cpp.LLAMA_FTYPE_MOSTLY_Q3_K_M,
         "Q4_K_M": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_M, "Q5_K_M": llama_cpp.LLAMA_FTYPE_MOSTLY_Q5_K_M}


def run(program, *arguments):
    out = subprocess.run([program, *arguments, "--json"], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return json.loads(out.stdout)


def gguf_bits(path):
    linears = [t for t in GGUFReader(path).tensors if LINEAR.fullmatch(t.name)]
    return 8 * sum(int(t.n_bytes) for t in linears) / sum(int(t.n_elements) for t in linears)


def artifact_bits(folder, model):
    with open(os.path.join(folder, "model.safetensors"), "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    size = sum(tensor["data_offsets"][1] - tensor["data_offsets"][0] for name, tensor in header.items()
               if name.endswith((".codes", ".row_scales")))
    weights = sum(int(t.n_elements) for t in GGUFReader(model).tensors if LINEAR.fullmatch(t.name))
    return 8 * size / weights


def theirs(arguments, kind):
    out = os.path.join(arguments.work, kind + ".gguf")
    if not os.path.exists(out):
        settings = llama_cpp.llama_model_quantize_default_params()
        settings.ftype = TYPES[kind]
        settings.allow_requantize = True
        settings.nthread = 2
        # Embeddings (here the head too) stay f16 in ours, so in theirs: only the blocks' linears are compared.
        settings.token_embedding_type = settings.output_tensor_type = llama_cpp.GGML_TYPE_F16
        if llama_cpp.llama_model_quantize(arguments.model.encode(), out.encode(), settings) != 0:
            raise SystemExit(f"llama.cpp does not quantize to {kind}")
    llama = llama_cpp.Llama(out, n_ctx=512, n_batch=512, logits_all=True, verbose=False, n_threads=2)
    tokens = llama.tokenize(open(arguments.text, "rb").read(), add_bos=False, special=True)
    total, count = 0.0, 0
    for start in range(0, len(tokens) - 1, 512):
        window = tokens[start:start + 512]
        if len(window) < 2:
            break
        llama.reset()
        llama.eval(window)
        logits = llama.scores[:len(window) - 1]
        top = logits.max(axis=1, keepdims=True)
        norm = top[:, 0] + np.log(np.exp(logits - top).sum(axis=1))
        total += float((norm - logits[np.arange(len(window) - 1), window[1:]]).sum())
        count += len(window) - 1
    return {"bits": gguf_bits(out), "perplexity": float(np.exp(total / count)), "tokens": count}


def ours(arguments, quantizer, calibration):
    name = quantizer + ("-calibrated" if calibration else "")
    out = os.path.join(arguments.work, name)
    if not os.path.exists(out):
        plan = os.path.join(arguments.work, quantizer + ".json")
        layers = run(arguments.intarsia, "inspect", arguments.model)["layers"]
        with open(plan, "w") as file:
            json.dump({"format": "intarsia-plan/1", "model": "",
                       "layers": {layer["name"]: {"quantizer": quantizer, "kernel": "cpu"} for layer in layers}}, file)
        extra = ["--calibration", calibration] if calibration else []
        run(arguments.intarsia, "quantize", arguments.model, "--plan", plan, "--output", out, *extra)
    result = run(arguments.intarsia, "evaluate", out, "--text", arguments.text, "--context", "512")
    return {"bits": artifact_bits(out, arguments.model), "perplexity": result["perplexity"],
            "tokens": result["tokens"]}


def main():
    parser = argparse.ArgumentParser()
    for name in ("intarsia", "model", "text", "work"):
        parser.add_argument(name)
    parser.add_argument("--calibration")
    parser.add_argument("--ours", default="tcq-2,tcq-2.5,tcq-3,tcq-3.25,tcq-4,tcq-5")
    parser.add_argument("--theirs", default=",".join(TYPES))
    arguments = parser.parse_args()
    os.makedirs(arguments.work, exist_ok=True)
    results_path = os.path.join(arguments.work, "results.json")
    results = json.load(open(results_path)) if os.path.exists(results_path) else {}
    jobs = [(kind, lambda kind=kind: theirs(arguments, kind)) for kind in arguments.theirs.split(",") if kind]
    for quantizer in arguments.ours.split(","):
        if not quantizer:
            continue
        if arguments.calibration:
            jobs.append((quantizer + " calibrated", lambda q=quantizer: ours(arguments, q, arguments.calibration)))
        jobs.append((quantizer, lambda q=quantizer: ours(arguments, q, None)))
    for name, job in jobs:
        if name not in results:
            results[name] = job()
            with open(results_path, "w") as file:
                json.dump(results, file, indent=1)
        result = results[name]
        print(f"{name:22} {result['bits']:6.3f} bits  perplexity {result['perplexity']:9.3f}  ({result['tokens']} tokens)",
              flush=True)


main()
