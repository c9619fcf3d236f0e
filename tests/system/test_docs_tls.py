# SPDX-License-Identifier: Apache-2.0
"""The configurations of docs/tls.md are valid, and a server with one serves as the page says."""

import pathlib
import re
import shutil

import pytest

from support.client import tls_context
from support.ocsp import Authority, Responder
from support.server import run

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "tls.md"


def blocks():
    """The fenced blocks without a language that hold a tls map."""
    parts = re.split(r"^```(.*)\n", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    # text, language, block, "", text, language, block, ...
    return [block for language, block in zip(parts[1::4], parts[2::4])
            if not language and re.search(r"^tls \{", block, re.MULTILINE)]


BLOCKS = blocks()
FILES = {"server-cert.pem": "server.crt", "server-key.pem": "server.key", "ca.pem": "ca.crt",
         "other-cert.pem": "server-rsa.crt", "other-key.pem": "server-rsa.key"}


def test_the_page_has_configurations():
    assert len(BLOCKS) >= 8


@pytest.mark.parametrize("at", range(len(BLOCKS)))
def test_configuration(certs, tmp_path, at):
    for name, source in FILES.items():
        shutil.copy(certs.path(source), tmp_path / name)
    (tmp_path / "midge.conf").write_text(BLOCKS[at], encoding="utf-8")
    status, _, err = run("-c", "midge.conf", "-t", cwd=tmp_path)
    assert status == 0 and "is valid" in err, err


@pytest.fixture
def place(certs, tmp_path):
    """Where the files of the configurations are. The certificate's status can be asked for."""
    for name in ("other-cert.pem", "other-key.pem"):
        shutil.copy(certs.path(FILES[name]), tmp_path / name)
    authority = Authority(tmp_path)
    responder = Responder(authority)
    pair = authority.issue("stapled", url=responder.url)
    shutil.copy(pair.crt, tmp_path / "server-cert.pem")
    shutil.copy(pair.key, tmp_path / "server-key.pem")
    shutil.copy(authority.crt, tmp_path / "ca.pem")
    yield tmp_path, authority
    responder.close()


@pytest.mark.parametrize("at", range(len(BLOCKS)))
def test_server(start, place, at):
    """A server with the configuration takes clients as the page says, on free ports."""
    directory, authority = place
    config = re.sub(r'"([\w-]+\.pem)"', rf'"{directory}/\1"', BLOCKS[at])
    config = config.replace("0.0.0.0:8222", "127.0.0.1:-1")
    server = start('listen: "127.0.0.1:-1"\n' + config, base=False)
    context = tls_context(authority.crt)
    if re.search(r"^ +verify(_and_map)?: +true", config, re.M):
        with pytest.raises((OSError, AssertionError)):
            server.connect(tls=context)
        server.wait_log("TLS handshake error: tls: client didn't provide a certificate$")
    else:
        server.connect(tls=context, tls_first="handshake_first: true" in config).barrier()
    if "ocsp {" in config:
        assert list((server.directory / "data" / "ocsp").iterdir())
