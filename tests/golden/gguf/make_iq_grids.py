#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
"""Writes core/tensor/iq_grids.inc: the codebooks of ggml's IQ block types, as the PyPI package `gguf` packs them
(gguf.quants, grid_hex; MIT licence, from ggml-common.h). Four 2-bit or two 4-bit indices a byte, low bits first.

    pip install gguf numpy
    python3 make_iq_grids.py"""

import pathlib

from gguf import quants

OUT = pathlib.Path(__file__).resolve().parents[3] / "core/tensor/iq_grids.inc"
GRIDS = {"iq1": quants.IQ1_S, "iq2_xxs": quants.IQ2_XXS, "iq2_xs": quants.IQ2_XS, "iq2_s": quants.IQ2_S,
         "iq3_xxs": quants.IQ3_XXS, "iq3_s": quants.IQ3_S}
COLUMNS = 104

lines = ["// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA",
         "// Made by tests/golden/gguf/make_iq_grids.py from the tables of ggml (MIT licence); do not edit.",
         "// Hexadecimal; indices into each type's values, low bits of a byte first."]
for name, kind in GRIDS.items():
    text = kind.grid_hex.decode()
    lines.append("constexpr std::string_view %s_hex =" % name)
    lines += ['    "%s"' % text[i:i + COLUMNS] for i in range(0, len(text), COLUMNS)]
    lines[-1] += ";"
OUT.write_text("\n".join(lines) + "\n")
