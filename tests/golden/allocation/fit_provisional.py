#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
"""Fits core/sensitivity/provisional_sensitivity.inc: how sensitive a layer is by its role and depth.

  fit_provisional.py FIT.json … [--unseen FILE.json …] [--output FILE.inc]

log10 a_l = level(model) + profile[role](depth), the profile being linear between knots of depth. One least
squares over all models that are fitted, each having a level of its own; second differences are held small, so
that no knot follows a single layer. Prints the rank correlation (Spearman) with each model, fitted or unseen.
"""
import argparse
import json
import re

import numpy as np

from rank_correlation import spearman

ROLES = ["q", "k", "v", "o", "gate", "up", "down"]
# The first two blocks and the last are unlike the rest in every model; the others change slowly.
KNOTS = [0, 1 / 31, 1 / 8, 1 / 4, 3 / 8, 1 / 2, 5 / 8, 3 / 4, 7 / 8, 30 / 31, 1]
SMOOTH = 0.3


def read(path):
    layers = json.load(open(path))["layers"]
    found = []
    for name, value in layers.items():
        match = re.match(r"model\.layers\.(\d+)\.\w+\.(\w+)_proj$", name)
        if match and value > 0:
            found.append((ROLES.index(match[2]), int(match[1]), np.log10(value)))
    blocks = 1 + max(block for _, block, _ in found)
    vocabulary = {name: value for name, value in layers.items() if not name.startswith("model.layers")}
    return found, blocks, vocabulary


def weights(depth):
    """Of the knots, for a value at this depth."""
    row = np.zeros(len(KNOTS))
    k = min(int(np.searchsorted(KNOTS, depth, side="right")) - 1, len(KNOTS) - 2)
    part = (depth - KNOTS[k]) / (KNOTS[k + 1] - KNOTS[k])
    row[k], row[k + 1] = 1 - part, part
    return row


def depth_of(block, blocks):
    return block / max(1, blocks - 1)


def fit(models):
    size = len(ROLES) * len(KNOTS)
    rows, values, scale = [], [], []
    for index, (layers, blocks, _) in enumerate(models):
        for role, block, value in layers:
            row = np.zeros(size + len(models))
            row[role * len(KNOTS):(role + 1) * len(KNOTS)] = weights(depth_of(block, blocks))
            row[size + index] = 1
            rows.append(row)
            values.append(value)
            scale.append(1 / np.sqrt(len(layers)))  # models count alike
    for role in range(len(ROLES)):
        for k in range(2, len(KNOTS) - 2):
            row = np.zeros(size + len(models))
            row[role * len(KNOTS) + k - 1:role * len(KNOTS) + k + 2] = [1, -2, 1]
            rows.append(row)
            values.append(0)
            scale.append(SMOOTH / len(ROLES))
    row = np.zeros(size + len(models))
    row[:size] = 1e-3  # the profile's mean is 0: levels belong to the models
    rows.append(row)
    values.append(0)
    scale.append(1)
    scale = np.array(scale)[:, None]
    solution = np.linalg.lstsq(np.array(rows) * scale, np.array(values) * scale[:, 0], rcond=None)[0]
    profile = solution[:size].reshape(len(ROLES), len(KNOTS))
    shift = profile.mean()
    return profile - shift, solution[size:] + shift


def judge(profile, model):
    layers, blocks, _ = model
    predicted = np.array([profile[role] @ weights(depth_of(block, blocks)) for role, block, _ in layers])
    actual = np.array([value for _, _, value in layers])
    error = predicted - actual
    return spearman(predicted, actual), np.std(error)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("fit", nargs="+")
    parser.add_argument("--unseen", nargs="*", default=[])
    parser.add_argument("--output")
    arguments = parser.parse_args()
    models = [read(path) for path in arguments.fit]
    profile, levels = fit(models)
    for path in arguments.fit + arguments.unseen:
        spearman, spread = judge(profile, read(path))
        kind = "fitted" if path in arguments.fit else "unseen"
        print(f"{path} ({kind}): Spearman {spearman:.3f}, log10 off by {spread:.2f} (standard deviation)")
    for left_out in range(len(models)):
        if len(models) > 1:
            spearman, spread = judge(fit(models[:left_out] + models[left_out + 1:])[0], models[left_out])
            print(f"{arguments.fit[left_out]} (left out): Spearman {spearman:.3f}, log10 off by {spread:.2f}")
    tied = [np.log10(vocabulary["model.embed_tokens"]) - level for (_, _, vocabulary), level in zip(models, levels)
            if list(vocabulary) == ["model.embed_tokens"]]
    if arguments.output:
        with open(arguments.output, "w") as out:
            out.write("// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA\n"
                      "// Written by tests/golden/allocation/fit_provisional.py.\n")
            out.write(f"constexpr double level = {np.mean(levels):.4f}, tied_embedding = {np.mean(tied):.4f};\n")
            out.write(f"constexpr std::array<double, {len(KNOTS)}> knots{{"
                      + ", ".join(f"{k:.6g}" for k in KNOTS) + "};\n")
            out.write(f"constexpr std::array<std::array<double, {len(KNOTS)}>, {len(ROLES)}> profiles{{{{\n")
            for role, values in zip(ROLES, profile):
                out.write("    {" + ", ".join(f"{v:.4f}" for v in values) + f"}}, // {role}\n")
            out.write("}};\n")


if __name__ == "__main__":
    main()
