#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
"""Trains a small tokenizer for every model, normalizer, pre-tokenizer, post-processor, decoder and flag, and compares
ids and decoded text with `tokenizers` and `sentencepiece` on 60 strings.

    pip install tokenizers sentencepiece
    cmake --build build/release --target intarsia_text_tool
    python3 tests/golden/text/compare_tokenizers.py [NAME...]
    python3 tests/golden/text/compare_tokenizers.py --write     (the goldens of tests/core/text)"""

import base64
import copy
import json
import pathlib
import sys
import tempfile

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from text_tool import TextTool

HERE = pathlib.Path(__file__).resolve().parent
CORPUS = ["Wood inlay is the art of veneers, cut and fitted.", "In 1837 the workshop counted 12345 pieces, 678 were left (about 5.5 %).",
          "Wie schön, daß über allen Gipfeln Ruh ist. Größe, Maß, Straße, café naïve.", "Съешь же ещё этих мягких булок", "日本語の文章と、中文的句子。",
          "for (int i = 0; i < 10; ++i) { total += values[i]; }", "I'll don't WE'RE they've it's 'S hello world Hello World"] * 30
TEXTS = ["", "Hello world", " Hello", "  two  spaces   three    four", "\n\nnew\n line\n", "tab\there", "trailing ", "   ", "\n", "a\r\nb", "café",
         "cafe\u0301 nai\u0308ve", "\ufb01 \u212b \u1e9b\u0323", "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f999!", "你好，世界。", "สวัสดี", "مرحبا",
         "1234567890 3.14159 0x1F", "I'LL DON'T We're it's 'S \u2019s", "x\u00a0y\u3000z\u2028w\u0085v", "\u00ad\u200b\ufeffx", "http://a.b/c?d=e&f=%20",
         "\u2581under \u2581\u2581", "<0x0A> <0x41>", "a" * 40, "\x01\x02\x7f", "<s>inner</s> <|im_start|>user", "a<|im_end|>b  <|im_end|>  c",
         "foo_bar fooBar FOO2BAR", "MASK [MASK] xMASKx MASKED MASK.", "\u01c5 \u0130stanbul \u0131 I\u0307", "\u2460\u00bd\u0664\u0665 \u2167",
         "e\u0301\u0327 \u0327\u0301e", "\U00010348\U0001f1e9\U0001f1ea", "end.   \n  \n next", "''''' \"\"\" ...!!!", "ÀÁ \u1ea4", "\t \t\n x",
         "Zoë\u2019s \u201cquote\u201d \u2014 dash", "Wood inlay is the art", "12345 678", "Größe, Maß, Straße", "мягких булок", "日本語の文章", "total += values[i]",
         "-", "a-b-c--d-", "ABC", "\uff21\uff22\uff23 \u2460", "한국어 \u1112\u1161\u11ab", "word\u0301word", "do not isn't it ' s", "x" * 120, "unk \u0e3f \u0e3f\u0e3f y",
         "hello   world  ", "\u00e5\u030a", "Ελλάς ΟΔΟΣ", "a\u0300 é è", "мой мои\u0306 xмой", "done"]
SPECIALS = ["<s>", "</s>", "<|im_start|>", "<|im_end|>"]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def trained(model, trainer, pre=None, normalizer=None, decoder=None):
    tokenizer = Tokenizer(model)
    if pre:
        tokenizer.pre_tokenizer = pre
    if normalizer:
        tokenizer.normalizer = normalizer
    if decoder:
        tokenizer.decoder = decoder
    tokenizer.train_from_iterator(CORPUS, trainer)
    return json.loads(tokenizer.to_str())


