#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
"""Small tokenizers of every kind and what Hugging Face's `tokenizers` makes of difficult texts.

    pip install tokenizers
    python3 make_tokenizer_goldens.py"""

import json
import pathlib

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).resolve().parent
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
CORPUS = [
    "The quick brown fox jumps over the lazy dog. It's what we've always said, isn't it?",
    "In 1984 there were 12345 of them; by 2024 only 678 were left (about 5.5 %).",
    "Wie schön, daß über allen Gipfeln Ruh ist. Größe, Maß, Straße.",
    "Съешь же ещё этих мягких французских булок, да выпей чаю.", "日本語の文章と、中文的句子。",
    "for (int i = 0; i < 10; ++i) {\n    total += values[i];\n}\n", "wood walnut maple oak inlay veneer glue " * 3,
    "नमस्ते दुनिया مرحبا بالعالم שלום עולם",
] * 20
TEXTS = [
    "", " ", "  ", "   \n  ", "\n", "\n\n", "\t", "\r\n", "Hello", " Hello", "Hello world", "Hello  world ", "hello\nworld\n",
    "It's, isn't, WE'VE, I'll, you'd, 'tis", "1", "12", "123", "1234", "12345 678", "3.14159", "a1b22c333", "über Größe",
    "ﬁ ligature, Ⅷ, ½, ²", "e\u0301 and \u00e9", "a\u0300\u0323b", "日本語", "中文 English 混ざる", "Съешь ещё", "مرحبا بالعالم",
    "שלום", "नमस्ते", "👍", "👩‍👩‍👧‍👦 family", "🏳️‍🌈", "🇩🇪🇫🇷", "tab\tand\u00a0nbsp\u2003em", "zero\u200bwidth\u200djoiner", "\u0000\u0001\u007f",
    "\ufffd", "a" * 70, " " * 20 + "x", "!!!???...---", "for (int i = 0; i < n; ++i) { a[i] += 2; }", "<|im_start|>user\nHi<|im_end|>\n",
    "x <|im_end|> y", "<|im_start|", "C:\\path\\file.txt", "https://example.org/?q=1&r=%20", "\u2581 mark", "ends with space ", "мир\r\n\r\nмир",
    "\U0001D518\U0001D52B", "ſ İ ı ß ẞ", "한국어 조합 \u1112\u1161\u11ab",
]
SPECIALS = ["<|im_start|>", "<|im_end|>"]


def byte_level(pre, normalizer=None, template=False, **model):
    tokenizer = Tokenizer(models.BPE(**model))
    tokenizer.pre_tokenizer = pre
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=500, special_tokens=SPECIALS, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    if template:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<|im_start|> $A", special_tokens=[("<|im_start|>", tokenizer.token_to_id("<|im_start|>"))])
    return tokenizer


def split(pattern):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"),
                                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def sentencepiece_like():
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(),
                                           decoders.Strip(" ", 1, 0)])
    trained = [text for text in CORPUS if text.isascii()]
    tokenizer.train_from_iterator(trained, trainers.BpeTrainer(
        vocab_size=600, show_progress=False, special_tokens=["<unk>"] + SPECIALS + [f"<0x{byte:02X}>" for byte in range(256)]))
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = [t for t in state["added_tokens"] if not t["content"].startswith("<0x")]
    return Tokenizer.from_str(json.dumps(state))


def metaspace_first():
    state = json.loads(sentencepiece_like().to_str())
    state["normalizer"] = None
    state["pre_tokenizer"] = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": False}
    return Tokenizer.from_str(json.dumps(state))


def main():
    kinds = {
        "gpt2": byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False)),
        "smollm": byte_level(pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                                      pre_tokenizers.ByteLevel(add_prefix_space=False)])),
        "llama3": byte_level(split(LLAMA3), template=True, ignore_merges=True),
        "qwen2": byte_level(split(QWEN2), normalizers.NFC()),
        "sentencepiece": sentencepiece_like(),
        "metaspace": metaspace_first(),
    }
    for name, tokenizer in kinds.items():
        folder = HERE / name
        folder.mkdir(exist_ok=True)
        tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
        cases = [{"text": text, "ids": tokenizer.encode(text).ids} for text in TEXTS]
        (folder / "cases.json").write_text(json.dumps(cases, ensure_ascii=False) + "\n")


main()
