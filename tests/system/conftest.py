# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the system tests. The program under test is $MIDGE_BIN, or build/midge."""

import os
import pathlib
import re
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

# pylint: disable=wrong-import-position
from support.certs import Certificates  # noqa: E402
from support.client import tls_context  # noqa: E402
from support.dialect import is_midge, lacking, program, reference_level  # noqa: E402
from support.ports import OwnPort  # noqa: E402
from support.server import Server  # noqa: E402

BASE = 'listen: "127.0.0.1:-1"\nhttp: "127.0.0.1:-1"\n'


def pytest_report_header(config):
    del config
    return f"server under test: {program()}"


def pytest_configure(config):
    config.addinivalue_line("markers", "midge_only: the reference does not do this")
    config.addinivalue_line("markers", "slow: takes more than a few seconds")
    if not os.access(program(), os.X_OK):
        pytest.exit(f"no server at {program()}: build it, or set MIDGE_BIN", returncode=2)
    level = reference_level()
    if level is not None and level < (2, 15):
        pytest.exit("the system tests describe nats-server 2.15 and newer", returncode=2)


def pytest_collection_modifyitems(items):
    if is_midge():
        return
    for item in items:
        if item.get_closest_marker("midge_only"):
            item.add_marker(pytest.mark.skip(reason="the reference does not do this"))


def skip_if_refused_by_name(server):
    """A server that ended because it has no such option yet: the test is for later."""
    match = re.search(r"not supported yet: .*", server.log.text())
    if match and server.process.wait() == 1:
        server.expected_status = 1
        lacking(match.group(0))


@pytest.fixture
def start(tmp_path):
    """Factory of servers: start(config="", base=True, ...) adds free client and monitoring ports.

    All are ended at the end of the test, in reverse order; each must end with its expected status
    and without a sanitizer's report.
    """
    servers = []

    def factory(config="", base=True, ready=True, **options):
        directory = tmp_path / f"server{len(servers)}"
        directory.mkdir()
        text = None if config is None else (BASE if base else "") + config
        server = Server(directory, text, ready=False, **options)
        servers.append(server)
        if ready:
            try:
                server.wait_ready()
            except AssertionError:
                skip_if_refused_by_name(server)
                raise
        return server

    yield factory
    errors = []
    for server in reversed(servers):
        try:
            server.stop()
        except AssertionError as error:
            errors.append(str(error))
    assert not errors, "\n".join(errors)


@pytest.fixture
def own_port():
    """A number that no other test listens on, also when a server has left it."""
    port = OwnPort()
    yield port.number
    port.close()


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory):
    """A server with nothing but defaults, for tests that change nothing in it."""
    server = Server(tmp_path_factory.mktemp("shared"), BASE)
    yield server
    server.stop()


@pytest.fixture
def server(shared_server):
    assert shared_server.process.poll() is None, "the server died:\n" + shared_server.log.text()
    return shared_server


@pytest.fixture
def client(server):
    """A client of the shared server that has read the INFO and sent nothing yet."""
    with server.client() as connection:
        yield connection


@pytest.fixture
def connect(server):
    """Factory of connected clients of the shared server; closes them."""
    clients = []

    def factory(**options):
        clients.append(server.connect(**options))
        return clients[-1]

    yield factory
    for connection in clients:
        connection.close()


@pytest.fixture
def context(certs):
    """Factory of client contexts that trust the tests' authority; client names a certificate to show."""
    def factory(client=None, **options):
        pair = (certs.cert(client), certs.key(client)) if client else (None, None)
        return tls_context(certs.cert("ca"), *pair, **options)
    return factory


@pytest.fixture(scope="session")
def certs(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certs"))


def pytest_make_parametrize_id(val):
    """Names of long values are cut: they become names of directories."""
    if isinstance(val, (str, bytes)):
        text = val if isinstance(val, str) else val.decode("latin-1")
        text = text.encode("unicode_escape").decode("ascii")
        return text if len(text) <= 40 else f"{text[:32]}...{len(text)}"
    return None
