#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
"""Tiny checkpoints as other quantizers store them, and in "expected.safetensors" the weights that they stand for, by
each format's own definition:

    GPTQ                AutoGPTQ, qlinear_cuda_old.py: pack() and forward()
    AWQ                 AutoAWQ, modules/linear/gemm.py: from_linear(), utils/packing_utils.py
    FP8                 transformers, integrations/finegrained_fp8.py; fbgemm_fp8.py
    compressed-tensors  compressors/quantized_compressors/pack_quantized.py, naive_quantized.py
    bitsandbytes        functional.py: dequantize_4bit(), int8_vectorwise_dequant()

    pip install torch safetensors
    python3 make_quantized_goldens.py"""

import json
import pathlib
import shutil

import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).resolve().parent
HIDDEN, HEADS, KV, INNER, VOCABULARY = 16, 2, 1, 24, 8
BASE = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": HIDDEN, "intermediate_size": INNER,
        "num_hidden_layers": 1, "num_attention_heads": HEADS, "num_key_value_heads": KV, "head_dim": HIDDEN // HEADS,
        "vocab_size": VOCABULARY, "max_position_embeddings": 32, "rms_norm_eps": 1e-5, "tie_word_embeddings": True}
HALF = HIDDEN // HEADS * KV
SHAPES = {"self_attn.q_proj": (HIDDEN, HIDDEN), "self_attn.k_proj": (HALF, HIDDEN), "self_attn.v_proj": (HALF, HIDDEN),
          "self_attn.o_proj": (HIDDEN, HIDDEN), "mlp.gate_proj": (INNER, HIDDEN), "mlp.up_proj": (INNER, HIDDEN),
          "mlp.down_proj": (HIDDEN, INNER)}
FUSED = {"self_attn.qkv_proj": (HIDDEN + 2 * HALF, HIDDEN), "self_attn.o_proj": (HIDDEN, HIDDEN),
         "mlp.gate_up_proj": (2 * INNER, HIDDEN), "mlp.down_proj": (HIDDEN, INNER)}


def pack(values, bits, dim):
    """Unsigned values to int32 along `dim`, the first in the lowest bits; what is missing at the end is 0."""
    per_word = 32 // bits
    values = values.movedim(dim, -1)
    short = -values.shape[-1] % per_word
    values = torch.nn.functional.pad(values, (0, short)).reshape(*values.shape[:-1], -1, per_word).long()
    words = (values << (bits * torch.arange(per_word))).sum(-1)
    return torch.where(words >= 2**31, words - 2**32, words).to(torch.int32).movedim(-1, dim).contiguous()


def gptq(generator, out, inputs, bits, group, version=1, desc_act=False):
    groups, top = inputs // group, 2**bits
    codes = torch.randint(0, top, (inputs, out), generator=generator)
    zeros = torch.randint(0, top, (groups, out), generator=generator)
    zeros[0, 0] = 0  # less 1 this wraps round
    scales = (torch.rand(groups, out, generator=generator) / top + 0.01).half()
    index = torch.arange(inputs) // group
    if desc_act:
        index = index[torch.randperm(inputs, generator=generator)]
    stored = (zeros - 1) % top if version == 1 else zeros
    weight = scales.float()[index] * (codes - zeros[index]).float()
    return {"qweight": pack(codes, bits, 0), "qzeros": pack(stored, bits, 1), "scales": scales,
            "g_idx": index.to(torch.int32)}, weight.T


def awq(generator, out, inputs, group):
    order = torch.tensor([0, 2, 4, 6, 1, 3, 5, 7])
    interleaved = lambda values: values.reshape(values.shape[0], -1, 8)[:, :, order].reshape(values.shape)
    groups = inputs // group
    codes = torch.randint(0, 16, (inputs, out), generator=generator)
    zeros = torch.randint(0, 16, (groups, out), generator=generator)
    scales = (torch.rand(groups, out, generator=generator) / 16 + 0.01).half()
    index = torch.arange(inputs) // group
    weight = scales.float()[index] * (codes - zeros[index]).float()
    return {"qweight": pack(interleaved(codes), 4, 1), "qzeros": pack(interleaved(zeros), 4, 1), "scales": scales}, weight.T


