#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
"""Our allocations against HiGHS's, on the same integer programs written down independently.

    pip install highspy numpy
    python3 compare_highs.py INTARSIA FOLDER       (config.json, sensitivity.json and a latency-*.json in FOLDER)

Exits with 1 when an objective differs by more than 1e-4 of it."""

import glob
import itertools
import json
import os
import subprocess
import sys
import tempfile

import highspy
import numpy as np

CASES = [("2.5 bpw", {"bpw": 2.5}), ("3.25 bpw", {"bpw": 3.25}), ("4 bpw", {"bpw": 4.0})]
CASES += [(f"{speed} tok/s", {"seconds": 1 / speed}) for speed in (150, 175, 200, 225, 250)]
CASES += [("200 tok/s, 3 bpw", {"seconds": 1 / 200, "bpw": 3.0}),
          ("200 tok/s, no fusion", {"seconds": 1 / 200, "fusion": False}),
          ("200 tok/s, two pins", {"seconds": 1 / 200, "pins": {"model.layers.1.mlp.down_proj": "tcq-5",
                                                                 "model.layers.31.self_attn.o_proj": "nuq-4"}})]


def run(program, *arguments):
    done = subprocess.run([program, *arguments, "--json"], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return json.loads(done.stdout)


class Problem:
    def __init__(self, program, folder):
        self.layers = run(program, "inspect", os.path.join(folder, "config.json"))["layers"]
        self.distortion = {q["id"]: (q["bits"], q["distortion"]) for q in run(program, "palette")["quantizers"]}
        self.sensitivity = json.load(open(os.path.join(folder, "sensitivity.json")))["layers"]
        table = json.load(open(glob.glob(os.path.join(folder, "latency-*.json"))[0]))
        self.constant = table["constant_seconds"]
        self.times = {}
        for entry in table["entries"]:
            self.times.setdefault((entry["in"], entry["out"]), []).append(
                (entry["quantizer"], entry["kernel"], entry["seconds"]))
        self.weights = sum(layer["in"] * layer["out"] for layer in self.layers)

    def groups(self, fusion):
        by_input = {}
        for index, layer in enumerate(self.layers):
            by_input.setdefault(layer["input"], []).append(index)
        for members in by_input.values():
            for size in range(1, len(members) + 1 if fusion else 2):
                yield from itertools.combinations(members, size)

    def columns(self, case):
        """(members, loss, code bits, seconds) of every choice."""
        pins = case.get("pins", {})
        for members in self.groups(case.get("fusion", True) and "seconds" in case):
            layers = [self.layers[m] for m in members]
            if "seconds" in case:
                candidates = self.times.get((layers[0]["in"], sum(layer["out"] for layer in layers)), [])
            else:
                candidates = [(q, "cpu", 0.0) for q in self.distortion if q != "f16"]
            for quantizer, _, seconds in candidates:
                if quantizer not in self.distortion or quantizer == "f16":
                    continue
                if any(pins.get(layer["name"], quantizer) != quantizer for layer in layers):
                    continue
                bits, distortion = self.distortion[quantizer]
                yield (members, sum(self.sensitivity[layer["name"]] for layer in layers) * distortion,
                       bits * sum(layer["in"] * layer["out"] for layer in layers), seconds)

    def highs(self, case, gap):
        columns = list(self.columns(case))
        solver = highspy.Highs()
        solver.setOptionValue("output_flag", False)
        solver.setOptionValue("mip_rel_gap", gap)
        solver.setOptionValue("threads", 1)
        solver.setOptionValue("time_limit", 300.0)
        n = len(columns)
        solver.addVars(n, np.zeros(n), np.ones(n))
        solver.changeColsCost(n, np.arange(n, dtype=np.int32), np.array([c[1] for c in columns]))
        solver.changeColsIntegrality(n, np.arange(n, dtype=np.int32), np.full(n, highspy.HighsVarType.kInteger))
        for layer in range(len(self.layers)):
            at = np.array([i for i, c in enumerate(columns) if layer in c[0]], dtype=np.int32)
            solver.addRow(1, 1, len(at), at, np.ones(len(at)))
        every = np.arange(n, dtype=np.int32)
        if "bpw" in case:
            solver.addRow(-highspy.kHighsInf, case["bpw"] * self.weights / 1e6, n, every,
                          np.array([c[2] / 1e6 for c in columns]))
        if "seconds" in case:
            solver.addRow(-highspy.kHighsInf, (case["seconds"] - self.constant) * 1e3, n, every,
                          np.array([c[3] * 1e3 for c in columns]))
        solver.run()
        info = solver.getInfo()
        return info.objective_function_value, info.mip_gap, solver.getRunTime()


def ours(program, folder, case, gap, plan):
    arguments = ["allocate", os.path.join(folder, "config.json"), "--sensitivity",
                 os.path.join(folder, "sensitivity.json"), "--gap", str(gap), "-o", plan]
    if "bpw" in case:
        arguments += ["--memory", f"{case['bpw']}bpw"]
    if "seconds" in case:
        arguments += ["--latency", f"{case['seconds'] * 1e3!r}ms", "--latency-table",
                      glob.glob(os.path.join(folder, "latency-*.json"))[0]]
    if not case.get("fusion", True):
        arguments.append("--no-fusion")
    for layer, quantizer in case.get("pins", {}).items():
        arguments += ["--pin", f"{layer}={quantizer}"]
    run(program, *arguments)
    with open(plan) as file:
        return json.load(file)


def main():
    program, folder = sys.argv[1:3]
    gap = 5e-5
    problem = Problem(program, folder)
    worst = 0.0
    print(f"{'budget':22} {'ours':>10} {'HiGHS':>10} {'difference':>11} {'our gap':>9} proven {'ours ms':>8} {'HiGHS ms':>9}")
    with tempfile.TemporaryDirectory() as work:
        for name, case in CASES:
            plan = ours(program, folder, case, gap, os.path.join(work, "plan.json"))
            theirs, _, seconds = problem.highs(case, gap)
            loss, solver = plan["predicted"]["loss"], plan["solver"]
            difference = (loss - theirs) / theirs
            worst = max(worst, abs(difference))
            print(f"{name:22} {loss:10.6f} {theirs:10.6f} {difference:+11.1e} {solver['gap']:9.1e} "
                  f"{str(solver['proven']):6} {1e3 * solver['seconds']:8.0f} {1e3 * seconds:9.0f}", flush=True)
    print(f"largest difference {worst:.1e}")
    return 0 if worst <= 1e-4 else 1


sys.exit(main())
