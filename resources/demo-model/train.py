#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
"""Trains the built-in model from nothing and writes it here as a Hugging Face folder.

    pip install torch transformers tokenizers safetensors
    python3 train.py [--minutes 30] [--threads 2]

The learning rate follows the clock, so a faster machine takes more steps; seeds are fixed."""

import argparse
import json
import math
import pathlib
import time

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM

import corpus

HERE = pathlib.Path(__file__).resolve().parent
SPECIAL = [corpus.BEGIN, corpus.END, *corpus.ROLES, "<|pad|>"]
VOCABULARY, CONTEXT = 1536, 256
TEMPLATE = ("{{ bos_token }}{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] | trim"
            " + '<|end|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}")


def train_tokenizer():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    plain = [t for text in corpus.texts(7, 20000) for t in split_special(text)]
    tokenizer.train_from_iterator(plain, trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return tokenizer


def split_special(text):
    for special in SPECIAL:
        text = text.replace(special, "\n")
    return [line for line in text.split("\n") if line]


def write_tokenizer(tokenizer):
    tokenizer.save(str(HERE / "tokenizer.json"))
    write_json("tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 512, "add_bos_token": False,
        "bos_token": corpus.BEGIN, "eos_token": corpus.END, "pad_token": "<|pad|>",
        "clean_up_tokenization_spaces": False, "chat_template": TEMPLATE})
    write_json("special_tokens_map.json", {
        "bos_token": corpus.BEGIN, "eos_token": corpus.END, "pad_token": "<|pad|>"})


def write_json(name, value):
    (HERE / name).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def make_model(tokenizer):
    token = tokenizer.token_to_id
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=192, intermediate_size=448, num_hidden_layers=8, num_attention_heads=6,
        num_key_value_heads=2, head_dim=32, max_position_embeddings=512, rms_norm_eps=1e-5, rope_theta=10000.0,
        tie_word_embeddings=True, bos_token_id=token(corpus.BEGIN), eos_token_id=token(corpus.END),
        pad_token_id=token("<|pad|>")))


def batches(tokenizer, size):
    """Endless rows of CONTEXT + 1 tokens; conversations follow one another."""
    stream, seed = [], 1000
    while True:
        while len(stream) < size * (CONTEXT + 1):
            for encoding in tokenizer.encode_batch([text + "\n" for text in corpus.texts(seed, 200)]):
                stream += encoding.ids
            seed += 1
        rows = torch.tensor(stream[: size * (CONTEXT + 1)]).view(size, CONTEXT + 1)
        stream = stream[size * (CONTEXT + 1):]
        yield rows


def perplexity(model, tokenizer, text):
    ids = torch.tensor(tokenizer.encode(text).ids)
    total, count = 0.0, 0
    with torch.no_grad():
        for start in range(0, len(ids) - 1, CONTEXT):
            window = ids[start:start + CONTEXT][None]
            if window.shape[1] < 2:
                break
            n = window.shape[1] - 1
            total += model(input_ids=window, labels=window).loss.item() * n
            count += n
    return math.exp(total / count)


def save(model):
    half = {k: v.to(torch.bfloat16).contiguous() for k, v in model.state_dict().items() if k != "lm_head.weight"}
    from safetensors.torch import save_file
    save_file(half, str(HERE / "model.safetensors"), metadata={"format": "pt"})
    config = json.loads(model.config.to_json_string(use_diff=False))
    keep = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
            "num_key_value_heads", "head_dim", "max_position_embeddings", "rms_norm_eps", "tie_word_embeddings",
            "bos_token_id", "eos_token_id", "pad_token_id", "hidden_act", "attention_bias", "mlp_bias")
    write_json("config.json", {"architectures": ["LlamaForCausalLM"], "model_type": "llama",
                               **{k: config[k] for k in keep}, "rope_theta": 10000.0, "torch_dtype": "bfloat16"})
    write_json("generation_config.json", {"bos_token_id": config["bos_token_id"],
                                          "eos_token_id": config["eos_token_id"]})


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--minutes", type=float, default=30)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--batch", type=int, default=8)
    options = options.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(options.threads)

    tokenizer = train_tokenizer()
    write_tokenizer(tokenizer)
    held_out = "\n".join(corpus.texts(99, 160, want_held_out=True)) + "\n"
    (HERE / "heldout.txt").write_text(held_out)

    model = make_model(tokenizer)
    print("parameters", sum(p.numel() for p in model.parameters()), flush=True)
    optimiser = torch.optim.AdamW(model.parameters(), lr=0, betas=(0.9, 0.95), weight_decay=0.1)
    start, step, saved = time.time(), 0, 0.0
    for rows in batches(tokenizer, options.batch):
        progress = (time.time() - start) / (60 * options.minutes)
        if progress >= 1:
            break
        rate = 2e-3 * min(1, (step + 1) / 200) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))
        for group in optimiser.param_groups:
            group["lr"] = rate
        inputs = rows[:, :-1].contiguous()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = model(input_ids=inputs, labels=inputs).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        step += 1
        if step % 200 == 0:
            print(f"step {step}  {100 * progress:.1f} %  loss {loss.item():.4f}  rate {rate:.2e}", flush=True)
        if progress - saved > 0.2:
            saved = progress
            save(model)
            print("held-out perplexity", perplexity(model, tokenizer, held_out), flush=True)
    save(model)
    model = LlamaForCausalLM.from_pretrained(HERE, torch_dtype=torch.float32)
    print(f"steps {step}  held-out perplexity of the saved bf16 model {perplexity(model, tokenizer, held_out):.4f}")


if __name__ == "__main__":
    main()
