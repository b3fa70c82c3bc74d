#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
"""A small random model of every family, with the logits and greedy continuations of Hugging Face transformers in f32,
and the same model as a GGUF where llama.cpp knows the family.

    pip install torch transformers safetensors gguf
    python3 make_family_goldens.py [NAME…]   # writes the folders beside this script"""

import json
import pathlib
import sys

import gguf
import numpy as np
import torch
import transformers as hf
from safetensors.numpy import load_file, save_file

HERE = pathlib.Path(__file__).resolve().parent
SHAPE = dict(vocab_size=96, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=256, rms_norm_eps=1e-5, bos_token_id=0, eos_token_id=1,
             pad_token_id=None)
WINDOWS = ["sliding_attention", "full_attention", "sliding_attention"]
FACTORS = dict(short_factor=[1.0, 1.1, 1.3, 1.7], long_factor=[1.0, 1.5, 3.0, 6.0])


def shape(**changes):
    return {**SHAPE, **changes}


def models():
    rope = lambda **fields: {"rope_theta": 10000.0, **fields}
    return {
        "llama-linear": hf.LlamaConfig(**SHAPE, rope_parameters=rope(rope_type="linear", factor=4.0)),
        "llama-dynamic": hf.LlamaConfig(**shape(max_position_embeddings=16),
                                        rope_parameters=rope(rope_type="dynamic", factor=4.0)),
        "llama-yarn": hf.LlamaConfig(**SHAPE, rope_parameters=rope(
            rope_type="yarn", factor=8.0, original_max_position_embeddings=32)),
        "mistral": hf.MistralConfig(**SHAPE, head_dim=8, sliding_window=5),
        # Without what llama.cpp's converter leaves out, so that they can go through a GGUF.
        "mistral-full": hf.MistralConfig(**shape(num_hidden_layers=2), head_dim=8, sliding_window=None),
        "qwen2": hf.Qwen2Config(**shape(num_hidden_layers=2), use_sliding_window=False),
        "smollm3-four": hf.SmolLM3Config(**shape(num_hidden_layers=4), no_rope_layers=[1, 1, 1, 0],
                                         use_sliding_window=False),
        "qwen2-window": hf.Qwen2Config(**SHAPE, use_sliding_window=True, sliding_window=6, max_window_layers=1),
        "qwen3": hf.Qwen3Config(**SHAPE, head_dim=16, tie_word_embeddings=True),
        "gemma2": hf.Gemma2Config(**SHAPE, head_dim=8, query_pre_attn_scalar=8, sliding_window=6,
                                  layer_types=WINDOWS, attn_logit_softcapping=1.5, final_logit_softcapping=5.0),
        "gemma3": hf.Gemma3TextConfig(**SHAPE, head_dim=16, query_pre_attn_scalar=11, sliding_window=6,
                                      layer_types=WINDOWS, rope_parameters={
                                          "full_attention": rope(rope_type="linear", factor=8.0) | {"rope_theta": 1e6},
                                          "sliding_attention": rope(rope_type="default")}),
        # As llama.cpp takes every Gemma 3 to be: five windowed blocks to one, queries scaled by the head's size.
        "gemma3-six": hf.Gemma3TextConfig(**shape(num_hidden_layers=6), head_dim=8, query_pre_attn_scalar=8,
                                          sliding_window=6),
        "gemma3-list": hf.Gemma3TextConfig(**SHAPE, head_dim=8, query_pre_attn_scalar=8, sliding_window=6,
                                           layer_types=WINDOWS),
        "phi3": hf.Phi3Config(**SHAPE, sliding_window=7),
        "phi3-short": hf.Phi3Config(**SHAPE, original_max_position_embeddings=128,
                                    rope_parameters=rope(rope_type="longrope", **FACTORS)),
        "phi3-long": hf.Phi3Config(**SHAPE, original_max_position_embeddings=16,
                                   rope_parameters=rope(rope_type="longrope", **FACTORS)),
        "phi4-mini": hf.Phi3Config(**shape(num_attention_heads=2, num_key_value_heads=1), tie_word_embeddings=True,
                                   rope_parameters=rope(rope_type="default", partial_rotary_factor=0.75)),
        "smollm3": hf.SmolLM3Config(**SHAPE, no_rope_layers=[1, 0, 1], use_sliding_window=False),
        "smollm3-window": hf.SmolLM3Config(**SHAPE, no_rope_layers=[1, 0, 1], use_sliding_window=True, sliding_window=5),
        "olmo2": hf.Olmo2Config(**SHAPE),
        "olmo3": hf.Olmo3Config(**shape(num_hidden_layers=4), sliding_window=6, rope_parameters={
            "full_attention": rope(rope_type="yarn", factor=4.0, original_max_position_embeddings=64),
            "sliding_attention": rope(rope_type="default")}),
        "mixtral": hf.MixtralConfig(**shape(num_hidden_layers=2), num_local_experts=4, num_experts_per_tok=2),
        "qwen3-moe": hf.Qwen3MoeConfig(**shape(num_hidden_layers=2), head_dim=8, num_experts=6,
                                       num_experts_per_tok=2, moe_intermediate_size=24, norm_topk_prob=True),
        "qwen3-moe-mixed": hf.Qwen3MoeConfig(**SHAPE, head_dim=8, num_experts=4, num_experts_per_tok=3,
                                             moe_intermediate_size=24, norm_topk_prob=False, mlp_only_layers=[1]),
        "granite": hf.GraniteConfig(**SHAPE, embedding_multiplier=6.0, logits_scaling=0.5, residual_multiplier=0.3,
                                    attention_multiplier=0.2),
    }