def fp8(generator, out, inputs, kind, block=(8, 16), dtype=torch.float8_e4m3fn):
    codes = (torch.randn(out, inputs, generator=generator) * 60).to(dtype)
    if kind == "none":
        return {"weight": codes}, codes.float()
    if kind == "tensor":
        scale = torch.rand(1, generator=generator).reshape(()) / 100
        return {"weight": codes, "weight_scale": scale, "input_scale": torch.tensor(0.5)}, codes.float() * scale
    if kind == "row":
        scale = torch.rand(out, 1, generator=generator) / 100
        return {"weight": codes, "weight_scale": scale}, codes.float() * scale
    rows, columns = -(-out // block[0]), -(-inputs // block[1])
    scale = torch.rand(rows, columns, generator=generator) / 100
    whole = scale.repeat_interleave(block[0], 0).repeat_interleave(block[1], 1)[:out, :inputs]
    return {"weight": codes, "weight_scale_inv": scale}, codes.float() * whole


def packed(generator, out, inputs, bits, group, symmetric):
    half, groups = 2**(bits - 1), inputs // group
    codes = torch.randint(-half, half, (out, inputs), generator=generator)
    zeros = torch.zeros(out, groups, dtype=torch.long) if symmetric else \
        torch.randint(-half, half, (out, groups), generator=generator)
    scales = (torch.rand(out, groups, generator=generator) / half + 0.01).bfloat16()
    wide = lambda values: values.repeat_interleave(group, 1)
    parts = {"weight_packed": pack(codes + half, bits, 1), "weight_scale": scales,
             "weight_shape": torch.tensor([out, inputs])}
    if not symmetric:
        parts["weight_zero_point"] = pack(zeros + half, bits, 0)
    return parts, (codes - wide(zeros)).float() * wide(scales.float())


def int8(generator, out, inputs, kind):
    codes = torch.randint(-128, 128, (out, inputs), generator=generator).to(torch.int8)
    scale = torch.rand(out, generator=generator) + 0.1
    if kind == "bitsandbytes":
        return {"weight": codes, "SCB": scale}, codes.float() * scale.reshape(-1, 1) * 7.874015718698502e-3
    return {"weight": codes, "weight_scale": scale.reshape(-1, 1)}, codes.float() * scale.reshape(-1, 1)


NF4 = torch.tensor([-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
                    -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
                    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
                    0.7229568362236023, 1.0])


def nf4(generator, out, inputs, nested):
    block, nested_block = 64, 4
    count = -(-out * inputs // block)
    codes = torch.randint(0, 16, (out * inputs,), generator=generator)
    state = {"quant_type": "nf4", "blocksize": block, "dtype": "float16", "shape": [out, inputs]}
    parts = {"weight": (codes[0::2] << 4 | codes[1::2]).to(torch.uint8).reshape(-1, 1), "weight.quant_map": NF4.clone()}
    if nested:
        table = torch.sort(torch.randn(256, generator=generator)).values
        stored = torch.randint(0, 256, (count,), generator=generator)
        outer = torch.rand(-(-count // nested_block), generator=generator)
        state |= {"nested_blocksize": nested_block, "nested_offset": 0.0625, "nested_dtype": "float32"}
        magnitudes = table[stored] * outer.repeat_interleave(nested_block)[:count] + torch.tensor(0.0625)
        parts |= {"weight.absmax": stored.to(torch.uint8), "weight.nested_absmax": outer, "weight.nested_quant_map": table}
    else:
        magnitudes = torch.rand(count, generator=generator)
        parts["weight.absmax"] = magnitudes
    text = json.dumps(state).encode()
    parts["weight.quant_state.bitsandbytes__nf4"] = torch.frombuffer(bytearray(text), dtype=torch.uint8).clone()
    return parts, (NF4[codes] * magnitudes.repeat_interleave(block)[:out * inputs]).reshape(out, inputs)


def write(name, scheme, quantize, shapes=SHAPES, config={}):
    generator = torch.Generator().manual_seed(7)
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    ones = torch.ones(HIDDEN, dtype=torch.float16)
    tensors = {"model.embed_tokens.weight": torch.randn(VOCABULARY, HIDDEN, generator=generator).half(),
               "model.norm.weight": ones, "model.layers.0.input_layernorm.weight": ones.clone(),
               "model.layers.0.post_attention_layernorm.weight": ones.clone()}
    expected = {}
    for layer, (out, inputs) in shapes.items():
        parts, weight = quantize(generator, out, inputs)
        tensors |= {"model.layers.0.%s.%s" % (layer, part): value.contiguous() for part, value in parts.items()}
        expected["model.layers.0.%s.weight" % layer] = weight.float()
    if shapes is FUSED:
        qkv = expected.pop("model.layers.0.self_attn.qkv_proj.weight").split([HIDDEN, HALF, HALF])
        for part, weight in zip("qkv", qkv):
            expected["model.layers.0.self_attn.%s_proj.weight" % part] = weight
        for part, weight in zip(("gate", "up"), expected.pop("model.layers.0.mlp.gate_up_proj.weight").split(INNER)):
            expected["model.layers.0.mlp.%s_proj.weight" % part] = weight
    save_file(tensors, folder / "model.safetensors")
    save_file({k: v.contiguous() for k, v in expected.items()}, folder / "expected.safetensors")
    (folder / "config.json").write_text(json.dumps(BASE | config | {"quantization_config": scheme}, indent=1) + "\n")


write("gptq-4-act-order", {"quant_method": "gptq", "bits": 4, "group_size": 8, "desc_act": True},
      lambda g, o, i: gptq(g, o, i, 4, 8, desc_act=True))
write("gptq-8", {"quant_method": "gptq", "bits": 8, "group_size": 8}, lambda g, o, i: gptq(g, o, i, 8, 8))
write("gptq-2-v2", {"quant_method": "gptq", "bits": 2, "group_size": 8, "checkpoint_format": "gptq_v2"},
      lambda g, o, i: gptq(g, o, i, 2, 8, version=2) if i % 16 == o % 16 == 0 else gptq(g, o, i, 4, 8, version=2))
write("gptq-4-fused", {"quant_method": "gptq", "bits": 4, "group_size": -1},
      lambda g, o, i: gptq(g, o, i, 4, i), FUSED, {"model_type": "phi3", "architectures": ["Phi3ForCausalLM"]})
write("awq", {"quant_method": "awq", "bits": 4, "group_size": 8, "version": "gemm", "zero_point": True},
      lambda g, o, i: awq(g, o, i, 8))
write("fp8-block", {"quant_method": "fp8", "weight_block_size": [12, 10]}, lambda g, o, i: fp8(g, o, i, "block", (12, 10)))
write("fp8-tensor", {"quant_method": "modelopt", "quant_algo": "FP8"}, lambda g, o, i: fp8(g, o, i, "tensor"))
write("fp8-row", {"quant_method": "fbgemm_fp8"}, lambda g, o, i: fp8(g, o, i, "row"))
write("fp8-e5m2", {"quant_method": "fp8"}, lambda g, o, i: fp8(g, o, i, "none", dtype=torch.float8_e5m2))
write("packed-4", {"quant_method": "compressed-tensors", "format": "pack-quantized"},
      lambda g, o, i: packed(g, o, i, 4, 8, True))
write("packed-8-asymmetric", {"quant_method": "compressed-tensors", "format": "pack-quantized"},
      lambda g, o, i: packed(g, o, i, 8, 8, False))
write("int-8", {"quant_method": "compressed-tensors", "format": "int-quantized"}, lambda g, o, i: int8(g, o, i, "row"))
write("bitsandbytes-8", {"quant_method": "bitsandbytes", "load_in_8bit": True},
      lambda g, o, i: int8(g, o, i, "bitsandbytes"))
write("bitsandbytes-nf4", {"quant_method": "bitsandbytes", "load_in_4bit": True}, lambda g, o, i: nf4(g, o, i, False))
write("bitsandbytes-nf4-nested", {"quant_method": "bitsandbytes", "load_in_4bit": True},
      lambda g, o, i: nf4(g, o, i, True))