def bases():
    level, quiet = pre_tokenizers.ByteLevel(add_prefix_space=False), dict(show_progress=False)
    yield "bytes", trained(models.BPE(), trainers.BpeTrainer(vocab_size=380, special_tokens=SPECIALS, initial_alphabet=level.alphabet(), **quiet), level,
                           decoder=decoders.ByteLevel())
    spm = trained(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True),
                  trainers.BpeTrainer(vocab_size=480, special_tokens=["<unk>", "<s>", "</s>"] + BYTES, **quiet),
                  normalizer=normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
                  decoder=decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]))
    spm["added_tokens"] = [token for token in spm["added_tokens"] if not token["content"].startswith("<0x")]
    yield "spm", spm
    yield "unigram", trained(models.Unigram(), trainers.UnigramTrainer(vocab_size=220, special_tokens=["<unk>", "<s>", "</s>"], unk_token="<unk>", **quiet),
                             pre_tokenizers.Metaspace(), decoder=decoders.Metaspace())
    yield "wordpiece", trained(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=30),
                               trainers.WordPieceTrainer(vocab_size=200, special_tokens=["[UNK]", "[CLS]", "[SEP]"], **quiet),
                               pre_tokenizers.BertPreTokenizer(), normalizers.BertNormalizer(), decoders.WordPiece())
    yield "wordlevel", trained(models.WordLevel(unk_token="[UNK]"), trainers.WordLevelTrainer(vocab_size=120, special_tokens=["[UNK]"], **quiet),
                               pre_tokenizers.Whitespace())
    yield "suffix", trained(models.BPE(unk_token="<unk>"), trainers.BpeTrainer(vocab_size=220, special_tokens=["<unk>"], end_of_word_suffix="</w>", **quiet),
                            pre_tokenizers.WhitespaceSplit(), normalizers.Lowercase(), decoders.BPEDecoder("</w>"))
    yield "prefix", trained(models.BPE(unk_token="<unk>", fuse_unk=True, continuing_subword_prefix="##"),
                            trainers.BpeTrainer(vocab_size=220, special_tokens=["<unk>"], continuing_subword_prefix="##", **quiet),
                            pre_tokenizers.Whitespace(), decoder=decoders.WordPiece("##", False))


def small_charsmap():
    with tempfile.TemporaryDirectory() as folder:
        rules = pathlib.Path(folder) / "rules.tsv"
        rules.write_text("FB01\t66 69\nE9\t65\n65 301\t65\nA0\t20\n3000\t20\nFF21\t41\nFF22\t42\n200B\t\n2460\t31\n41 30A\tC5\n")
        sentences = pathlib.Path(folder) / "sentences.txt"
        sentences.write_text("\n".join(CORPUS))
        sentencepiece.SentencePieceTrainer.train(input=str(sentences), model_prefix=folder + "/m", vocab_size=100, hard_vocab_limit=False, normalization_rule_tsv=str(rules), minloglevel=2)
        return charsmap_of((pathlib.Path(folder) / "m.model").read_bytes())


def field(message, number):  # the first length-delimited field of that number in a protobuf message
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            value |= (message[at] & 127) << shift
            at, shift = at + 1, shift + 7
            if message[at - 1] < 128:
                return value
    while at < len(message):
        key = varint()
        if key & 7 == 0:
            varint()
        elif key & 7 in (1, 5):
            at += 8 if key & 7 == 1 else 4
        else:
            size = varint()
            if key >> 3 == number:
                return message[at:at + size]
            at += size


def charsmap_of(model):
    return base64.b64encode(field(field(model, 3), 2)).decode()


def level(*parts):
    return {"type": "Sequence", "pretokenizers": [*parts, {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False, "trim_offsets": True}]}


def split(pattern, behavior, invert=False, kind="Regex"):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def added(base, content, **flags):
    token = {"id": max([t["id"] for t in base["added_tokens"]] + list(base["model"]["vocab"].values())) + 1, "content": content, "single_word": False,
             "lstrip": False, "rstrip": False, "normalized": False, "special": False}
    return base["added_tokens"] + [{**token, **flags}]


