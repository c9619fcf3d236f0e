# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the interop tests: those of the system tests, and the real clients.

A client whose toolchain the machine lacks is skipped by name ("nats.go: needs Go 1.23 or newer"),
and so is one whose pinned packages cannot be fetched; one that does not build is a failure.
"""

import contextlib
import functools
import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
CACHE = HERE.parents[1] / "build" / "interop"

# Without a network a fetch fails soon, instead of being retried for minutes.
IMPATIENT = {"PIP_RETRIES": "1", "npm_config_fetch_retries": "1",
             "CARGO_NET_RETRY": "1"}


def _system_fixtures():
    path = HERE.parent / "system" / "conftest.py"
    spec = importlib.util.spec_from_file_location("system_fixtures", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_system = _system_fixtures()
BASE = _system.BASE
start = _system.start
certs = _system.certs
pytest_configure = _system.pytest_configure
pytest_report_header = _system.pytest_report_header

# The path is set by the system fixtures.
from support.deadline import PATIENCE, Deadline, until  # noqa: E402
from support.server import Log  # noqa: E402


class Missing(Exception):
    """The machine lacks something; the text names it."""


def command(*words, cwd=None, env=None, seconds=300):
    """Run a tool; returns the finished process, whatever its status."""
    return subprocess.run([str(w) for w in words], cwd=cwd, env={**IMPATIENT, **os.environ, **(env or {})},
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False,
                          stderr=subprocess.PIPE, timeout=seconds * PATIENCE, text=True)


def tool(name, package):
    path = shutil.which(name)
    if not path:
        raise Missing(f"needs {name} (package {package})")
    return path


def fetched(done, what):
    if done.returncode != 0:
        raise Missing(f"{what} could not be fetched: {done.stderr.strip().splitlines()[-1:]}")


def built(done):
    assert done.returncode == 0, f"{done.args} failed:\n{done.stdout}{done.stderr}"


def libnats():
    """libnats of the distribution; the program is compiled here."""
    gcc = tool("gcc", "gcc")
    flags = command(tool("pkg-config", "pkgconf"), "--cflags", "--libs", "libnats")
    if flags.returncode != 0:
        raise Missing("needs libnats (package libnats-dev)")
    target = CACHE / "libnats"
    target.mkdir(parents=True, exist_ok=True)
    built(command(gcc, "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-O1", "-o", target / "interop",
                  HERE / "libnats" / "interop.c", *flags.stdout.split()))
    return [target / "interop"], {}


def nats_py():
    """nats-py of PyPI, in a folder of its own."""
    target = CACHE / "nats-py"
    pins = (HERE / "nats-py" / "requirements.txt").read_text(encoding="utf-8")
    stamp = target / "installed.txt"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != pins:
        if command(sys.executable, "-m", "pip", "--version").returncode != 0:
            raise Missing("needs pip (package python3-pip)")
        shutil.rmtree(target, ignore_errors=True)
        fetched(command(sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--target",
                        target, "-r", HERE / "nats-py" / "requirements.txt"), pins.strip())
        stamp.write_text(pins, encoding="utf-8")
    return [sys.executable, HERE / "nats-py" / "interop.py"], {"PYTHONPATH": str(target)}


def nats_js(library):
    """Both generations of nats.js, of npm, at the versions of the lock file."""
    node, npm = tool("node", "nodejs"), tool("npm", "npm")
    major = int(re.match(r"v(\d+)", command(node, "--version").stdout)[1])
    if major < 18:
        raise Missing(f"needs node 18 or newer, found {major}")
    target = CACHE / "nats.js"
    target.mkdir(parents=True, exist_ok=True)
    lock = (HERE / "nats.js" / "package-lock.json").read_text(encoding="utf-8")
    stamp = target / "installed.json"
    # The program moves to its packages: node looks for them beside it.
    for name in ("interop.mjs", "package.json", "package-lock.json"):
        shutil.copy(HERE / "nats.js" / name, target / name)
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != lock:
        fetched(command(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=target), library)
        stamp.write_text(lock, encoding="utf-8")
    return [node, target / "interop.mjs", library], {}


def nats_go():
    """nats.go, at the versions of go.mod and go.sum."""
    go = tool("go", "golang-go")
    found = re.search(r"go(\d+)\.(\d+)", command(go, "version").stdout)
    if (int(found[1]), int(found[2])) < (1, 23):
        raise Missing(f"needs Go 1.23 or newer, found {found[0]}")
    target = CACHE / "nats.go"
    target.mkdir(parents=True, exist_ok=True)
    env = {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -modcacherw -buildvcs=false",
           "GOMODCACHE": str(CACHE / "gomodcache"), "GOCACHE": str(CACHE / "gocache")}
    fetched(command(go, "mod", "download", cwd=HERE / "nats.go", env=env), "nats.go")
    built(command(go, "build", "-o", target / "interop", ".", cwd=HERE / "nats.go", env=env))
    return [target / "interop"], {}


def jnats():
    """jnats of Maven Central; the program is compiled here."""
    maven, java, javac = tool("mvn", "maven"), tool("java", "default-jre"), tool("javac", "default-jdk")
    target = CACHE / "jnats"
    jars = target / "lib"
    pom = (HERE / "jnats" / "pom.xml").read_text(encoding="utf-8")
    stamp = target / "installed.xml"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != pom:
        shutil.rmtree(target, ignore_errors=True)
        fetched(command(maven, "-q", "-B", "-f", HERE / "jnats" / "pom.xml",
                        f"-Dmaven.repo.local={CACHE / 'm2'}", "dependency:copy-dependencies",
                        f"-DoutputDirectory={jars}"), "jnats")
        stamp.write_text(pom, encoding="utf-8")
    built(command(javac, "-Xlint:all", "-Werror", "-cp", f"{jars}/*", "-d", target / "classes",
                  HERE / "jnats" / "Interop.java"))
    return [java, "-cp", f"{jars}/*:{target / 'classes'}", "Interop"], {}


def async_nats():
    """async-nats of crates.io, at the versions of Cargo.lock."""
    cargo = tool("cargo", "cargo")
    found = re.search(r"(\d+)\.(\d+)", command(cargo, "--version").stdout)
    if (int(found[1]), int(found[2])) < (1, 85):
        raise Missing(f"needs Rust 1.85 or newer, found {found[0]}")
    manifest = ["--locked", "--manifest-path", HERE / "async-nats" / "Cargo.toml"]
    env = {"CARGO_TARGET_DIR": str(CACHE / "async-nats")}
    fetched(command(cargo, "fetch", "--quiet", *manifest, env=env), "async-nats")
    built(command(cargo, "build", "--quiet", "--offline", *manifest, env=env, seconds=600))
    return [CACHE / "async-nats" / "debug" / "interop"], {}


CLIENTS = {
    "libnats": libnats,
    "nats-py": nats_py,
    "nats.js-2": functools.partial(nats_js, "nats"),
    "nats.js-3": functools.partial(nats_js, "@nats-io/transport-node"),
    "nats.go": nats_go,
    "jnats": jnats,
    "async-nats": async_nats,
}
# Debian 12's libnats is older than its option for it.
WITHOUT_TLS_FIRST = ("libnats",)
# Their programs have no --nkey.
WITHOUT_NKEY = ("jnats", "async-nats")
# How they take authentication errors, which no option changes: nats-py closes when it is told of one while
# connected, libnats at the second in a row. Their programs then open a new connection.
CLOSES_WHEN_TOLD = ("nats-py",)
CLOSES_AT_SECOND_REFUSAL = ("libnats",)
# Refused while it reconnects, it does not try again in time, at nats-server as little as here.
STALLS_WHEN_REFUSED = ("jnats",)


class RealClient:
    """One client program; run() gives its exit status and the lines it printed."""

    def __init__(self, name, words, env):
        self.name, self.words, self.env = name, words, env

    def run(self, url, **options):
        done = command(*self._command(url, options), env=self.env, seconds=60)
        return done.returncode, done.stdout.splitlines(), done.stderr

    @contextlib.contextmanager
    def stay(self, url, **options):
        """The program with --stay, as a Staying; killed when it has not ended by itself."""
        words = self._command(url, {**options, "stay": True})
        process = subprocess.Popen([str(w) for w in words], env={**os.environ, **self.env},
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        try:
            yield Staying(process)
        finally:
            process.kill()
            process.wait()

    def _command(self, url, options):
        args = []
        for key, value in options.items():
            name = "--" + key.replace("_", "-")
            args += [name] if value is True else [name, value]
        return [*self.words, url, *args]


class Staying:
    """A running client program, whose lines are asked for one by one, in order, none left out."""

    def __init__(self, process):
        self.process = process
        self.out, self.errors = Log(process.stdout), Log(process.stderr)
        self.taken = 0

    def expect(self, line):
        # A new process of node or java may take seconds on a busy machine.
        until(lambda: len(self.out.lines) > self.taken or self.out.ended, f"line {line!r}", seconds=30)
        assert self.out.lines[self.taken:self.taken + 1] == [line], self._story()
        self.taken += 1

    def expect_end(self):
        """It ends with status 0 and has said nothing more."""
        try:
            status = self.process.wait(Deadline(30).left())
        except subprocess.TimeoutExpired:
            raise AssertionError("the program did not end:\n" + self._story()) from None
        self.out.finish()
        assert (status, self.out.lines[self.taken:]) == (0, []), self._story()

    def _story(self):
        return f"{self.out.text()}\n{self.errors.text()}"


@functools.lru_cache(maxsize=None)
def _prepare(name):
    try:
        return RealClient(name, *CLIENTS[name]()), None
    except Missing as missing:
        return None, f"{name}: {missing}"


@pytest.fixture(params=list(CLIENTS))
def real_client(request):
    client, missing = _prepare(request.param)
    if missing:
        pytest.skip(missing)
    return client


@pytest.fixture
def need_tools():
    """Factory: need_tools("mkcert", ...) skips, by name, when a program is missing."""
    def need(*names):
        for name in names:
            if not shutil.which(name):
                pytest.skip(f"needs {name}")
    return need
