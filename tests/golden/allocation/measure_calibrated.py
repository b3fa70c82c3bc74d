#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
"""Does a plan's loss say what a calibrated artifact does? Random plans between 2 and 5 bits are quantized with
rounding by feedback, as by default, and measured.

  measure_calibrated.py INTARSIA MODEL TEXT SENSITIVITY [PLANS [tcq|vq]]

vq encodes a large model in seconds, where tcq takes minutes. One line a plan: bits a weight, predicted loss,
measured KL (nats per token); at the end Spearman's rank correlation and the median of predicted / measured.
"""
import json
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile

from rank_correlation import spearman


def run(*command):
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main():
    intarsia, model, text, sensitivity = sys.argv[1:5]
    count = int(sys.argv[5]) if len(sys.argv) > 5 else 30
    family = sys.argv[6] if len(sys.argv) > 6 else "tcq"
    steps = {"tcq": 4, "vq": 2}[family]  # rates between two whole bits
    layers = json.loads(pathlib.Path(sensitivity).read_text())["feedback"]
    generator = random.Random(1)
    predicted, measured = [], []
    with tempfile.TemporaryDirectory() as folder:
        plan, artifact = f"{folder}/plan.json", f"{folder}/artifact"
        for number in range(count):
            mean = generator.uniform(2.25, 4.75)
            pins = []
            for layer in layers:
                rate = round(steps * min(5, max(2, generator.gauss(mean, 0.5)))) / steps
                pins += ["--pin", f"{layer}={family}-{rate:g}"]
            run(intarsia, "allocate", model, "--memory", "16bpw", "--sensitivity", sensitivity, *pins, "-o", plan, "--json")
            subprocess.run([intarsia, "quantize", model, "--plan", plan, "-o", artifact], check=True, capture_output=True)
            result = run(intarsia, "evaluate", artifact, "--reference", model, "--text", text, "--quick", "--json")
            foretold = json.loads(pathlib.Path(plan).read_text())["predicted"]
            predicted.append(foretold["loss"])
            measured.append(result["kl_divergence"])
            print(f"{foretold['bits_per_weight']:.3f} {predicted[-1]:.5f} {measured[-1]:.5f}", flush=True)
            subprocess.run(["rm", "-rf", artifact], check=True)
    print(f"{count} plans: Spearman {spearman(predicted, measured):.3f}, median of predicted / measured "
          f"{statistics.median(p / m for p, m in zip(predicted, measured)):.2f}")


if __name__ == "__main__":
    main()
