# SPDX-License-Identifier: Apache-2.0
"""Certificate files that change under a running server. No other NATS server does this."""

import os
import shutil
import ssl

import pytest

from support.client import tls_context
from support.deadline import PATIENCE, until

pytestmark = pytest.mark.midge_only

TAKEN = r"\[INF\] TLS files changed: new connections get (.*)$"
REFUSED = r"\[ERR\] TLS files changed, but the new ones are refused: (.*)$"
STAYS = r"\[ERR\] TLS goes on with the last good files: (.*)$"


@pytest.fixture
def served(tmp_path, certs):
    """A folder of files in service: tls.crt, tls.key, ca.crt; put(NAME) writes those of a pair."""
    class Folder:
        directory = tmp_path / "served"

        def __init__(self):
            self.directory.mkdir()
            shutil.copy(certs.cert("ca"), self.path("ca.crt"))
            self.put("server")

        def path(self, name):
            return str(self.directory / name)

        def put(self, cert, key=None):
            """In place: first the certificate, then the key."""
            shutil.copy(certs.cert(cert), self.path("tls.crt"))
            shutil.copy(certs.key(key or cert), self.path("tls.key"))

    return Folder()


def config(folder, inside=""):
    return ('tls {\n'
            f'  cert_file: "{folder.path("tls.crt")}"\n  key_file: "{folder.path("tls.key")}"\n'
            f'  ca_file: "{folder.path("ca.crt")}"\n  timeout: 5\n  {inside}\n}}\n')


def presented(server):
    """The certificate that a new connection is shown, as DER."""
    client = server.client(tls=tls_context())
    try:
        return client.socket.getpeercert(binary_form=True)
    finally:
        client.close()


def der(certs, name):
    with open(certs.cert(name), encoding="ascii") as file:
        return ssl.PEM_cert_to_DER_cert(file.read())


def files(server):
    return server.monitor.get("/tlsz")["contexts"][0]["files"]


def test_new_pair_is_taken(start, served, certs):
    server = start(config(served))
    old = server.connect(tls=tls_context())
    assert presented(server) == der(certs, "server")
    served.put("server-rsa")
    taken = server.wait_log(TAKEN).group(1)
    assert taken.startswith("CN=server-rsa,O=midge tests, valid until 20")
    assert presented(server) == der(certs, "server-rsa")
    old.barrier()  # those who are there stay
    page = server.monitor.get("/tlsz")["contexts"][0]
    assert page["certificates"][0]["subject"] == "CN=server-rsa,O=midge tests"
    assert page["certificates"][0]["key"] == "RSA 2048"
    assert page["files"]["watched"] is True and page["files"]["taken"] == 1
    assert page["files"]["refused"] == 0 and "last_taken" in page["files"]
    assert "[ERR]" not in server.log.text()


def test_renamed_into_place(start, served, certs):
    server = start(config(served))
    for kind in ("crt", "key"):
        shutil.copy(certs.path(f"server-rsa.{kind}"), served.path("new"))
        os.rename(served.path("new"), served.path(f"tls.{kind}"))
    server.wait_log(TAKEN)
    assert presented(server) == der(certs, "server-rsa")


def secret(volume, number, certs, name):
    """One more content of a mounted secret, swapped in as the kubelet does it."""
    content = volume / f"..2026_{number}"
    content.mkdir()
    shutil.copy(certs.cert(name), content / "tls.crt")
    shutil.copy(certs.key(name), content / "tls.key")
    shutil.copy(certs.cert("ca"), content / "ca.crt")
    os.symlink(content.name, volume / "..data_tmp")
    os.rename(volume / "..data_tmp", volume / "..data")
    for file in ("tls.crt", "tls.key", "ca.crt"):
        if not (volume / file).is_symlink():
            os.symlink(f"..data/{file}", volume / file)
    for old in volume.glob("..2026_*"):
        if old != content:
            shutil.rmtree(old)


def test_kubernetes_secret(start, tmp_path, certs, served):
    volume = tmp_path / "volume"
    volume.mkdir()
    secret(volume, 1, certs, "server")
    served.path = lambda name: str(volume / name)
    server = start(config(served))
    for count, name in enumerate(("server-rsa", "server", "server-rsa"), 1):
        secret(volume, count + 1, certs, name)
        server.wait_log(TAKEN, count)
        assert presented(server) == der(certs, name)


def test_certbot_links(start, tmp_path, certs, served):
    live, archive = tmp_path / "live", tmp_path / "archive"
    live.mkdir()
    archive.mkdir()

    def issue(number, name):
        for kind in ("crt", "key"):
            shutil.copy(certs.path(f"{name}.{kind}"), archive / f"tls{number}.{kind}")
            if (live / f"tls.{kind}").is_symlink():
                os.unlink(live / f"tls.{kind}")
            os.symlink(f"../archive/tls{number}.{kind}", live / f"tls.{kind}")

    issue(1, "server")
    shutil.copy(certs.cert("ca"), live / "ca.crt")
    served.path = lambda name: str(live / name)
    server = start(config(served))
    issue(2, "server-rsa")
    server.wait_log(TAKEN)
    assert presented(server) == der(certs, "server-rsa")


