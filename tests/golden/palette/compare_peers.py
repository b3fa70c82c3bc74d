#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
"""What other programs make of the same GGUF with an importance matrix: KL from the original and perplexity of llama.cpp's
k-quants and of ik_llama.cpp's trellis types, on the windows that `intarsia evaluate` uses.

    pip install ik-llama-cpp-python gguf numpy torch transformers
    python3 compare_peers.py MODEL.gguf CALIBRATION.txt TEXT.txt WORKDIR [TYPE …]

Embeddings (here the head too) stay f16, as ours do. Bits are those of the blocks' linears with everything stored for them;
rows that are not a multiple of 256 fall back to larger types there. Files that are in WORKDIR are not made again."""

import argparse
import os
import re
import struct
import subprocess

import ik_llama_cpp
import numpy as np

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


def quantize(model, importance, kind, out):
    subprocess.run([os.path.join(os.path.dirname(ik_llama_cpp.__file__), "bin", "llama-quantize"), "--allow-requantize", "--imatrix", importance, "--token-embedding-type", "f16",
                    "--output-tensor-type", "f16", model, out, kind, str(os.cpu_count())], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Windows:
    """Log-probabilities of a model, window by window."""

    def __init__(self, path, context=512):
        import ik_llama_cpp._ctypes_api as api
        from ik_llama_cpp import IkLlama
        self.api, self.context = api, context
        self.llama = IkLlama(path, n_ctx=context, n_threads=os.cpu_count(), flash_attn=False)

    def log_probabilities(self, window):
        from ik_llama_cpp._internals import make_batch
        context, size = self.llama._context, self.llama._model.n_vocab
        context.kv_cache_clear()
        batch = make_batch(window)
        for i in range(len(window)):
            batch.logits[i] = 1
        if context.decode(batch) != 0:
            raise RuntimeError("llama_decode failed")
        logits = np.stack([np.ctypeslib.as_array(self.api.llama_get_logits_ith(context.ctx, i), (size,))
                           for i in range(len(window))])
        self.api.llama_batch_free(batch)
        logits = logits - logits.max(axis=1, keepdims=True)
        return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def main():
    parser = argparse.ArgumentParser()
    for name in ("model", "calibration", "text", "work"):
        parser.add_argument(name)
    parser.add_argument("kinds", nargs="*", default=["Q2_K", "Q3_K_M", "Q4_K_M", "IQ2_KT", "IQ3_KT", "IQ4_KT"])
    parser.add_argument("--calibration-tokens", type=int, default=16384)
    arguments = parser.parse_args()
    os.makedirs(arguments.work, exist_ok=True)
    importance = os.path.join(arguments.work, "importance.dat")
    if not os.path.exists(importance):
        write_importance(arguments.model, arguments.calibration, importance, arguments.calibration_tokens)

    reference = Windows(arguments.model)
    tokens = reference.llama.tokenize(open(arguments.text).read(), add_bos=False, special=True)
    windows = [tokens[at:at + 512] for at in range(0, len(tokens), 512) if len(tokens) - at > 1]
    from gguf import GGUFReader
    tensors = GGUFReader(arguments.model).tensors
    weights = sum(int(t.n_elements) for t in tensors if LINEAR.fullmatch(t.name))
    others = sum((2 if t.name == "token_embd.weight" or t.name == "output.weight" else 4) * int(t.n_elements)
                 for t in tensors if not LINEAR.fullmatch(t.name))
    header = os.path.getsize(arguments.model) - sum(int(t.n_bytes) for t in tensors)  # vocabulary and names

    for kind in arguments.kinds:
        out = os.path.join(arguments.work, kind + ".gguf")
        if not os.path.exists(out):
            quantize(arguments.model, importance, kind, out)
        model = Windows(out)
        kl, nll, count, targets = 0.0, 0.0, 0, 0
        for window in windows:
            p, q = reference.log_probabilities(window), model.log_probabilities(window)
            kl += float((np.exp(p) * (p - q)).sum())
            nll -= float(q[np.arange(len(window) - 1), window[1:]].sum())
            count, targets = count + len(window), targets + len(window) - 1
        rate = 8 * (os.path.getsize(out) - header - others) / weights
        print(f"{kind:8} {rate:6.3f} bits per weight  KL {kl / count:.4f} nats  perplexity {np.exp(nll / targets):.3f}"
              f"  ({os.path.getsize(out)} bytes)", flush=True)


main()
