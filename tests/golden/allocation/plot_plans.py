#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
"""Draws what tests/bench/measure_plans printed: predicted loss against measured KL divergence of each plan, and
prints Spearman's rank correlation of the random ones.
    plot_plans.py plans.jsonl linearity.svg
"""
import json
import math
import sys

from rank_correlation import spearman

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 460, 70, 20, 48, 60
LOW, HIGH = 0.03, 20  # nats, both axes


def x_of(value):
    return LEFT + (WIDTH - LEFT - RIGHT) * math.log(value / LOW) / math.log(HIGH / LOW)


def y_of(value):
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * math.log(value / LOW) / math.log(HIGH / LOW)


def text(x, y, words, anchor="middle", turn=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {turn}>{words}</text>'


def mark(plan):
    x, y = x_of(plan["predicted"]), y_of(plan["kl"])
    if plan["kind"] == "random":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="#3B6FB6" fill-opacity="0.7"/>'
    if plan["kind"].startswith("allocated"):
        return f'<path d="M{x - 7:.1f} {y:.1f}h14M{x:.1f} {y - 7:.1f}v14" stroke="#B5452C" stroke-width="3"/>'
    return f'<rect x="{x - 3:.1f}" y="{y - 3:.1f}" width="6" height="6" fill="none" stroke="#6B6B6B"/>'


def main():
    plans = [json.loads(line) for line in open(sys.argv[1])]
    random_plans = [plan for plan in plans if plan["kind"] == "random"]
    rho = spearman([p["predicted"] for p in random_plans], [p["kl"] for p in random_plans])
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
           'font-size="13">', f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#FFFFFF"/>']
    for tick in (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10):
        x, y = x_of(tick), y_of(tick)
        out.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#E3E3E3"/>')
        out.append(text(x, HEIGHT - BOTTOM + 18, f"{tick:g}"))
        out.append(text(LEFT - 8, y + 4, f"{tick:g}", "end"))
    out.append(f'<path d="M{x_of(LOW):.1f} {y_of(LOW):.1f}L{x_of(HIGH):.1f} {y_of(HIGH):.1f}" stroke="#999" '
               'stroke-dasharray="5 4"/>')
    out += [mark(plan) for plan in plans]
    out.append(text(WIDTH / 2, HEIGHT - 18, "predicted loss, nats per token"))
    out.append(text(18, HEIGHT / 2, "measured KL divergence, nats per token",
                    turn=f'transform="rotate(-90 18 {HEIGHT / 2})"'))
    out.append(text(LEFT, TOP - 28, f"{len(random_plans)} random plans (dots), Spearman {rho:.3f}", "start"))
    out.append(text(LEFT, TOP - 10, "single quantizers (squares); the allocator's plans (crosses)", "start"))
    open(sys.argv[2], "w").write("\n".join(out) + "\n</svg>\n")
    print(f"{len(random_plans)} random plans, Spearman {rho:.4f}")


if __name__ == "__main__":
    main()
