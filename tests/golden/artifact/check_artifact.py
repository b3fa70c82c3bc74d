# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
"""Reads an artifact as resources/help/artifact-format.md and code-layouts.md describe it, sharing no code with Intarsia,
rebuilds every weight, and compares checksums and the distortion against the original model.

    python3 check_artifact.py ORIGINAL OUT     (ORIGINAL: a Hugging Face folder with one model.safetensors)
"""
import itertools
import json
import sys
import zlib

import numpy as np
import torch
from safetensors.numpy import load_file
from safetensors.torch import load_file as load_torch


def prime_power(q):
    for p in range(2, q + 1):
        if q % p == 0:
            m = 0
            while q % p == 0:
                q //= p
                m += 1
            return (p, m) if q == 1 else None
    return None


def field(q):
    """Subtraction of numbered elements, and the quadratic character."""
    p, m = prime_power(q)
    digits = lambda n: [n // p**k % p for k in range(m)]
    number = lambda c: sum(int(v) * p**k for k, v in enumerate(c))

    def multiply(a, b, tail):
        product = [0] * (2 * m)
        for (i, x), (j, y) in itertools.product(enumerate(digits(a)), enumerate(digits(b))):
            product[i + j] = (product[i + j] + x * y) % p
        for i in range(2 * m - 1, m - 1, -1):
            for j in range(m):
                product[i - m + j] = (product[i - m + j] - product[i] * tail[j]) % p
            product[i] = 0
        return number(product[:m])

    def is_field(tail):  # no zero divisors
        return all(multiply(a, b, tail) for a in range(1, q) for b in range(1, q))

    tail = [0] if m == 1 else next(t for t in map(digits, range(q)) if is_field(t))
    chi = np.full(q, -1)
    chi[0] = 0
    for a in range(1, q):
        chi[a * a % q if m == 1 else multiply(a, a, tail)] = 1
    subtract = lambda a, b: number([(x - y) % p for x, y in zip(digits(a), digits(b))])
    return subtract, chi


def conference(q):
    subtract, chi = field(q)
    c = np.zeros((q + 1, q + 1), int)
    c[0, 1:] = 1
    c[1:, 0] = -1 if q % 4 == 3 else 1
    for i, j in itertools.product(range(q), range(q)):
        c[i + 1, j + 1] = chi[subtract(i, j)]
    return c


def paley(order):
    if order == 1:
        return np.ones((1, 1))
    if order > 512 or order % 4:
        return None
    if prime_power(order - 1):
        return conference(order - 1) + np.eye(order)
    q = order // 2 - 1
    if q % 4 == 1 and prime_power(q):
        c = conference(q)
        zero, one = np.array([[1, -1], [-1, -1]]), np.array([[1, 1], [1, -1]])
        return np.kron(c, one) + np.kron(c == 0, zero)
    return None


def rotation(d):
    for blocks in range(1, d + 1):
        if d % blocks:
            continue
        size = d // blocks
        power = size & -size
        while power:
            h = paley(size // power)
            if h is not None:
                assert np.array_equal(h @ h.T, len(h) * np.eye(len(h)))
                i = np.arange(power)
                sylvester = 1 - 2 * (np.array([bin(v).count("1") for v in (i[:, None] & i).ravel()]).reshape(power, power) % 2)
                return np.kron(np.eye(blocks), np.kron(h, sylvester) / np.sqrt(size))
            power //= 2
    raise ValueError(d)


def decode(codes, quantizer, book, shape):
    family, bits = quantizer.rsplit("-", 1)
    pair = 2 if family == "vq" else 1
    width = round(float(bits) * pair)
    count = -(-shape[1] // pair)
    rows = np.unpackbits(codes.reshape(shape[0], -1), axis=1, bitorder="little")[:, : count * width]
    index = rows.reshape(shape[0], count, width) @ (1 << np.arange(width))
    return book.reshape(-1, pair)[index].reshape(shape[0], -1)[:, : shape[1]]


original, out = sys.argv[1:]
tensors = load_file(f"{out}/model.safetensors")
weights = {name: value.to(torch.float64).numpy() for name, value in load_torch(f"{original}/model.safetensors").items()}
manifest = json.load(open(f"{out}/artifact.json"))
assert set(tensors) == set(manifest["crc32"])
for name, value in manifest["crc32"].items():
    assert zlib.crc32(tensors[name].tobytes()) == value, name
matrices = {}
for name, layer in manifest["layers"].items():
    w, shape = weights[name + ".weight"], layer["shape"]
    if layer["quantizer"] == "f16":
        decoded = tensors[name + ".weight"].astype(float)
    else:
        h = matrices.setdefault(shape[1], rotation(shape[1]))
        unit = decode(tensors[name + ".codes"], layer["quantizer"], tensors["codebook." + layer["quantizer"]], shape)
        signs = 1 - 2.0 * np.unpackbits(tensors[layer["input"] + ".signs"], bitorder="little")[: shape[1]]
        decoded = (unit * tensors[name + ".row_scales"].astype(float)[:, None]) @ h * signs
    distortion = ((decoded - w) ** 2).sum() / (w**2).sum()
    assert abs(distortion - layer["distortion"]) <= 1e-4 * layer["distortion"] + 1e-9, (name, distortion, layer["distortion"])
print(f"{len(manifest['crc32'])} checksums and {len(manifest['layers'])} layers agree")
