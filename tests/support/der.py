# SPDX-License-Identifier: Apache-2.0
"""As much DER as an OCSP responder needs."""

import time

SEQUENCE, OCTETS, BITS, OID, ENUMERATED, TIME = 0x30, 0x04, 0x03, 0x06, 0x0a, 0x18


def encode(tag, *parts):
    body = b"".join(parts)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    size = (len(body).bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + len(body).to_bytes(size, "big") + body


def children(data):
    """[(tag, content, whole)] of the elements that data consists of."""
    found = []
    while data:
        length, head = data[1], 2
        if length & 0x80:
            head += length & 0x7f
            length = int.from_bytes(data[2:head], "big")
        found.append((data[0], data[head:head + length], data[:head + length]))
        data = data[head + length:]
    return found


def oid(text):
    first, second, *rest = (int(part) for part in text.split("."))
    out = [first * 40 + second]
    for number in rest:
        septets = [number & 0x7f]
        while number := number >> 7:
            septets.insert(0, 0x80 | number & 0x7f)
        out += septets
    return encode(OID, bytes(out))


def at(seconds):
    """GeneralizedTime."""
    return encode(TIME, time.strftime("%Y%m%d%H%M%SZ", time.gmtime(seconds)).encode())