def variants(base):
    """name, base, merge patch (RFC 7386)"""
    for name in base:
        yield name, name, {}
    for name, part in {
        "NFC": {"type": "NFC"}, "NFD": {"type": "NFD"}, "NFKC": {"type": "NFKC"}, "NFKD": {"type": "NFKD"}, "Lowercase": {"type": "Lowercase"},
        "StripAccents": {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "StripAccents"}]},
        "Strip": {"type": "Strip", "strip_left": True, "strip_right": True}, "Strip left": {"type": "Strip", "strip_left": True, "strip_right": False},
        "Replace": {"type": "Replace", "pattern": {"String": "’"}, "content": "'"}, "Replace regex": {"type": "Replace", "pattern": {"Regex": "[0-9]+|\\w$"}, "content": "#"},
        "Prepend": {"type": "Prepend", "prepend": "_"}, "Nmt": {"type": "Nmt"},
        "BertNormalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
        "BertNormalizer cased": {"type": "BertNormalizer", "clean_text": False, "handle_chinese_chars": True, "strip_accents": True, "lowercase": False},
        "Precompiled": {"type": "Precompiled", "precompiled_charsmap": small_charsmap()},
    }.items():
        yield "normalizer " + name, "bytes", {"normalizer": part}
    yield "normalizer ByteLevel", "bytes", {"normalizer": {"type": "ByteLevel"}, "pre_tokenizer": None}
    behaviors = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
    for behavior in behaviors:
        yield f"split {behavior}", "bytes", {"pre_tokenizer": level(split("\\s", behavior))}
        yield f"split inverted {behavior}", "bytes", {"pre_tokenizer": level(split("\\w+", behavior, True))}
        yield f"split literal {behavior}", "bytes", {"pre_tokenizer": level(split("-", behavior, kind="String"))}
        yield f"punctuation {behavior}", "bytes", {"pre_tokenizer": level({"type": "Punctuation", "behavior": behavior})}
    for name, part in {
        "digits": {"type": "Digits", "individual_digits": True}, "digit groups": {"type": "Digits", "individual_digits": False},
        "whitespace": {"type": "Whitespace"}, "whitespace split": {"type": "WhitespaceSplit"}, "bert": {"type": "BertPreTokenizer"},
        "delimiter": {"type": "CharDelimiterSplit", "delimiter": "-"},
        "fixed length": {"type": "FixedLength", "length": 3}, "fixed length of 5": {"type": "FixedLength"},
        "intersection": split("[\\p{L}&&[^\\p{Han}]]+|\\p{Han}", "Isolated"), "line ends": split("^\\w|\\w$", "Isolated"),
    }.items():
        yield "pre-tokenizer " + name, "bytes", {"pre_tokenizer": level(part)}
    # Ruby's syntax, which tokenizers gives Oniguruma: no possessive intervals, \uHHHH, \h is a hexadecimal digit.
    for name, pattern in {"interval": "\\p{N}{1,3}+|\\p{L}{2}+|[^\\p{N}]", "code points": "[\\u0400-\\u04ff]+|\u4e16", "hexadecimal": "[\\h]+|\\h"}.items():
        yield "split " + name, "bytes", {"pre_tokenizer": level(split(pattern, "Isolated"))}
    yield "prefix space", "bytes", {"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True, "use_regex": True, "trim_offsets": True}}
    for scheme in ("always", "first", "never"):
        for cut in (True, False):
            part = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": cut}
            yield f"metaspace {scheme} {cut}", "spm", {"normalizer": None, "pre_tokenizer": part, "decoder": {k: v for k, v in part.items()}}
    yield "no byte fallback", "spm", {"model": {"byte_fallback": False}}
    yield "no fusing", "spm", {"model": {"byte_fallback": False, "fuse_unk": False}}
    yield "no unknown token", "spm", {"model": {"byte_fallback": False, "unk_token": None}}
    yield "ignore merges", "bytes", {"model": {"ignore_merges": True}}
    pieces = base["unigram"]["model"]["vocab"]
    yield "unigram twins", "unigram", {"model": {"vocab": pieces + [[piece, score + 1] for piece, score in pieces[5:40]]}}
    yield "added that the model has elsewhere", "wordlevel", {"added_tokens": base["wordlevel"]["added_tokens"] + [
        {"id": 500, "content": list(base["wordlevel"]["model"]["vocab"])[7], "special": False, **dict.fromkeys(["single_word", "lstrip", "rstrip", "normalized"], False)}]}
    yield "no decoder", "spm", {"decoder": None}
    yield "unigram bytes", "unigram", {"model": {"byte_fallback": True, "vocab": base["unigram"]["model"]["vocab"] + [[byte, -20.0] for byte in BYTES]},
                                       "decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}]}}
    yield "bytes among the added", "spm", {"added_tokens": base["spm"]["added_tokens"] + [
        {"id": base["spm"]["model"]["vocab"][byte], "content": byte, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True} for byte in BYTES]}
    for flag in ("single_word", "lstrip", "rstrip", "normalized", "special"):
        yield f"added {flag}", "bytes", {"added_tokens": added(base["bytes"], "MASK", **{flag: True})}
    yield "added normalized under NFC", "bytes", {"normalizer": {"type": "NFC"}, "added_tokens": added(base["bytes"], "мои\u0306", normalized=True)}
    yield "added not normalized under NFC", "bytes", {"normalizer": {"type": "NFC"}, "added_tokens": added(base["bytes"], "мой")}
    yield "added normalized with prefix", "spm", {"added_tokens": added(base["spm"], " world", normalized=True)}
    yield "added stripping both ways", "bytes", {"added_tokens": [{**token, "lstrip": True, "rstrip": True} for token in base["bytes"]["added_tokens"]]}
    frame = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
             "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
             "special_tokens": {"<s>": {"id": "<s>", "ids": [0, 2], "tokens": ["<s>", "<|im_start|>"]}, "</s>": {"id": "</s>", "ids": [1], "tokens": ["</s>"]}}}
    plain = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}
    yield "template", "bytes", {"post_processor": frame}
    yield "template in a sequence", "bytes", {"post_processor": {"type": "Sequence", "processors": [plain, frame]}}
    yield "byte-level post-processor", "bytes", {"post_processor": plain}
    yield "bert frame", "bytes", {"post_processor": {"type": "BertProcessing", "sep": ["</s>", 1], "cls": ["<s>", 0]}}
    yield "roberta frame", "bytes", {"post_processor": {"type": "RobertaProcessing", "sep": ["</s>", 1], "cls": ["<s>", 0], "trim_offsets": True, "add_prefix_space": False}}
    for name, part in {
        "Fuse": {"type": "Fuse"}, "Strip": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "Replace regex": {"type": "Replace", "pattern": {"Regex": "▁+"}, "content": "-"}, "ByteFallback": {"type": "ByteFallback"}, "Metaspace": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": True},
        "WordPiece": {"type": "WordPiece", "prefix": "##", "cleanup": True}, "BPEDecoder": {"type": "BPEDecoder", "suffix": "▁"},
    }.items():
        yield "decoder " + name, "spm", {"decoder": part}
    yield "wordpiece without cleanup", "wordpiece", {"decoder": {"cleanup": False}}


