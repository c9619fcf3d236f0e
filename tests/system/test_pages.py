# SPDX-License-Identifier: Apache-2.0
"""The manual page and the completions that the build makes."""

import pathlib
import shutil
import subprocess

import pytest

from support.dialect import lacking, program

pytestmark = pytest.mark.midge_only

SHARE = pathlib.Path(program()).resolve().parent / "share"


def made(name):
    if not (SHARE / name).exists():
        lacking("an installed program: the pages are elsewhere")
    return str(SHARE / name)


def complete(*words):
    """What bash offers for the last word."""
    script = (f'source {made("bash/midge")}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _midge; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "-c", script, "bash", *words], stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.PIPE, timeout=30, check=True)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize("words, want", [
    (["midge", "--conf"], ["--config"]),
    (["midge", "be"], ["bench"]),
    (["midge", "--signal", "re"], ["reopen", "reload"]),
    (["midge", "-sl", "l"], ["ldm"]),
    (["midge", "-p", ""], []),
    (["midge", "-c", "midge.conf", "--tlsc"], ["--tlscert", "--tlscacert"]),
])
def test_bash(words, want):
    assert complete(*words) == want


def test_bash_completes_files(tmp_path, monkeypatch):
    (tmp_path / "some.conf").write_text("")
    (tmp_path / "someday").mkdir()
    monkeypatch.chdir(tmp_path)
    assert sorted(complete("midge", "-c", "some")) == ["some.conf", "someday"]
    assert complete("midge", "--ports_file_dir", "some") == ["someday"]


def test_manual_page():
    page = made("man/midge.1")
    if not shutil.which("man"):
        pytest.skip("no man here")
    done = subprocess.run(["man", "--warnings", "-l", page], stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.PIPE, timeout=60, check=True,
                          env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANWIDTH": "100"})
    assert done.stderr == ""
    assert "midge - a NATS server whose heart is TLS" in done.stdout
    assert "watch_files" in done.stdout and "--client_advertise <string>" in done.stdout
