#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
"""Matches of regular expressions and members of sets of characters as Oniguruma finds them inside `tokenizers`.

    pip install tokenizers
    python3 tests/golden/text/make_regex_goldens.py"""

import json
import pathlib

from tokenizers import Regex, pre_tokenizers

HERE = pathlib.Path(__file__).resolve().parent
RANGES = [(0x01, 0x24F), (0x300, 0x362), (0x600, 0x66F), (0x1680, 0x1680), (0x180E, 0x180E), (0x2000, 0x2046), (0x2160, 0x2180), (0x2460, 0x24FF),
          (0x3000, 0x3020), (0x3041, 0x3096), (0x3099, 0x30FF), (0x4E00, 0x4E05), (0xE000, 0xE001), (0xFEFF, 0xFEFF), (0xFF21, 0xFF23), (0xFF66, 0xFF9D),
          (0x10300, 0x10303), (0x1F130, 0x1F18F), (0x1F600, 0x1F602)]
POSIX = ["alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word", "xdigit"]
SETS = ([r"\w", r"\W", r"[\w]", r"[\W]", r"[^\w]", r"[^\W]", r"\s", r"\S", r"[\s]", r"[\S]", r"[^\s]", r"[^\S]", r"\d", r"\D", r"[\D]", r"\h", r"\H", r"[\h]",
         r"[\H]", r"[^\H]", r"\v", r"[\v]", r"\N", r"[\N]", r"\O", ".", "(?m:.)", "[^a]", r"[\\w]", r"[\\u0041]", r"[\\h]", r"[\\\w]", r"[^\W\d]", r"[\W\d]",
         r"[\w\W]", r"[^\w\W]", r"[a-c[x-z]]", r"[^a-c[x-z]]", r"[[^a]b]", r"[^[^a]]", r"[a[^b]]", r"[^\p{L}[0-9]]", r"[a-z&&[aeiou]]", r"[a-z&&[^aeiou]]",
         r"[^a-z&&[aeiou]]", r"[a-z&&aeiou]", r"[a-z&&[^aeiou]&&[^x]]", r"[a-c[x-z]&&[^b]]", r"[\p{L}&&[^\p{Lu}]]", r"[\w&&[^\d_]]", r"[a-z&&]", r"[&&a]",
         r"[a&b]", r"[\&\&]", r"[ab[^c-e]&&[\p{L}&&[^q]]]", r"[\p{Han}&&[^\u4e00]]", r"[]a]", r"[^]a]", r"[-a]", r"[a-]", r"[+--]", r"[\--a]", r"[\w-]",
         r"[.\-\w]", r"[a-z-9]", r"[a^]", r"[\^a]", r"[\[a\]]", r"[\u0041-\u0043]", r"[\x41-\x43]", r"[\x{41}-\x{43}]", r"[\101]", r"[\b]", r"[\e\a\f\t]",
         r"[\R\X\K\A\z\Q\G]", r"[[:alpha:]1]", r"[[[:alpha:]]1]", r"[^[:alpha:][:^digit:]]", r"[[:foo]]", r"\p{Letter}", r"\p{Uppercase_Letter}", r"\p{LC}",
         r"\p{^L}", r"\P{L}", r"\P{^L}", r"[\P{L}]", r"[^\P{L}]", r"[\p{^L}]", r"[\P{L}\p{Lu}]", r"\p{Emoji}", r"\p{White_Space}", r"\p{Any}", r"\p{han}",
         r"\p{ Han }", r"\p{olditalic}", r"\p{Cn}", r"\p{C}", r"\p{Word}"]
        + [rf"\p{{{script}}}" for script in ["Han", "Hiragana", "Katakana", "Latin", "Arabic", "Common", "Old_Italic"]]
        + [rf"[[:{name}:]]" for name in POSIX] + [rf"[[:^{name}:]]" for name in POSIX]
        + [rf"\p{{{name}}}" for name in ["Alnum", "Alpha", "Blank", "Cntrl", "Digit", "Graph", "Lower", "Print", "Punct", "Space", "Upper", "XDigit"]])
