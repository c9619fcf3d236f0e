# SPDX-License-Identifier: Apache-2.0
"""Nkeys of users: fresh key pairs, and signatures made by openssl."""

import base64
import os
import subprocess

USER_PREFIX = 20 << 3
SEED_PREFIX = 18 << 3
PKCS8_HEAD = bytes.fromhex("302e020100300506032b657004220420")


def crc16(data):
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1
            crc &= 0xFFFF
    return crc


def encode(head, key):
    raw = head + key
    raw += crc16(raw).to_bytes(2, "little")
    return base64.b32encode(raw).decode().rstrip("=")


class UserKey:
    """One key pair: `public` ("U..."), `seed` ("SU..."), and signing."""

    def __init__(self, directory, seed=None):
        raw = seed or os.urandom(32)
        self.seed = encode(bytes([SEED_PREFIX | USER_PREFIX >> 5, (USER_PREFIX & 31) << 3]), raw)
        self.path = directory / f"{base64.b16encode(raw[:6]).decode()}.pem"
        body = base64.b64encode(PKCS8_HEAD + raw).decode()
        self.path.write_text(f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n")
        self.public = encode(bytes([USER_PREFIX]), self._openssl("pkey", "-pubout", "-outform",
                                                                 "DER")[-32:])

    def _openssl(self, command, *args):
        flag = "-in" if command == "pkey" else "-inkey"
        done = subprocess.run(["openssl", command, flag, str(self.path), *args],
                              stdout=subprocess.PIPE, check=True, timeout=60)
        return done.stdout

    def sign_raw(self, text):
        data = self.path.with_suffix(".nonce")
        data.write_bytes(text.encode())
        return self._openssl("pkeyutl", "-sign", "-rawin", "-in", str(data))

    def sign(self, text):
        """base64url without padding, as CONNECT carries it."""
        return base64.urlsafe_b64encode(self.sign_raw(text)).decode().rstrip("=")

    def login(self, client):
        """The fields of a CONNECT that answers this client's INFO."""
        return {"nkey": self.public, "sig": self.sign(client.info["nonce"])}