def merged(base, patch):
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(base) if isinstance(base, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


SENTENCEPIECE = {
    "identity": dict(normalization_rule_name="identity", remove_extra_whitespaces=False, split_digits=True, allow_whitespace_only_pieces=True),
    "nfkc": dict(normalization_rule_name="nmt_nfkc", remove_extra_whitespaces=False),
    "nfkc_cf": dict(normalization_rule_name="nfkc_cf", remove_extra_whitespaces=True),
    "collapse": dict(normalization_rule_name="identity", remove_extra_whitespaces=True),
    "no-prefix": dict(normalization_rule_name="identity", remove_extra_whitespaces=False, add_dummy_prefix=False),
    "user-defined": dict(normalization_rule_name="nfkc", remove_extra_whitespaces=False, user_defined_symbols=["<|im_start|>", "MASK", "ﬁ"]),
    "suffix": dict(normalization_rule_name="identity", remove_extra_whitespaces=False, treat_whitespace_as_suffix=True),
    "suffix-collapse": dict(normalization_rule_name="identity", treat_whitespace_as_suffix=True),
    "no-bytes": dict(normalization_rule_name="identity", remove_extra_whitespaces=False, byte_fallback=False),
}


def compare(name, verdicts, texts, expected, decoded, answer, back):
    if "error" in answer or "error" in back:
        verdicts[name] = len(texts)
        print(f"{name}: {answer.get('error', back.get('error'))}")
        return
    bad = 0
    for i, text in enumerate(texts):
        same_ids, same_text = answer["ids"][i] == expected[i], back["texts"][i] == decoded[i]
        if same_ids and same_text:
            continue
        bad += 1
        if bad <= 3:
            print(f"{name}: {text!r}\n   expected {expected[i] if not same_ids else decoded[i]!r}\n   here     {answer['ids'][i] if not same_ids else back['texts'][i]!r}")
    verdicts[name] = bad


def compare_hugging_face(tool, folder, only, verdicts, write):
    base, cases = dict(bases()), []
    for name, of, patch in variants(base):
        if only and name not in only:
            continue
        file = folder / "tokenizer.json"
        file.write_text(json.dumps(merged(base[of], patch), ensure_ascii=False))
        path = folder / ("hf" + str(len(cases)))
        path.mkdir(exist_ok=True)
        file.rename(path / "tokenizer.json")
        reference = Tokenizer.from_file(str(path / "tokenizer.json"))
        expected = [reference.encode(text).ids for text in TEXTS]
        decoded = [reference.decode(ids, skip_special_tokens=False) for ids in expected]
        answer = tool.ask(tokenizer=str(path), texts=TEXTS)
        compare(name, verdicts, TEXTS, expected, decoded, answer, tool.ask(tokenizer=str(path), decode=expected, keep_special=True))
        cases.append({"name": name, "base": of, "patch": patch, "ids": expected[::3], "texts": decoded[::3]})
    if write:
        (HERE / "tokenizer_goldens.json").write_text(json.dumps({"bases": base, "texts": TEXTS[::3], "cases": cases}, ensure_ascii=False, separators=(",", ":")) + "\n")


def compare_sentencepiece(tool, folder, only, verdicts, write):
    sentences = folder / "sentences.txt"
    sentences.write_text("\n".join(CORPUS))
    goldens = []
    for kind in ("bpe", "unigram"):
        for rules, settings in SENTENCEPIECE.items():
            name = f"{kind} {rules}"
            if only and name not in only:
                continue
            path = folder / f"sp-{kind}-{rules}"
            path.mkdir(exist_ok=True)
            options = {"byte_fallback": True, **settings}
            sentencepiece.SentencePieceTrainer.train(input=str(sentences), model_prefix=str(path / "tokenizer"), model_type=kind, minloglevel=2, hard_vocab_limit=False,
                                                     vocab_size=420 if options["byte_fallback"] else 180, character_coverage=0.9995, **options)
            reference = sentencepiece.SentencePieceProcessor(model_file=str(path / "tokenizer.model"))
            texts = [text for text in TEXTS if "<s>" not in text]
            expected = [reference.encode(text) for text in texts]
            decoded = [reference.decode(ids) for ids in expected]
            answer = tool.ask(tokenizer=str(path), texts=texts, add_special=False)
            compare(name, verdicts, texts, expected, decoded, answer, tool.ask(tokenizer=str(path), decode=expected, keep_special=True))
            if write and rules in ("collapse", "suffix", "user-defined", "no-bytes") and (rules != "user-defined"):
                goldens.append({"name": name, "model": base64.b64encode((path / "tokenizer.model").read_bytes()).decode(), "texts": texts[::3], "ids": expected[::3], "decoded": decoded[::3]})
    if write:
        (HERE / "sentencepiece_goldens.json").write_text(json.dumps(goldens, ensure_ascii=False, separators=(",", ":")) + "\n")


def main():
    arguments = sys.argv[1:]
    write = arguments == ["--write"]
    only, verdicts, tool = set() if write else set(arguments), {}, TextTool()
    with tempfile.TemporaryDirectory() as name:
        compare_hugging_face(tool, pathlib.Path(name), only, verdicts, write)
        compare_sentencepiece(tool, pathlib.Path(name), only, verdicts, write)
    same = sum(1 for bad in verdicts.values() if bad == 0)
    print(f"{same} of {len(verdicts)} tokenizers the same on {len(TEXTS)} strings, both ways")
    for name, bad in verdicts.items():
        if bad:
            print(f"  {name}: {bad} differ")
    sys.exit(0 if same == len(verdicts) else 1)


if __name__ == "__main__":
    main()
