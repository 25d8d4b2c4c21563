#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# Changes one thing of a file, for tests that see it refused:
#
#   alter.py json IN OUT MEMBER CHANGE    MEMBER is like pi_b.0.1; CHANGE is +1,
#                                         +q, +r, neg (q less it), =N or drop
#   alter.py coef IN OUT I CHANGE         .zkey: coefficient I; CHANGE is +1 or
#                                         max, all bits of it
#   alter.py wire IN OUT I                .zkey: the wire of coefficient I
#   alter.py point IN OUT SECTION         .zkey: the first finite point there is
#                                         not on its curve any more
#   alter.py swap IN OUT SECTION          .zkey: two finite points change places
#   alter.py double IN OUT SECTION        the section is there twice
#
# Layouts: spec/proofs.md 4.
import json
import struct
import sys

Q = 0x30644E72E131A029B85045B68181585D97816A916871CA8D3C208C16D87CFD47
R = 0x30644E72E131A029B85045B68181585D2833E84879B9709143E1F593F0000001
COEF = 44  # matrix, row, wire, value
G2_SECTION = 7


def sections(data):
    """Number and place (first byte, length) of each section"""
    at = 12
    for _ in range(struct.unpack_from("<I", data, 8)[0]):
        number, size = struct.unpack_from("<IQ", data, at)
        yield number, at + 12, size
        at += 12 + size


def section(data, number):
    return next((at, size) for n, at, size in sections(data) if n == number)


def add(data, at, modulus):
    value = int.from_bytes(data[at : at + 32], "little")
    data[at : at + 32] = ((value + 1) % modulus).to_bytes(32, "little")


def finite(data, number):
    """Where the finite points of a section are"""
    size = 128 if number == G2_SECTION else 64
    start, length = section(data, number)
    for at in range(start, start + length, size):
        if any(data[at : at + size]):
            yield at, size


def change_coef(data, which, change):
    at = section(data, 4)[0] + 4 + COEF * int(which) + 12
    if change == "max":
        data[at : at + 32] = b"\xff" * 32
    else:
        add(data, at, R)


def change_wire(data, which):
    at = section(data, 4)[0] + 4 + COEF * int(which) + 8
    wire = struct.unpack_from("<I", data, at)[0]
    struct.pack_into("<I", data, at, wire - 1 if wire else 1)


def change_point(data, number):
    at, size = next(finite(data, int(number)))
    add(data, at + size // 2, Q)


def swap_points(data, number):
    (a, size), (b, _) = [p for p, _ in zip(finite(data, int(number)), "ab")]
    one, two = bytes(data[a : a + size]), bytes(data[b : b + size])
    assert one != two
    data[a : a + size], data[b : b + size] = two, one


def double_section(data, number):
    at, size = section(data, int(number))
    data += data[at - 12 : at + size]
    struct.pack_into("<I", data, 8, struct.unpack_from("<I", data, 8)[0] + 1)


def change_json(source, target, member, change):
    with open(source) as f:
        whole = j = json.load(f)
    *path, last = [int(s) if s.isdigit() else s for s in member.split(".")]
    for step in path:
        j = j[step]
    if change == "drop":
        del j[last]
    else:
        value = int(j[last])
        if change == "neg":
            changed = Q - value
        elif change[0] == "=":
            changed = int(change[1:])
        else:
            changed = value + {"+1": 1, "+q": Q, "+r": R}[change]
        j[last] = type(j[last])(changed)
    with open(target, "w") as f:
        json.dump(whole, f)


BINARY = {
    "coef": change_coef,
    "wire": change_wire,
    "point": change_point,
    "swap": swap_points,
    "double": double_section,
}

what, source, target, *rest = sys.argv[1:]
if what == "json":
    change_json(source, target, *rest)
else:
    with open(source, "rb") as f:
        data = bytearray(f.read())
    BINARY[what](data, *rest)
    with open(target, "wb") as f:
        f.write(data)