def tokens_for(vocabulary, count):
    return [(17 * i * i + 5 * i + 3) % vocabulary for i in range(count)]


def logits_of(model, tokens):
    with torch.no_grad():  # without a cache: what the model says of the whole sequence
        return model(input_ids=torch.tensor([tokens]), use_cache=False).logits[0].float()


def greedy(model, prompt, count):
    tokens, step, cache, least = list(prompt), prompt, None, np.inf
    for _ in range(count):
        with torch.no_grad():
            out = model(input_ids=torch.tensor([step]), past_key_values=cache, use_cache=True)
        cache = out.past_key_values
        top = torch.topk(out.logits[0, -1].float(), 2)
        least = min(least, float(top.values[0] - top.values[1]))
        step = [int(top.indices[0])]
        tokens += step
    return tokens[len(prompt):], least


def randomize(model, seed):
    """Values that binary16 holds exactly; the default of 0.02 would leave the logits almost flat."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        value = 0.25 * noise if parameter.dim() > 1 else parameter.data + 0.1 * noise
        parameter.data.copy_(value.half().float())


# GGUF: llama.cpp's names of what is not the same everywhere, and the metadata that it reads.
GGUF_ARCHITECTURES = {"llama": "llama", "mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3", "gemma2": "gemma2",
                      "gemma3_text": "gemma3", "phi3": "phi3", "smollm3": "smollm3", "olmo2": "olmo2", "olmo3": "olmo2",
                      "granite": "granite", "mixtral": "llama", "qwen3_moe": "qwen3moe"}
INTERLEAVED = {"llama", "smollm3", "granite"}
NAMES = {"input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
         "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm",
         "self_attn.k_norm": "attn_k_norm", "self_attn.qkv_proj": "attn_qkv", "post_attention_layernorm": "ffn_norm",
         "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.gate_up_proj": "ffn_up",
         "mlp.down_proj": "ffn_down", "block_sparse_moe.gate": "ffn_gate_inp", "mlp.gate": "ffn_gate_inp", "pre_feedforward_layernorm": "ffn_norm",
         "post_feedforward_layernorm": "post_ffw_norm"}
TOP = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
       "lm_head.weight": "output.weight"}


def gguf_name(name, four_norms):
    if name.startswith("blk."):
        return name
    if name in TOP:
        return TOP[name]
    _, _, block, rest = name.split(".", 3)
    part, suffix = rest.rsplit(".", 1)
    known = "post_attention_norm" if four_norms and part == "post_attention_layernorm" else NAMES[part]
    return f"blk.{block}.{known}.{suffix}"


def stack_experts(tensors):
    """llama.cpp keeps the experts of a block in one tensor [experts, rows, columns]."""
    names = {"w1": "ffn_gate_exps", "w3": "ffn_up_exps", "w2": "ffn_down_exps", "gate_proj": "ffn_gate_exps",
             "up_proj": "ffn_up_exps", "down_proj": "ffn_down_exps"}
    found, stacks = {}, {}
    for name, value in tensors.items():
        if ".experts." not in name:
            found[name] = value
            continue
        block, (expert, part) = name.split(".")[2], name.split(".experts.")[1].split(".")[:2]
        stacks.setdefault(f"blk.{block}.{names[part]}.weight", {})[int(expert)] = value
    return found | {name: np.stack([parts[i] for i in sorted(parts)]) for name, parts in stacks.items()}


def interleave(rows, heads):
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def write_gguf(name, config, tensors, path):
    architecture = GGUF_ARCHITECTURES[config.model_type]
    writer = gguf.GGUFWriter(path, architecture)
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    add_rope(writer, config, head_dim)
    if getattr(config, "sliding_window", None) and architecture not in ("llama", "qwen2"):
        writer.add_sliding_window(config.sliding_window)
        if config.model_type in ("gemma2", "gemma3_text", "olmo3") and name != "gemma3-six":
            writer.add_sliding_window_pattern([kind == "sliding_attention" for kind in config.layer_types])
    if architecture == "gemma2":
        writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
        writer.add_final_logit_softcapping(config.final_logit_softcapping)
    if architecture == "granite":
        writer.add_embedding_scale(config.embedding_multiplier)
        writer.add_logit_scale(config.logits_scaling)
        writer.add_residual_scale(config.residual_multiplier)
        writer.add_attention_scale(config.attention_multiplier)
    add_vocabulary(writer, config.vocab_size)
    if architecture == "qwen3moe" or hasattr(config, "num_local_experts"):
        writer.add_expert_count(config.num_local_experts)
        writer.add_expert_used_count(config.num_experts_per_tok)
    if architecture == "qwen3moe":
        writer.add_expert_feed_forward_length(config.moe_intermediate_size)
    tensors = stack_experts(tensors)
    four_norms = "model.layers.0.post_feedforward_layernorm.weight" in tensors
    for name, value in tensors.items():
        value = value.astype(np.float32)
        if name.endswith("norm.weight") and architecture.startswith("gemma"):
            value = value + 1
        if architecture in INTERLEAVED and ("q_proj" in name or "k_proj" in name):
            value = interleave(value, config.num_attention_heads if "q_proj" in name else config.num_key_value_heads)
        writer.add_tensor(gguf_name(name, four_norms), value.astype(np.float16) if value.ndim > 1 else value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_rope(writer, config, head_dim):
    rope = config.rope_parameters
    rope = rope.get("full_attention", rope)
    kind = rope.get("rope_type", "default")
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_rope_dimension_count(int(head_dim * rope.get("partial_rotary_factor", 1.0)))
    if kind in ("linear", "yarn"):
        writer.add_rope_scaling_type(gguf.RopeScalingType(kind))
        writer.add_rope_scaling_factor(rope["factor"])
    if kind in ("yarn", "longrope"):
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
    if kind == "longrope":
        ratio = config.max_position_embeddings / rope["original_max_position_embeddings"]
        writer.add_rope_scaling_attn_factors(
            float(np.sqrt(1 + np.log(ratio) / np.log(rope["original_max_position_embeddings"]))))
        writer.add_tensor("rope_factors_short.weight", np.array(rope["short_factor"], np.float32))
        writer.add_tensor("rope_factors_long.weight", np.array(rope["long_factor"], np.float32))


def add_vocabulary(writer, size):
    """A SentencePiece vocabulary of single letters, so that llama.cpp opens the file too."""
    tokens = ["<s>", "</s>", "<unk>"] + [chr(0x4E00 + i) for i in range(size - 3)]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * size)
    writer.add_token_types([3, 3, 2] + [1] * (size - 3))
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_unk_token_id(2)
    writer.add_add_bos_token(False)


def write(name, config, count):
    torch.set_num_threads(1)
    torch.manual_seed(1)
    config._attn_implementation = "eager"
    model = hf.AutoModelForCausalLM.from_config(config).float().eval()
    rope = config.rope_parameters  # whose frequencies change at every token beyond the first context:
    by_length = rope.get("rope_type") in ("dynamic", "longrope") and name != "phi3-short"
    for seed in range(1 if by_length else 12):  # until no greedy choice is so close that rounding could turn it
        randomize(model, seed)
        continued, least = ([], 0) if by_length else greedy(model, tokens_for(config.vocab_size, 8), 64)
        if least > 0.01:
            break
    tokens = tokens_for(config.vocab_size, count)
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    stored = {key: value.astype(np.float16) for key, value in load_file(folder / "model.safetensors").items()}
    save_file(stored, folder / "model.safetensors")
    golden = {"tokens": tokens, "logits": [[round(float(x), 5) for x in row] for row in logits_of(model, tokens)]}
    if not by_length:
        golden |= {"prompt": tokens_for(config.vocab_size, 8), "greedy": continued}
    (folder / "golden.json").write_text(json.dumps(golden) + "\n")
    llama_cpp_knows = not (name in ("llama-dynamic", "mistral", "qwen2-window", "smollm3", "smollm3-window", "qwen3-moe-mixed", "gemma3"))
    if llama_cpp_knows:
        write_gguf(name, config, stored, folder / "model.gguf")
    print(f"{name}: seed {seed}, smallest lead of a greedy choice {least:.3f}")


def main():
    for name, config in models().items():
        if len(sys.argv) == 1 or name in sys.argv[1:]:
            write(name, config, 24)


main()
