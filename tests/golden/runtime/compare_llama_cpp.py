#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
"""Perplexity of a GGUF by llama.cpp on the same tokens and windows as `intarsia evaluate`, and the two compared.

    pip install ik-llama-cpp-python numpy
    python3 compare_llama_cpp.py INTARSIA MODEL.gguf TEXT [CONTEXT]"""

import json
import subprocess
import sys

import ik_llama_cpp._ctypes_api as api
import numpy as np
from ik_llama_cpp import IkLlama
from ik_llama_cpp._internals import make_batch


def llama_cpp_perplexity(model, text, context, prepend):
    """`prepend`: whether each window begins with the model's begin token."""
    llama = IkLlama(model, n_ctx=context, n_threads=2, flash_attn=False)
    vocabulary = llama._model.n_vocab
    tokens = llama.tokenize(text, add_bos=False, special=True)
    begin = llama.tokenize("", add_bos=True, special=True)[:1] if prepend else []
    step, total, count = context - len(begin), 0.0, 0
    for start in range(0, len(tokens), step):
        window = begin + tokens[start:start + step]
        if len(window) < 2:
            break
        llama._context.kv_cache_clear()
        batch = make_batch(window)
        for i in range(len(window)):
            batch.logits[i] = 1
        if llama._context.decode(batch) != 0:
            raise RuntimeError("llama_decode failed")
        for i, token in enumerate(window[1:]):
            logits = np.ctypeslib.as_array(api.llama_get_logits_ith(llama._context.ctx, i), (vocabulary,)).astype(np.float64)
            top = logits.max()
            total += float(top + np.log(np.exp(logits - top).sum()) - logits[token])
        count += len(window) - 1
        api.llama_batch_free(batch)
    return float(np.exp(total / count)), count


def main():
    program, model, path = sys.argv[1:4]
    context = int(sys.argv[4]) if len(sys.argv) > 4 else 512
    ours = json.loads(subprocess.run([program, "evaluate", model, "--text", path, "--context", str(context), "--json"],
                                     check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)
    theirs, tokens = llama_cpp_perplexity(model, open(path, encoding="utf-8", errors="replace").read(), context, ours["prepended"] is not None)
    print(f"ours {ours['perplexity']:.4f} on {ours['tokens']} tokens, llama.cpp {theirs:.4f} on {tokens} tokens, "
          f"ratio {ours['perplexity'] / theirs:.5f}")


main()
