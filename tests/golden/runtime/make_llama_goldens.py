#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
"""Small random models of the Llama family and their logits in Hugging Face transformers (f32).

    pip install torch transformers safetensors
    python3 make_llama_goldens.py                      # writes the folders beside this script
    python3 make_llama_goldens.py MODEL_FOLDER OUT.json  # logits of an existing model"""

import json
import pathlib
import sys

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, Qwen2Config

HERE = pathlib.Path(__file__).resolve().parent
SHAPE = dict(vocab_size=96, hidden_size=48, intermediate_size=80, num_hidden_layers=2, max_position_embeddings=256,
             rms_norm_eps=1e-5)
CONFIGS = {
    "gqa": LlamaConfig(**SHAPE, num_attention_heads=6, num_key_value_heads=2, head_dim=8, tie_word_embeddings=False),
    "tied": LlamaConfig(**SHAPE, num_attention_heads=4, num_key_value_heads=4, head_dim=12, tie_word_embeddings=True),
    "biased": LlamaConfig(**SHAPE, num_attention_heads=4, num_key_value_heads=2, head_dim=16, tie_word_embeddings=False,
                          attention_bias=True, mlp_bias=True),
    "llama3-rope": LlamaConfig(**SHAPE, num_attention_heads=4, num_key_value_heads=1, head_dim=16,
                               tie_word_embeddings=True,
                               rope_scaling={"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0,
                                             "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                             "original_max_position_embeddings": 64}),
    "qwen2": Qwen2Config(**SHAPE, num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=True),
}


def tokens_for(vocabulary, count):
    return [(17 * i * i + 5 * i + 3) % vocabulary for i in range(count)]


def write_logits(model, path, count):
    tokens = tokens_for(model.config.vocab_size, count)
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([tokens])).logits[0].float()
    rows = [[round(float(x), 6) for x in row] for row in logits]
    path.write_text(json.dumps({"tokens": tokens, "logits": rows}) + "\n")


def main():
    if len(sys.argv) == 3:
        model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32)
        return write_logits(model, pathlib.Path(sys.argv[2]), 8)
    for name, config in CONFIGS.items():
        torch.manual_seed(len(name))
        model = AutoModelForCausalLM.from_config(config).float().eval()
        for parameter in model.parameters():  # the default of 0.02 would leave the logits almost flat
            torch.nn.init.normal_(parameter, std=0.15) if parameter.dim() > 1 else parameter.data.add_(
                0.1 * torch.randn_like(parameter))
        folder = HERE / name
        model.save_pretrained(folder)
        write_logits(model, folder / "logits.json", 40)
        (folder / "generation_config.json").unlink(missing_ok=True)


main()
