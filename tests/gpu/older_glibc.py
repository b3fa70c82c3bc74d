#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
"""Makes a packed shared library load with an older C library: functions that it needs of versions newer than OLDEST
are needed of an older version instead. They must then come from elsewhere (tests/gpu/older_glibc.c); which they are is
printed.

  tests/gpu/older_glibc.py LIBRARY OLDEST      for example: lib/libstdc++.so.6 2.34

In the file, .gnu.version_r lists the versions that a library needs of each other (System V ABI, "Symbol Versioning"):
Verneed {u16 version, count; u32 file, aux, next}, each with `count` of Vernaux {u32 hash; u16 flags, other; u32 name,
next}. .gnu.version has the number `other` for each symbol.
"""
import re
import struct
import sys

SHT_DYNSYM, SHT_GNU_VERNEED, SHT_GNU_VERSYM = 11, 0x6FFFFFFE, 0x6FFFFFFF


def sections(data):
    """(type, offset, size, index of the linked section) of each section."""
    if data[:6] != b"\x7fELF\x02\x01":
        raise ValueError("it is not an ELF file of 64 bits, little endian")
    start, = struct.unpack_from("<Q", data, 0x28)
    size, count = struct.unpack_from("<HH", data, 0x3A)
    for at in range(start, start + size * count, size):
        kind, = struct.unpack_from("<I", data, at + 4)
        offset, length, link = struct.unpack_from("<QQI", data, at + 24)
        yield kind, offset, length, link


def text(data, at):
    return bytes(data[at:data.index(0, at)]).decode()


def number_of(version):
    """[2, 34] of GLIBC_2.34; nothing of other libraries' versions."""
    numbers = re.fullmatch(r"GLIBC_(\d+(?:\.\d+)*)", version)
    return numbers and [int(part) for part in numbers[1].split(".")]


def needed_versions(data, start):
    """(place, name, index) of the versions needed, a list for each library that has them."""
    at = start
    while True:
        _, count, _, aux, following = struct.unpack_from("<HHIII", data, at)
        yield list(entries(data, at + aux, count))
        if not following:
            return
        at += following


def entries(data, at, count):
    for _ in range(count):
        _, _, other, name, following = struct.unpack_from("<IHHII", data, at)
        yield at, name, other
        at += following


def make_older(data, oldest):
    """Returns the names of the functions of newer versions."""
    table = list(sections(data))
    need = next((section for section in table if section[0] == SHT_GNU_VERNEED), None)
    if need is None:
        return []
    names, changed = table[need[3]][1], set()
    for library in needed_versions(data, need[1]):
        numbered = [(number_of(text(data, names + name)), at, other) for at, name, other in library]
        old = [entry for entry in numbered if entry[0] and entry[0] <= oldest]
        for number, at, other in numbered:
            if number and number > oldest:
                _, like, _ = max(old)  # of the same library: its hash and its name
                data[at:at + 4], data[at + 8:at + 12] = data[like:like + 4], data[like + 8:like + 12]
                changed.add(other)
    symbols = next(section for section in table if section[0] == SHT_DYNSYM)
    versions = next(section for section in table if section[0] == SHT_GNU_VERSYM)
    strings, functions = table[symbols[3]][1], []
    for i in range(versions[2] // 2):
        if struct.unpack_from("<H", data, versions[1] + 2 * i)[0] & 0x7FFF in changed:
            functions.append(text(data, strings + struct.unpack_from("<I", data, symbols[1] + 24 * i)[0]))
    return functions


def main():
    path, oldest = sys.argv[1:]
    with open(path, "rb") as file:
        data = bytearray(file.read())
    functions = make_older(data, [int(part) for part in oldest.split(".")])
    if functions:
        with open(path, "wb") as file:
            file.write(data)
    print("\n".join(functions))


main()
