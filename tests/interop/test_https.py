# SPDX-License-Identifier: Apache-2.0
"""HTTPS monitoring with a certificate of mkcert, read by curl and by a browser.

mkcert keeps its authority, and its root store, in folders of the test: nothing of the machine changes.
"""

import json
import shutil

import pytest

from conftest import command
from support.deadline import LIMIT

NOBODY_TRUSTS = 60  # curl's exit code for a certificate it cannot verify


class Authority:
    """A private mkcert: its root, one certificate for localhost, and a home that trusts the root."""

    def __init__(self, folder):
        self.home = folder / "home"
        self.stranger = folder / "stranger"
        for home in (self.home, self.stranger):
            database = home / ".pki" / "nssdb"
            database.mkdir(parents=True)
            self._run("certutil", "-N", "-d", f"sql:{database}", "--empty-password")
        self.env = {"HOME": str(self.home), "CAROOT": str(folder / "root"), "TRUST_STORES": "nss"}
        self.root = str(folder / "root" / "rootCA.pem")
        self.cert, self.key = str(folder / "localhost.pem"), str(folder / "localhost-key.pem")
        self._run("mkcert", "-install", env=self.env)
        self._run("mkcert", "-cert-file", self.cert, "-key-file", self.key, "localhost", "127.0.0.1",
                  "::1", env=self.env)

    @staticmethod
    def _run(*words, env=None):
        done = command(*words, env=env)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    for name in ("mkcert", "certutil"):
        if not shutil.which(name):
            pytest.skip(f"HTTPS monitoring: needs {name}")
    return Authority(tmp_path_factory.mktemp("mkcert"))


@pytest.fixture
def page(start, authority):
    """The address of /varz over HTTPS."""
    server = start('listen: "127.0.0.1:-1"\nhttps: "127.0.0.1:-1"\n'
                   f'tls {{ cert_file: "{authority.cert}", key_file: "{authority.key}" }}\n', base=False)
    return f"https://localhost:{server.monitor.port}/varz"


def chromium(home, url):
    """The page's DOM as the browser of a user with this home sees it."""
    # As root a browser has no sandbox of its own; everything that calls home is off.
    return command("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
                   "--no-first-run", "--disable-background-networking", "--disable-component-update",
                   "--disable-sync", f"--user-data-dir={home}/chromium", "--dump-dom", url,
                   env={"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"),
                        "XDG_CACHE_HOME": str(home / "cache"), "DBUS_SESSION_BUS_ADDRESS": "disabled:"},
                   seconds=90)


def test_curl(page, authority, need_tools):
    need_tools("curl")
    done = command("curl", "-sS", "--max-time", LIMIT, "--cacert", authority.root, page)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tls_required"] is True


def test_curl_of_a_stranger(page, need_tools):
    need_tools("curl")
    done = command("curl", "-sS", "--max-time", LIMIT, page)
    assert (done.returncode, done.stdout) == (NOBODY_TRUSTS, "")


def test_browser(page, authority, need_tools):
    need_tools("chromium")
    done = chromium(authority.home, page)
    assert done.returncode == 0, done.stderr
    assert '"server_id"' in done.stdout, done.stdout + done.stderr


def test_browser_of_a_stranger(page, authority, need_tools):
    need_tools("chromium")
    done = chromium(authority.stranger, page)
    assert '"server_id"' not in done.stdout
    # Depending on its version the browser says so on its error page or on stderr.
    assert "ERR_CERT_AUTHORITY_INVALID" in done.stdout + done.stderr, done.stdout + done.stderr
