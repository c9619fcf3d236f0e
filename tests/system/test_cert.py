# SPDX-License-Identifier: Apache-2.0
"""midge cert dev: certificates with which a TLS server is up at once."""

import re
import socket
import ssl
import stat

import pytest

from support.client import tls_context
from support.server import run

pytestmark = pytest.mark.midge_only
FILES = ["ca-key.pem", "ca.pem", "client-cert.pem", "client-key.pem", "server-cert.pem", "server-key.pem"]


def make(tmp_path, name="certs"):
    status, out, err = run("cert", "dev", name, cwd=tmp_path)
    assert (status, err) == (0, "")
    return tmp_path / name, out


def test_files_and_words(tmp_path):
    directory, out = make(tmp_path, "new/folder")
    assert sorted(path.name for path in directory.iterdir()) == FILES
    for path in directory.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == (0o600 if "-key" in path.name else 0o644)
    assert out == (
        "development certificates are in new/folder, not for production; for example:\n"
        "  midge --tls --tlscert new/folder/server-cert.pem --tlskey new/folder/server-key.pem\n"
        "  nats --server tls://localhost:4222 --tlsca new/folder/ca.pem sub '>'\n")


def test_kept_when_still_good(tmp_path):
    directory, _ = make(tmp_path)
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    make(tmp_path)
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == before


# The flags that it prints serve every name of this machine, and its client certificate is accepted.
def test_server_with_them(tmp_path, start):
    directory, _ = make(tmp_path)
    server = start(args=["--tlsverify", "--tlscert", directory / "server-cert.pem", "--tlskey",
                         directory / "server-key.pem", "--tlscacert", directory / "ca.pem"])
    context = tls_context(directory / "ca.pem", directory / "client-cert.pem", directory / "client-key.pem")
    names = ["localhost", "127.0.0.1", "::1"]
    if re.fullmatch(r"[A-Za-z0-9.-]+", socket.gethostname()):
        names.append(socket.gethostname())
    for name in names:
        client = server.client(tls=context, name=name)
        client.connect()
        subject = dict(pair[0] for pair in client.socket.getpeercert()["subject"])
        assert subject["organizationName"] == "midge development (not for production)"
    with pytest.raises(ssl.SSLCertVerificationError):
        server.client(tls=context, name="example.com")


@pytest.mark.parametrize("args", [["cert"], ["cert", "prod", "x"], ["cert", "dev"], ["cert", "dev", "a", "b"]])
def test_usage(args):
    status, out, err = run(*args)
    assert (status, out) == (2, "") and err.startswith("Usage: midge cert dev DIR\n")


def test_failure(tmp_path):
    (tmp_path / "file").write_text("")
    status, out, err = run("cert", "dev", "file/x", cwd=tmp_path)
    assert (status, out, err) == (1, "", "midge cert: mkdir file/x: not a directory\n")
