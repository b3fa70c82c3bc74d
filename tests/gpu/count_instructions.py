#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
"""Instructions in the main loops, from the machine code: a weight for decoding kernels, a state for the trellis
encoder. Needs no GPU.

  nvcc -I. -O3 -std=c++20 --expt-relaxed-constexpr -arch=sm_90 -cubin -o linears.cubin cuda/launch/linears.cu
  tests/gpu/count_instructions.py linears.cubin [nvdisasm]
  (trellis_rates_*.cu in the same way; encoders.cu with -fmad=false)

Counted is one way around the loop, over whole chunks, loads and addresses included. Beside it: how many of these
go to the pipes that can be the limit before the issue is (ALU: logic, shifts, comparisons; FMA: products, sums;
LDS: shared memory), and the kernel's accesses to local memory, which spilled registers take.
"""
import re
import subprocess
import sys

ALU = ("LOP3", "SHF", "PRMT", "ISETP", "SEL", "VIMNMX", "VIMNMX3", "IMNMX", "FMNMX", "LEA", "IADD3", "VIADD",
       "PLOP3", "MOV")
FLOAT_PRODUCTS, BYTE_PRODUCTS = ("HMMA", "FFMA"), ("IMMA",)
FMA = ("IMAD", "FFMA", "HFMA2", "HADD2", "HMUL2", "FADD", "FMUL")


def instructions(section):
    """(label or None, predicate, operation, rest) of each line."""
    for line in section.splitlines():
        if label := re.match(r"(\.L_\w+):", line):
            yield label[1], "", "", ""
        elif found := re.match(r"\s+(?:/\*\w+\*/)?\s+(@!?U?PT?\d*)?\s*([A-Z][\w.]*)\s*([^;]*);", line):
            yield None, found[1] or "", found[2], found[3]


def main_loop(code, kinds):
    """The loop densest in products."""
    at = {label: i for i, (label, *_) in enumerate(code) if label}
    best = None
    for end, (_, _, operation, rest) in enumerate(code):
        target = re.search(r"\.L_\w+", rest) if operation == "BRA" else None
        if not target or at.get(target[0], end) >= end:
            continue
        begin = at[target[0]]
        products = sum(line[2].startswith(kinds) for line in code[begin:end])
        if products >= 4 and (best is None or products / (end - begin) > best[0]):
            best = (products / (end - begin), begin, end)
    return best and (best[1], best[2], at)


def straight_way(code, kinds, begin, end, at):
    """Follows the loop, past what whole chunks skip: what neither multiplies nor copies."""
    way, i = [], begin
    while i <= end:
        label, predicate, operation, rest = code[i]
        if operation:
            way.append(operation)
        target = re.search(r"\.L_\w+", rest) if operation == "BRA" else None
        if target and i < end and at[target[0]] > i:
            skipped = [line[2] for line in code[i:at[target[0]]]]
            useful = any(name.startswith(kinds + ("LDGSTS", "LDG")) for name in skipped)
            if not predicate or not useful:
                i = at[target[0]]
        i += 1
    return way


def report(name, code):
    kinds = BYTE_PRODUCTS if name.startswith("trellis_group") else FLOAT_PRODUCTS
    loop = main_loop(code, kinds)
    if not loop:
        return
    way = straight_way(code, kinds, *loop)
    products = sum(op.startswith(kinds) for op in way)
    columns = re.search(r"Product<(\d+)>", name)
    trellis = re.search(r"trellis_group<\d+, (\d+)>", name)
    if trellis:
        weights = products * 4 // int(trellis[1])
    elif columns:
        weights = products * (8 if "TensorProduct" in name else 1) // int(columns[1])
    else:
        weights = products / 2  # a state's difference and its square
    shares = [sum(op.split(".")[0] in pipe for op in way) / weights for pipe in (ALU, FMA, ("LDS",))]
    spilled = sum(op.startswith(("LDL", "STL")) for _, _, op, _ in code)
    print(f"{len(way) / weights:6.2f} {shares[0]:6.2f} {shares[1]:6.2f} {shares[2]:6.2f} {spilled:6d}  {name}")


def main():
    tool = sys.argv[2] if len(sys.argv) > 2 else "nvdisasm"
    text = subprocess.run([tool, "-c", sys.argv[1]], capture_output=True, text=True, check=True).stdout
    print("   all    ALU    FMA    LDS  local")
    for section in re.split(r"\n\.text\.", text)[1:]:
        symbol = section.split(":", 1)[0]
        name = subprocess.run(["c++filt", symbol], capture_output=True, text=True, check=True).stdout
        kernel = re.search(r"kernels::((?:linear_group|trellis_group|encode_trellis)<.*>)\(", name)
        if kernel:
            report(kernel[1].replace("intarsia::kernels::", ""), list(instructions(section)))


main()
