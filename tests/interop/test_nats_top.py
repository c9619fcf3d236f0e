# SPDX-License-Identifier: Apache-2.0
"""nats-top reads /varz and /connz: over HTTP and over HTTPS.

The program is `nats-top` of the PATH, or what MIDGE_NATS_TOP names
(go install github.com/nats-io/nats-top@latest).
"""

import os
import re
import shutil
import subprocess

import pytest

from support.client import tls_context
from support.deadline import Deadline, until

NATS_TOP = os.environ.get("MIDGE_NATS_TOP") or shutil.which("nats-top")

pytestmark = pytest.mark.skipif(not NATS_TOP, reason="nats-top is not installed")


def top(server, *args):
    """One picture, as text."""
    done = subprocess.run([NATS_TOP, "-s", server.monitor.host, *args, "-o", "-", "-r", "1", "-d", "1"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                          stdin=subprocess.DEVNULL, timeout=Deadline().left())
    return done.stdout


def check(server, *args, tls=None):
    client = server.connect(tls=tls, name="a-name", lang="c", version="9.8")
    client.subscribe("foo", 1)
    for _ in range(3):
        client.send("PUB foo 4\r\nabcd\r\n")
        client.expect_msg("foo", 1, b"abcd")
    until(lambda: server.monitor.varz()["out_msgs"] == 3, "three messages are counted")
    text = top(server, *args)
    assert f"NATS server version {server.monitor.varz()['version']} (uptime: " in text
    assert re.search(rf"^  ID:   {server.monitor.varz()['server_id']}$", text, re.M), text
    assert re.search(r"In:   Msgs: 3  Bytes: 12 ", text) and "Out:  Msgs: 3  Bytes: 12 " in text
    assert "Connections Polled: 1" in text
    row = next(line for line in text.splitlines() if "a-name" in line).split()
    assert row[0] == f"{client.local[0]}:{client.local[1]}"
    assert row[1:11] == [str(client.cid), "a-name", "1", "0", "3", "3", "12", "12", "c", "9.8"]


def test_http(start):
    server = start()
    check(server, "-m", str(server.monitor.port))


def test_https(start, certs):
    server = start(f'listen: "127.0.0.1:-1"\nhttps: "127.0.0.1:-1"\ntls {{\n'
                   f'  cert_file: "{certs.cert("server")}"\n  key_file: "{certs.key("server")}"\n}}\n',
                   base=False)
    check(server, "-ms", str(server.monitor.port), "-cacert", certs.cert("ca"), tls=tls_context(certs.cert("ca")))
