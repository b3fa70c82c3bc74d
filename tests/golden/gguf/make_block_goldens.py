#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
"""Random blocks of every GGUF format and their values by the `gguf` package.

    pip install gguf numpy
    python3 make_block_goldens.py"""

import json
import pathlib

import numpy as np
from gguf import GGMLQuantizationType as T, quants
from gguf.constants import GGML_QUANT_SIZES

random = np.random.default_rng(3)
cases = {}
KINDS = (T.Q8_0, T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.Q2_K, T.Q3_K, T.Q4_K, T.Q5_K, T.Q6_K, T.IQ1_S, T.IQ1_M, T.IQ2_XXS,
         T.IQ2_XS, T.IQ2_S, T.IQ3_XXS, T.IQ3_S, T.IQ4_NL, T.IQ4_XS, T.TQ1_0, T.TQ2_0, T.MXFP4, T.NVFP4)
HALVES = {T.Q2_K: (80, 82), T.Q3_K: (108,), T.Q4_K: (0, 2), T.Q5_K: (0, 2), T.Q6_K: (208,), T.Q4_1: (0, 2), T.Q5_1: (0, 2),
          T.IQ1_M: (), T.TQ1_0: (52,), T.TQ2_0: (64,), T.MXFP4: (), T.NVFP4: ()}  # bytes where an f16 lies; others: 0
for kind in KINDS:
    elements, size = GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (1 if elements > 32 else 2, size), dtype=np.uint8)
    scale = np.frombuffer(np.float16(random.uniform(0.01, 1)).tobytes(), np.uint8)
    for place in HALVES.get(kind, (0,)):
        blocks[:, place:place + 2] = scale  # random bits there could be NaN
    if kind == T.IQ1_M:  # its f16 lies in the upper nibbles of four words
        for i in range(4):
            blocks[:, 49 + 2 * i] = blocks[:, 49 + 2 * i] & 15 | (int(scale.view(np.uint16)[0]) >> 4 * i & 15) << 4
    if kind == T.MXFP4:
        blocks[:, 0] = [1, 120]  # a power of two; the smallest is subnormal
    values = quants.dequantize(blocks.reshape(1, -1), kind).reshape(-1)
    assert np.isfinite(values).all(), kind
    cases[kind.name] = {"bytes": blocks.reshape(-1).tolist(), "values": [float(v) for v in values]}
# Q8_K is no type of gguf.quants: an f32 scale, 256 int8, and sums that only products use (ggml-common.h).
scales, codes = np.float32(random.uniform(0.01, 1, 2)), random.integers(-128, 128, (2, 256), dtype=np.int8)
cases["Q8_K"] = {"bytes": [b for s, q in zip(scales, codes) for b in s.tobytes() + q.tobytes() + bytes(32)],
                 "values": [float(v) for v in (scales[:, None] * codes.astype(np.float32)).reshape(-1)]}
(pathlib.Path(__file__).resolve().parent / "blocks.json").write_text(json.dumps(cases) + "\n")