@pytest.mark.parametrize("break_it, why", [
    (lambda folder: folder.put("server-rsa", "server"),
     r"tls: private key type does not match public key type$"),
    (lambda folder: folder.put("server-expired"),
     r"certificate CN=server-expired,O=midge tests has expired$"),
    (lambda folder: folder.put("client"),
     r"certificate CN=client,O=midge tests is not for servers "
     r"\(extended key usage without serverAuth\)$"),
    (lambda folder: os.unlink(folder.path("tls.key")), r"open \S+/tls.key: no such file or directory$"),
    (lambda folder: os.truncate(folder.path("tls.crt"), 0),
     r"tls: failed to find any PEM data in certificate input$"),
    (lambda folder: os.truncate(folder.path("ca.crt"), 30), r"failed to parse root ca certificate$"),
])
def test_bad_files_are_refused(start, served, certs, break_it, why):
    server = start(config(served))
    break_it(served)
    server.wait_log(REFUSED.replace("(.*)$", f".*{why}"))
    assert server.wait_log(STAYS).group(1).startswith("CN=server,O=midge tests, valid until 20")
    assert presented(server) == der(certs, "server")
    state = files(server)
    assert state["refused"] == 1 and state["taken"] == 0 and state["not_used_because"]
    # Repaired: taken, and the complaint is gone.
    shutil.copy(certs.cert("ca"), served.path("ca.crt"))
    served.put("server-rsa")
    server.wait_log(TAKEN)
    assert presented(server) == der(certs, "server-rsa")
    assert "not_used_because" not in files(server)


def test_refused_once(start, served, certs):
    """Bad files that stay, and come back as they were, are one line each time they differ."""
    server = start(config(served))
    served.put("server-expired")
    server.wait_log(REFUSED)
    os.utime(served.path("tls.crt"))
    served.put("server")
    server.wait_log(r"\[INF\] TLS files are those in service again$")
    served.put("server-expired")
    server.wait_log(REFUSED, 2)
    assert files(server)["refused"] == 2
    assert presented(server) == der(certs, "server")


def test_lost_names_and_authorities_are_told(start, served, certs):
    server = start(config(served))
    shutil.copy(certs.cert("other-ca"), served.path("ca.crt"))
    server.wait_log(TAKEN)
    server.wait_log(r"\[WRN\] TLS files changed: authority CN=ca,O=midge tests is gone from ca_file: "
                    r"certificates that it issued are refused from now on$")


def test_new_authority_is_believed(start, served, certs):
    server = start(config(served, "verify: true"))
    stranger = tls_context(None, certs.cert("client-other"), certs.key("client-other"))
    with pytest.raises((OSError, AssertionError)):
        server.connect(tls=stranger)
    with open(served.path("ca.crt"), "a", encoding="ascii") as file, \
            open(certs.cert("other-ca"), encoding="ascii") as other:
        file.write(other.read())
    server.wait_log(TAKEN)
    server.connect(tls=stranger).barrier()


def test_switched_off(start, served, certs):
    server = start(config(served, "watch_files: false"))
    assert files(server)["watched"] is False
    served.put("server-rsa")
    assert presented(server) == der(certs, "server")
    server.signal(1)
    server.wait_log(r"\[INF\] Reloaded server configuration")
    assert presented(server) == der(certs, "server-rsa")
    assert "TLS files changed" not in server.log.text()
    # A reload switches it on.
    server.rewrite(open(server.config_path, encoding="utf-8").read().replace("watch_files: false", ""))
    server.signal(1)
    server.wait_log(r"\[INF\] Reloaded server configuration", 2)
    served.put("server")
    server.wait_log(TAKEN)
    assert presented(server) == der(certs, "server")


def test_wrong_value(start, served):
    server = start(config(served, "watch_files: 1"), ready=False)
    server.expected_status = 1
    assert server.wait_exit() == 1
    assert "error parsing tls config, expected 'watch_files' to be a boolean" in server.log.text()


def test_flags_are_watched_too(start, served, certs):
    server = start(None, args=["-a", "127.0.0.1", "-p", "-1", "--tls",
                               "--tlscert", served.path("tls.crt"), "--tlskey", served.path("tls.key")])
    served.put("server-rsa")
    server.wait_log(TAKEN)
    assert presented(server) == der(certs, "server-rsa")


def test_https_monitoring_follows(start, served, certs):
    server = start('listen: "127.0.0.1:-1"\nhttps: "127.0.0.1:-1"\n' + config(served), base=False)
    served.put("server-rsa")
    server.wait_log(TAKEN)

    def shown():
        return ssl.get_server_certificate(("127.0.0.1", server.monitor.port))

    until(lambda: ssl.PEM_cert_to_DER_cert(shown()) == der(certs, "server-rsa"), "the new certificate")


def test_reload_in_between(start, served, certs):
    """A reload takes what is there; the watch goes on from that."""
    server = start(config(served))
    served.put("server-rsa")
    server.signal(1)
    server.wait_log(r"\[INF\] Reloaded server configuration")
    assert presented(server) == der(certs, "server-rsa")
    served.put("server")
    until(lambda: presented(server) == der(certs, "server"), "the old certificate is taken again")


def test_expiry_is_told_when_it_happens(start, served, certs):
    """A server that runs for months must not forget what it told at its start."""
    certs.issue("server-brief", "ca", "server", end=int(3 * PATIENCE))
    served.put("server-brief")
    server = start(config(served))
    soon = server.wait_log(r"\[WRN\] TLS certificate CN=server-brief,O=midge tests expires on "
                           r"(\S+Z), in 0 days$").group(1)
    server.wait_log(rf"\[WRN\] TLS certificate CN=server-brief,O=midge tests expired on {soon}: clients "
                    r"that verify it will fail to connect$")
    # A renewal ends it.
    served.put("server")
    server.wait_log(TAKEN)