MATCHES = [(r"\N{2}", "abcd"), (r"\N+", "ab\ncd"), (r"\R", "a\r\nb\nc\x0b"), (r"\X", "e\u0301x"), (r"\w+\b", "a\u0301b ca\u00b2 d"), (r"\b\w", "a\u0301b ca"),
           (r"\B.", "ab\u0301c d"), (r"a{,2}", "aaab"), (r"a{2,}", "aaab"), (r"a{2}?", "aaaaa"), (r"a{2}?b", "aab b"), (r"a{1,3}?", "aaaa"), (r"a{2}+", "aaaaa"),
           (r"a{,2}+", "aaaaa"), (r"a{ 2}", "aaa{ 2}"), (r"a{,}", "a{,}"), (r"a{x}", "a{x}"), (r"\d{1,3}+", "1234"), ("é{2}+", "éééé"), (r"(?:a|b){1,2}?c", "abc"),
           (r"\p{L}{,2}+", "abc"), (r"(ab){2}?c", "ababc c"), (r"[ab]{2}+c", "ababc"), (r"(?m:a.b)", "a\nb"), (r"(?m)a.b", "a\nb"), (r"(?-m:a.b)", "a\nb"), (r"(?im:A.b)", "a\nb"),
           (r"(?x: a b)", "ab"), (r"(?x) a b # c", "ab"), ("(a(?x) b # c\n) d", "ab d"), (r"(?i:s)", "\u017fsS"), (r"a(?i)b|c", "aBC"), (r"(a(?i)b|c)D", "aBDaCdaCDcD"), (r"(?i)a|b", "AB"),
           (r"a(?#[)b", "ab"), (r"\x41\x{42}\103", "ABC"), (r"\u0041", "A"), (r"\e\a\f", "\x1b\x07\x0c"), (r"b\Z", "ab\n"), (r"\Ab", "ab"), ("^b", "a\nb\n"),
           ("a$", "a\nb"), (r"(?<!a)b", "abcb"), (r"(?<=a|bc)d", "adbcd"), (r"(?>a+)b", "aab"), (r"(a)(b)\2", "abb"), (r"(?<n>a)\k<n>", "aa"),
           (r"(?<n>a|b\g<n>c)", "bac"), ("a++b", "aab"), ("a?+a", "a"), (r"\Qab\E", "Qab QabE"), (r"\j\_", "j_"), (r"\é+", "éé"), (r"a\pL", "aL apL"),
           (r"[a-c[X]]+(?i)z", "abXZ"), (r"[a]]", "a]"), (r"(?<!\S)\S+", "ab cd"), (r"[^\s\p{L}\p{N}\r\n]+", "!! ?"), (r"[\\u0041]+", "A\\u0041z"),
           (r"\\u0041", "A\\u0041z"), (r"\\w+", "ab\\ww"), (r"\{2\}", "a{2}"), (r"\p{Lu}(?=\p{Ll})", "ABc"), (r"[a-z&&[^aeiou]]{2}+", "bcdfa"), (r"\P{Nd}+?\P{Lu}{2}[a-f]", "日本a\n b é AZ"), (r"\D+\P{L}", "ab, c1")]


def matches(pattern, text):
    return [piece for piece, _ in pre_tokenizers.Split(Regex(pattern), "removed", True).pre_tokenize_str(text)]


def main():
    characters = "".join(chr(c) for first, last in RANGES for c in range(first, last + 1))
    sets = {pattern: [int("".join(matches(pattern, c)) == c) for c in characters] for pattern in SETS}
    cases = [{"pattern": pattern, "text": text, "matches": matches(pattern, text)} for pattern, text in MATCHES]
    runs = {}
    for pattern, flags in sets.items():  # [first, last] as places in `characters`
        runs[pattern] = []
        for place, flag in enumerate(flags):
            if flag and runs[pattern] and runs[pattern][-1][1] == place - 1:
                runs[pattern][-1][1] = place
            elif flag:
                runs[pattern].append([place, place])
    (HERE / "regex_goldens.json").write_text(json.dumps({"characters": characters, "sets": runs, "matches": cases}, separators=(",", ":")) + "\n")


main()
