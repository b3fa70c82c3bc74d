#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
"""What other programs make of the same GGUF with an importance matrix: KL from the original and perplexity of llama.cpp's
k-quants and of ik_llama.cpp's trellis types. Their files are turned to f16 by their own tool, and all are measured by
`intarsia evaluate`.

    pip install ik-llama-cpp-python gguf numpy torch transformers
    python3 compare_peers.py INTARSIA MODEL.gguf CALIBRATION.txt TEXT.txt WORKDIR [TYPE …]

Embeddings (here the head too) stay f16, as ours do. Bits are those of the blocks' linears with everything stored for them;
rows that are not a multiple of 256 fall back to larger types there. Files that are in WORKDIR are not made again."""

import argparse
import json
import os
import re
import struct
import subprocess

import ik_llama_cpp
from gguf import GGUFReader

LINEAR = re.compile(r"blk\.\d+\.(attn_(q|k|v|output)|ffn_(gate|up|down))\.weight")
PARTS = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
         "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
         "mlp.down_proj": "ffn_down"}


def write_importance(model, text, out, tokens):
    """Mean squares of every linear's inputs, in the file format that `llama-quantize --imatrix` reads."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder, name = os.path.split(os.path.abspath(model))
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
    network = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32)
    sums = {}

    def hook(key):
        def add(_, inputs):
            x = inputs[0].reshape(-1, inputs[0].shape[-1])
            sums[key] = sums.get(key, 0) + (x * x).sum(0).double()
        return add

    for key, module in network.named_modules():
        block = re.fullmatch(r"model\.layers\.(\d+)\.(.+)", key)
        if block and block[2] in PARTS:
            module.register_forward_pre_hook(hook(f"blk.{block[1]}.{PARTS[block[2]]}.weight"))
    ids = tokenizer(open(text).read(), return_tensors="pt", add_special_tokens=False).input_ids[0][:tokens]
    windows = [ids[at:at + 512] for at in range(0, len(ids), 512)]
    with torch.no_grad():
        for window in windows:
            network.model(window[None])
    with open(out, "wb") as file:
        file.write(struct.pack("<i", len(sums)))
        for key, sum_of_squares in sums.items():
            values = (sum_of_squares / len(ids)).float().numpy()
            file.write(struct.pack("<i", len(key)) + key.encode() + struct.pack("<ii", 1, len(values)) + values.tobytes())


def quantize(model, out, kind, *importance):
    tool = os.path.join(os.path.dirname(ik_llama_cpp.__file__), "bin", "llama-quantize")
    subprocess.run([tool, "--allow-requantize", *importance, "--token-embedding-type", "f16", "--output-tensor-type", "f16",
                    model, out, kind, str(os.cpu_count())],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def bits_per_weight(path):
    """Of the blocks' linears: what is left of the file without vocabulary, names and everything else."""
    tensors = GGUFReader(path).tensors
    weights = sum(int(t.n_elements) for t in tensors if LINEAR.fullmatch(t.name))
    others = sum((2 if t.name in ("token_embd.weight", "output.weight") else 4) * int(t.n_elements)
                 for t in tensors if not LINEAR.fullmatch(t.name))
    header = os.path.getsize(path) - sum(int(t.n_bytes) for t in tensors)
    return lambda size: 8 * (size - header - others) / weights


def main():
    parser = argparse.ArgumentParser()
    for name in ("intarsia", "model", "calibration", "text", "work"):
        parser.add_argument(name)
    parser.add_argument("kinds", nargs="*", default=["Q2_K", "Q3_K_M", "Q4_K_M", "IQ2_KT", "IQ3_KT", "IQ4_KT"])
    parser.add_argument("--calibration-tokens", type=int, default=16384)
    arguments = parser.parse_args()
    os.makedirs(arguments.work, exist_ok=True)
    importance = os.path.join(arguments.work, "importance.dat")
    if not os.path.exists(importance):
        write_importance(arguments.model, arguments.calibration, importance, arguments.calibration_tokens)
    bits = bits_per_weight(arguments.model)
    for kind in arguments.kinds:
        out, measured = (os.path.join(arguments.work, name) for name in (kind + ".gguf", "f16.gguf"))
        if not os.path.exists(out):
            quantize(arguments.model, out, kind, "--imatrix", importance)
        quantize(out, measured, "F16")  # what its types mean, for a program that does not know all of them
        result = json.loads(subprocess.run(
            [arguments.intarsia, "evaluate", measured, "--reference", arguments.model, "--text", arguments.text, "--json"],
            check=True, capture_output=True, text=True).stdout)
        print(f"{kind:8} {bits(os.path.getsize(out)):6.3f} bits per weight  KL {result['kl_divergence']:.4f} nats  "
              f"perplexity {result['perplexity']:.3f}  ({os.path.getsize(out)} bytes)", flush=True)


main()
