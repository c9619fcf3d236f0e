# SPDX-License-Identifier: Apache-2.0
"""The servers of a comparison: their certificates, their processes, what /proc says about them."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time

START_SECONDS = 20
PROFILED_START_SECONDS = 60  # valgrind is slow
READY = b"Server is ready"


class StartFailed(Exception):
    """A server did not come up."""


class Certificates:
    """A self-signed pair of each kind, trusted by the load program as its own authority."""

    KINDS = {"ecdsa": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["rsa:2048"]}

    def __init__(self, folder):
        self.folder = folder

    def pair(self, kind):
        cert, key = self.folder / f"{kind}.crt", self.folder / f"{kind}.key"
        if not cert.exists():
            subprocess.run(["openssl", "req", "-x509", "-newkey", *self.KINDS[kind], "-nodes",
                            "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost",
                            "-addext", "subjectAltName=DNS:localhost"],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return cert, key


def version_of(program):
    done = subprocess.run([program, "--version"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)
    words = done.stdout.decode(errors="replace").split()
    return words[-1].lstrip("v") if words else "unknown"


def is_midge(program):
    done = subprocess.run([program, "--version"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)
    return done.stdout.startswith(b"midge")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cores_of(program, cores):
    """(more arguments, environment) that let a server use so many cores; 0: as many as there are."""
    environment = dict(os.environ)
    if cores and is_midge(program):
        return ["--loops", str(cores)], environment
    if cores:
        environment["GOMAXPROCS"] = str(cores)
    return [], environment


def wait_ready(program, process, log, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        if READY in log.read_bytes():
            return
        time.sleep(0.005)
    raise StartFailed(f"{program}: the server did not start\n" + log.read_text(errors="replace"))


class Server:
    """One server process, from a fresh start to its end."""

    def __init__(self, program, pair=None, more="", cores=0):
        self._folder = tempfile.TemporaryDirectory(prefix="midge-compare-")
        folder = pathlib.Path(self._folder.name)
        self.port = free_port()
        self.log = folder / "server.log"
        text = f'listen: "127.0.0.1:{self.port}"\n{more}'
        if pair:
            # 10 s: a storm of handshakes on a small machine makes some of them wait.
            text += f'tls {{\n  cert_file: "{pair[0]}"\n  key_file: "{pair[1]}"\n  timeout: 10\n}}\n'
        (folder / "server.conf").write_text(text, encoding="utf-8")
        arguments, environment = cores_of(program, cores)
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([program, "-c", folder / "server.conf", *arguments],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=environment)
        try:
            self._wait_ready(program)
        except BaseException:
            self.stop()
            raise

    def _wait_ready(self, program):
        wait_ready(program, self.process, self.log, START_SECONDS)

    def status_bytes(self, field):
        """VmRSS, VmHWM (the most it ever was), ... of /proc."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            name, value = line.split(":", 1)
            if name == field:
                return int(value.split()[0]) * 1024
        raise KeyError(field)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._folder.cleanup()


@contextlib.contextmanager
def profiled(program, arguments, profile, options=()):
    """A server under valgrind's callgrind, which writes the profile as it ends."""
    log = profile.with_suffix(".log")
    with open(log, "wb") as out:
        process = subprocess.Popen(
            ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={profile}",
             "--compress-pos=no", "--compress-strings=no", *options, program, *arguments],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        wait_ready(program, process, log, PROFILED_START_SECONDS)
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def start_milliseconds(program, times=5):
    """From the start of the process to its line that it is ready; one value for each of some starts."""
    values = []
    for _ in range(times):
        began = time.monotonic()
        process = subprocess.Popen([program, "-a", "127.0.0.1", "-p", str(free_port())],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE)
        try:
            if not any(READY in line for line in process.stderr):
                raise StartFailed(f"{program}: the server did not start")
            values.append((time.monotonic() - began) * 1e3)
        finally:
            process.send_signal(signal.SIGINT)
            process.stderr.close()
            process.wait(10)
    return values


def stripped_bytes(program):
    with tempfile.TemporaryDirectory(prefix="midge-compare-") as folder:
        copy = pathlib.Path(folder, "stripped")
        subprocess.run(["strip", "-o", copy, os.path.realpath(program)], check=True)
        return copy.stat().st_size


class Bystander:
    """A connection that asks for everything on a subject and then reads nothing."""

    def __init__(self, port, subject):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(("127.0.0.1", port))
        self.socket.sendall(f"CONNECT {{\"verbose\":false}}\r\nSUB {subject} 1\r\nPING\r\n".encode())
        text = b""
        while b"PONG" not in text:
            text += self.socket.recv(4096)

    def close(self):
        self.socket.close()
