#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
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
for kind in (T.Q8_0, T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.Q2_K, T.Q3_K, T.Q4_K, T.Q5_K, T.Q6_K):
    elements, size = GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (2, size), dtype=np.uint8)
    scale = np.frombuffer(np.float16(random.uniform(0.01, 1)).tobytes(), np.uint8)
    for place in {T.Q2_K: (80, 82), T.Q3_K: (108,), T.Q4_K: (0, 2), T.Q5_K: (0, 2), T.Q6_K: (208,)}.get(kind, (0, 2)):
        if kind in (T.Q8_0, T.Q4_0, T.Q5_0) and place == 2:
            continue
        blocks[:, place:place + 2] = scale  # random bits there could be NaN
    values = quants.dequantize(blocks.reshape(1, -1), kind).reshape(-1)
    cases[kind.name] = {"bytes": blocks.reshape(-1).tolist(), "values": [float(v) for v in values]}
(pathlib.Path(__file__).resolve().parent / "blocks.json").write_text(json.dumps(cases) + "\n")
