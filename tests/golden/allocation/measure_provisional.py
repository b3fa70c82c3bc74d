#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
"""What do better sensitivities buy? Plans at one rate by the provisional profile, by the first estimate (a sixteenth
of the texts) and by all texts, and the best single quantizer of that rate, each quantized without calibration and
measured against the original.

  measure_provisional.py INTARSIA MODEL TEXT [BITS [SENSITIVITY]]

SENSITIVITY: that of all texts, where it is there already; the first estimate is measured here in any case. A line a
plan as it is known: what it is by, bits a weight, KL in nats per token, perplexity, and the KL over that of the plan
by all texts (which comes first).
"""
import json
import pathlib
import subprocess
import sys
import tempfile

TEXTS = 256


def run(*command):
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def main():
    intarsia, model, text = sys.argv[1:4]
    bits = float(sys.argv[4]) if len(sys.argv) > 4 else 3.25
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)

        def sensitivity(texts):
            out = folder / f"sensitivity-{texts}.json"
            run(intarsia, "sensitivity", model, "--samples", str(texts), "-o", out, "--json")
            return out

        def measure(name, *allocate):
            plan, artifact = folder / "plan.json", folder / "artifact"
            run(intarsia, "allocate", model, "--no-calibration", "-o", plan, "--json", *allocate)
            subprocess.run(["rm", "-rf", artifact], check=True)
            run(intarsia, "quantize", model, "--plan", plan, "-o", artifact, "--no-calibration", "--json")
            result = run(intarsia, "evaluate", artifact, "--reference", model, "--text", text, "--json")
            rate = json.loads(plan.read_text())["predicted"]["bits_per_weight"]
            kl = result["kl_divergence"]
            measured.append(kl)
            print(f"{name:24} {rate:.3f} bits  KL {kl:.4f}  perplexity {result['perplexity']:.3f}  "
                  f"{kl / measured[0]:.2f} times", flush=True)

        measured = []
        budget = ["--memory", f"{bits}bpw"]
        final = pathlib.Path(sys.argv[5]) if len(sys.argv) > 5 else sensitivity(TEXTS)
        layers = [layer for layer in json.loads(final.read_text())["layers"] if ".layers." in layer]
        measure("all texts", *budget, "--sensitivity", str(final))
        measure("first estimate", *budget, "--sensitivity", str(sensitivity(TEXTS // 16)))
        measure("provisional", *budget, "--quick")
        pins = [word for layer in layers for word in ("--pin", f"{layer}=tcq-{bits:g}")]
        measure(f"uniform, tcq-{bits:g}", "--memory", "16bpw", "--sensitivity", str(final), *pins)


if __name__ == "__main__":
    main()
