#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
"""Compares the tokenizer inside GGUF files with llama.cpp's on the strings of compare_tokenizers.py.

    pip install ik-llama-cpp-python tokenizers sentencepiece
    python3 tests/golden/text/compare_gguf_vocabularies.py MODEL.gguf..."""

import ctypes
import sys

from ik_llama_cpp import _ctypes_api as llama

from compare_tokenizers import TEXTS
from text_tool import TextTool


def main():
    tool, wrong = TextTool(), 0
    llama.llama_backend_init()
    for path in sys.argv[1:]:
        params = llama.llama_model_default_params()
        params.vocab_only = True
        model = llama.llama_model_load_from_file(path.encode(), params)

        def ids_of(text):
            data, room = text.encode(), (ctypes.c_int32 * 4096)()
            count = llama.llama_tokenize(model, data, len(data), room, 4096, False, True)
            return list(room[:count])
        texts = [text for text in TEXTS if text]
        expected, answer = [ids_of(text) for text in texts], tool.ask(tokenizer=path, texts=texts, add_special=False)
        if "error" in answer:
            sys.exit(answer["error"])
        differ = [(text, e, a) for text, e, a in zip(texts, expected, answer["ids"]) if e != a]
        for text, e, a in differ[:5]:
            print(f"{text!r}\n   llama.cpp {e}\n   here      {a}")
        print(f"{path}: {len(differ)} of {len(texts)} strings differ")
        wrong += len(differ)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
