#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Perplexity of a GGUF by llama.cpp on the same tokens and windows as `intarsia evaluate`, and the two compared.

    pip install llama-cpp-python numpy
    python3 compare_llama_cpp.py INTARSIA MODEL.gguf TEXT [CONTEXT]"""

import json
import subprocess
import sys

import numpy as np
from llama_cpp import Llama


def llama_cpp_perplexity(model, text, context):
    llama = Llama(model, n_ctx=context, n_batch=context, logits_all=True, verbose=False, n_threads=2)
    tokens = llama.tokenize(text, add_bos=False, special=True)
    total, count = 0.0, 0
    for start in range(0, len(tokens), context):
        window = tokens[start:start + context]
        if len(window) < 2:
            break
        llama.reset()
        llama.eval(window)
        logits = llama.scores[:len(window) - 1].astype(np.float64)
        top = logits.max(axis=1, keepdims=True)
        norm = top[:, 0] + np.log(np.exp(logits - top).sum(axis=1))
        total += float((norm - logits[np.arange(len(window) - 1), window[1:]]).sum())
        count += len(window) - 1
    return float(np.exp(total / count)), count


def main():
    program, model, path = sys.argv[1:4]
    context = int(sys.argv[4]) if len(sys.argv) > 4 else 512
    ours = json.loads(subprocess.run([program, "evaluate", model, "--text", path, "--context", str(context), "--json"],
                                     check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)
    theirs, tokens = llama_cpp_perplexity(model, open(path, "rb").read(), context)
    print(f"ours {ours['perplexity']:.4f} on {ours['tokens']} tokens, llama.cpp {theirs:.4f} on {tokens} tokens, "
          f"ratio {ours['perplexity'] / theirs:.5f}")


main()
