#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
"""Writes sampling.json: what is left of a distribution, and with which probabilities, by Hugging Face transformers'
logits processors (and, where it has none, by the formulas that core/runtime/sampler.h names, in plain Python)."""
import json
import pathlib

import numpy
import torch
from transformers.generation.logits_process import (
    MinPLogitsWarper, RepetitionPenaltyLogitsProcessor, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper,
    TypicalLogitsWarper)

VOCABULARY = 24
PROMPT = [3, 7, 1, 5, 9, 2, 3, 7, 1, 6, 4]
GENERATED = [8, 3, 7, 1]


def dry(logits, history, multiplier, base, allowed_length):
    """The algorithm of oobabooga/text-generation-webui pull request 5677, without breakers."""
    longest = {}
    for i in range(len(history) - 1):
        length = 0
        while length < 50 and i - length >= 0 and history[i - length] == history[len(history) - 1 - length]:
            length += 1
        if length:
            longest[history[i + 1]] = max(length, longest.get(history[i + 1], 0))
    for token, length in longest.items():
        if length >= allowed_length:
            logits[token] -= multiplier * base ** (length - allowed_length)
    return logits


def probabilities(logits, settings):
    logits = numpy.array(logits, dtype=numpy.float64)
    for token, bias in settings.get("logit_bias", []):
        logits[token] += bias
    scores = torch.tensor(logits)[None]
    if "repetition_penalty" in settings:
        scores = RepetitionPenaltyLogitsProcessor(settings["repetition_penalty"])(torch.tensor([PROMPT + GENERATED]), scores)
    logits = scores[0].numpy().copy()
    for token in set(GENERATED):
        logits[token] -= GENERATED.count(token) * settings.get("frequency_penalty", 0) + settings.get("presence_penalty", 0)
    if "dry" in settings:
        d = settings["dry"]
        logits = dry(logits, PROMPT + GENERATED, d["multiplier"], d.get("base", 1.75), d.get("allowed_length", 2))
    scores = torch.tensor(logits)[None]
    for name, warper in (("temperature", TemperatureLogitsWarper), ("top_k", TopKLogitsWarper), ("top_p", TopPLogitsWarper),
                         ("min_p", MinPLogitsWarper), ("typical_p", TypicalLogitsWarper)):
        if name in settings:
            scores = warper(settings[name])(None, scores)
    return torch.softmax(scores, -1)[0].tolist()


CASES = [
    {"temperature": 0.6}, {"top_k": 5}, {"top_p": 0.7}, {"temperature": 1.4, "top_k": 9, "top_p": 0.8},
    {"min_p": 0.2}, {"temperature": 0.5, "min_p": 0.05}, {"typical_p": 0.5}, {"typical_p": 0.9, "temperature": 1.7},
    {"top_k": 12, "top_p": 0.95, "min_p": 0.02, "typical_p": 0.8}, {"repetition_penalty": 1.4}, {"presence_penalty": 1.5},
    {"frequency_penalty": 0.8, "presence_penalty": -0.5}, {"dry": {"multiplier": 0.9}},
    {"dry": {"multiplier": 0.5, "base": 1.3, "allowed_length": 3}}, {"logit_bias": [[0, 3.5], [11, -100.0]]},
    {"repetition_penalty": 1.2, "frequency_penalty": 0.3, "logit_bias": [[4, 2.0]], "temperature": 0.8, "top_p": 0.9},
]

random = numpy.random.default_rng(5)
logits = [round(float(x), 3) for x in random.normal(0, 2, VOCABULARY)]
out = {"logits": logits, "prompt": PROMPT, "generated": GENERATED,
       "cases": [{"settings": {"temperature": 1, "top_p": 1, **case},
                  "probabilities": [round(p, 9) for p in probabilities(logits, case)]} for case in CASES]}
path = pathlib.Path(__file__).with_name("sampling.json")
path.write_text(json.dumps(out).replace('{"settings"', '\n{"settings"') + "\n")
