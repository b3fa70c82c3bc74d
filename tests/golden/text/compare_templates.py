#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
"""Renders chat templates by transformers and by this program and compares them byte by byte.

    pip install transformers jinja2
    cmake --build build/release --target intarsia_text_tool
    python3 tests/golden/text/compare_templates.py [FOLDER OF *.jinja]     (default: ../shared/templates)
    python3 tests/golden/text/compare_templates.py --snippets             (snippets.json beside this script)
    python3 tests/golden/text/compare_templates.py --write                (the goldens of tests/core/text)

Where transformers itself refuses a dialogue, this program has to refuse it too."""

import datetime
import json
import pathlib
import sys

from transformers.utils import chat_template_utils
from transformers.utils.chat_template_utils import _compile_jinja_template

from text_tool import SHARED, TextTool

HERE = pathlib.Path(__file__).resolve().parent
TOOLS = [
    {"type": "function", "function": {"name": "get_weather", "description": "The weather of a place — now", "parameters": {
        "type": "object", "properties": {"city": {"type": "string", "description": "City, e.g. \"Köln\""},
                                         "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
                                         "days": {"type": ["integer", "null"], "default": 1}}, "required": ["city"]},
        "return": {"type": "string"}}},
    {"type": "function", "function": {"name": "add", "description": "Adds numbers", "parameters": {
        "type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "array", "items": {"type": "number"}}}, "required": ["a", "b"]}}},
]
CALL = {"id": "call00001", "type": "function", "function": {"name": "get_weather", "arguments": {"city": "Köln", "days": 2}}}
DIALOGUES = {
    "system": {"messages": [{"role": "system", "content": "You are  helpful.\n"}, {"role": "user", "content": "Hello there"}]},
    "tools": {"messages": [{"role": "user", "content": "Weather in Köln?"}, {"role": "assistant", "content": "", "tool_calls": [CALL]},
                           {"role": "tool", "tool_call_id": "call00001", "name": "get_weather", "content": "{\"degrees\": 21.5}"}], "tools": TOOLS},
    "turns": {"messages": [{"role": "user", "content": "One"}, {"role": "assistant", "content": "Two "}, {"role": "user", "content": " Three"},
                           {"role": "assistant", "content": "Four\n\nfive"}, {"role": "user", "content": "Six"}]},
    "thinking": {"messages": [{"role": "user", "content": "2+2?"},
                              {"role": "assistant", "content": "<think>\nTwo and two.\n</think>\n\nFour.", "reasoning_content": "Two and two."},
                              {"role": "user", "content": "Sure?"}],
                 "arguments": {"enable_thinking": False, "thinking": True, "reasoning_effort": "low"}},
    "unicode": {"messages": [{"role": "user", "content": "\u00a0\u3000你好 <b>&'\"</b> \U0001f468\u200d\U0001f469 İstanbul\u2028\\n\t"},
                             {"role": "assistant", "content": "ß\u0301 — «ok»\u3000"}, {"role": "user", "content": "é\u00a0"}]},
    "empty": {"messages": [{"role": "user", "content": ""}, {"role": "assistant", "content": ""}, {"role": "user", "content": "x"}],
              "add_generation_prompt": False},
}


def by_transformers(template, dialogue):
    arguments = {"tools": None, "documents": None, "add_generation_prompt": True, "bos_token": "<s>", "eos_token": "</s>"}
    arguments.update({key: value for key, value in dialogue.items() if key not in ("arguments",)})
    arguments.update(dialogue.get("arguments", {}))
    try:
        return {"text": _compile_jinja_template(template).render(**arguments)}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def compare(tool, name, template, dialogue, counts):
    expected, answer = by_transformers(template, dialogue), tool.ask(render=template, **dialogue)
    verdict = "same" if expected == answer else "both refuse" if "error" in expected and "error" in answer else "differ"
    counts[verdict] = counts.get(verdict, 0) + 1
    if verdict == "differ":
        print(f"{name}:\n  transformers {json.dumps(expected)[:600]}\n  here         {json.dumps(answer)[:600]}")


def digest(text):  # 64-bit FNV-1a
    value = 0xcbf29ce484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001b3 % 2**64
    return f"{value:016x}"


class DayOfTheGoldens(datetime.datetime):  # day_of_the_goldens() of the test
    @classmethod
    def now(cls, tz=None):
        return cls(2026, 11, 28, 12)


def write():
    chat_template_utils.datetime = DayOfTheGoldens
    snippets = []
    for name, (template, content) in json.loads((HERE / "snippets.json").read_text()).items():
        snippets.append({"name": name, "template": template, "content": content,
                         **by_transformers(template, {"messages": [{"role": "user", "content": content}]})})
    digests = {}
    for path in sorted((SHARED / "templates").glob("*.jinja")):
        for name, dialogue in DIALOGUES.items():
            answer = by_transformers(path.read_text(), dialogue)
            digests.setdefault(path.name, {})[name] = digest(answer["text"]) if "text" in answer else "refused"
    (HERE / "snippet_goldens.json").write_text(json.dumps(snippets, ensure_ascii=False, indent=0) + "\n")
    (HERE / "template_goldens.json").write_text(json.dumps({"dialogues": DIALOGUES, "digests": digests}, ensure_ascii=False, indent=0) + "\n")


def main():
    if sys.argv[1:] == ["--write"]:
        return write()
    tool, counts = TextTool(), {}
    if sys.argv[1:] == ["--snippets"]:
        for name, (template, content) in json.loads((HERE / "snippets.json").read_text()).items():
            compare(tool, name, template, {"messages": [{"role": "user", "content": content}]}, counts)
    else:
        for path in sorted(pathlib.Path(sys.argv[1] if sys.argv[1:] else SHARED / "templates").glob("*.jinja")):
            for name, dialogue in DIALOGUES.items():
                compare(tool, f"{path.name} {name}", path.read_text(), dialogue, counts)
    print(counts)
    sys.exit(1 if counts.get("differ") else 0)


if __name__ == "__main__":
    main()
