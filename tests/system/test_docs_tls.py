# SPDX-License-Identifier: Apache-2.0
"""The configurations of docs/tls.md are valid, and the server starts with them."""

import pathlib
import re
import shutil

import pytest

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
