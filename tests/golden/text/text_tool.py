# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
"""The program intarsia_text_tool (text_tool.cpp), asked one request at a time."""

import json
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROGRAM = os.environ.get("INTARSIA_TEXT_TOOL", ROOT / "build/release/tests/intarsia_text_tool")
SHARED = pathlib.Path(os.environ.get("INTARSIA_SHARED", ROOT.parent / "shared"))


class TextTool:
    def __init__(self):
        self.process = subprocess.Popen([PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())
