# SPDX-License-Identifier: Apache-2.0
"""A server process under test: started on free ports, watched through its log, ended by its pid."""

import os
import pathlib
import re
import signal
import subprocess
import threading

from support.client import Client
from support.deadline import Deadline, until
from support.dialect import program
from support.monitor import Monitor

PREFIX = re.compile(r"^\[(\d+)\] (?:(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{6}) )?"
                    r"\[(INF|DBG|WRN|ERR|FTL|TRC)\] (.*)$")
SANITIZER = re.compile(r"ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|"
                       r"\.[ch]:\d+:\d+: runtime error:|MemorySanitizer")
LISTEN = r"Listening for client connections on (.*):(\d+)$"
MONITOR = r"Starting (https?) monitor on (.*):(\d+)$"


class Log:
    """Lines of a stream, collected by a thread, so that a test can wait for one to appear."""

    def __init__(self, stream):
        self.lines = []
        self.ended = False
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self._collect, args=(stream,), daemon=True)
        self.thread.start()

    def _collect(self, stream):
        for raw in stream:
            with self.changed:
                self.lines.append(raw.decode(errors="surrogateescape").rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()
        stream.close()

    def wait(self, pattern, count=1, seconds=None):
        """Wait until `count` lines match; return the match of the last of them."""
        deadline = Deadline(seconds)
        with self.changed:
            while True:
                found = [m for m in (re.search(pattern, line) for line in self.lines) if m]
                if len(found) >= count:
                    return found[count - 1]
                if self.ended or deadline.passed():
                    raise AssertionError(f"no line matches {pattern!r} in the log:\n" +
                                         "\n".join(self.lines))
                self.changed.wait(deadline.left())

    def text(self):
        with self.changed:
            return "\n".join(self.lines)

    def finish(self):
        self.thread.join(10)


class Server:
    """One process. `texts()` gives its log as (level, text) pairs without pid and time."""

    def __init__(self, directory, config=None, args=(), env=None, binary=None, ready=True):
        self.directory = directory
        self.config_path = None
        command = [binary or program()]
        if config is not None:
            self.config_path = str(directory / "server.conf")
            self.rewrite(config)
            command += ["-c", self.config_path]
        command += [str(arg) for arg in args]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, cwd=str(directory),
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env={**os.environ, **(env or {})})
        self.pid = self.process.pid
        self.out = Log(self.process.stdout)
        self.log = Log(self.process.stderr)
        self.host = self.port = None
        self.expected_status = 0
        self._monitor = None
        if ready:
            self.wait_ready()

    def rewrite(self, config):
        """Replace the configuration file (for a reload)."""
        with open(self.config_path, "w", encoding="utf-8") as file:
            file.write(config)

    def wait_ready(self):
        match = self.log.wait(LISTEN)
        host = match.group(1)
        self.host = "127.0.0.1" if host in ("0.0.0.0", "[::]", "localhost") else host.strip("[]")
        self.port = int(match.group(2))
        self.log.wait(r"Server is ready")

    @property
    def monitor(self):
        """Client of the monitoring port, found in the log at the first use."""
        if self._monitor is None:
            match = self.log.wait(MONITOR)
            host = "127.0.0.1" if match.group(2) == "0.0.0.0" else match.group(2).strip("[]")
            self._monitor = Monitor(host, int(match.group(3)), match.group(1))
        return self._monitor

    def client(self, **options):
        """A wire client that has read the INFO; see support/client.py for the options."""
        return Client(self.host, self.port, **options)

    def connect(self, tls=None, tls_first=False, **connect):
        """A wire client past CONNECT, PING, PONG."""
        client = self.client(tls=tls, tls_first=tls_first)
        client.connect(**connect)
        return client

    def entries(self):
        """(level, text) of each log line; a line that is not in log format has level None."""
        pairs = []
        with self.log.changed:
            lines = list(self.log.lines)
        for line in lines:
            match = PREFIX.match(line)
            pairs.append((match.group(3), match.group(4)) if match else (None, line))
        return pairs

    def texts(self):
        return [text for _, text in self.entries()]

    def wait_log(self, pattern, count=1, seconds=None):
        return self.log.wait(pattern, count, seconds)

    def signal(self, number):
        """Send a signal, once the main thread, which takes it, waits for events: ThreadSanitizer's runtime
        now and then loses one that comes while a thread is on its way into the wait."""
        stat = pathlib.Path(f"/proc/{self.pid}/stat")
        if stat.exists():
            until(lambda: stat.read_text().rpartition(") ")[2][0] in "SZ", "the main thread waits")
        os.kill(self.pid, number)

    def wait_exit(self, seconds=None):
        """Wait for the end of the process and return its status (negative: the signal)."""
        try:
            status = self.process.wait(Deadline(seconds).left())
        except subprocess.TimeoutExpired:
            raise AssertionError("the server did not end in time:\n" + self.log.text()) from None
        self.log.finish()
        self.out.finish()
        return status

    def stop(self):
        """End the process if it still runs; its status and its last words must be clean."""
        if self.process.poll() is None:
            self.signal(signal.SIGINT)
        try:
            status = self.wait_exit()
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
        output = self.log.text() + self.out.text()
        assert not SANITIZER.search(output), output
        assert status == self.expected_status, f"exit status {status}:\n{output}"


def run(*args, binary=None, env=None, cwd=None, seconds=30):
    """Run the program to its end; returns (status, stdout, stderr) as text."""
    done = subprocess.run([binary or program(), *[str(arg) for arg in args]], check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=cwd,
                          stderr=subprocess.PIPE, timeout=Deadline(seconds).left(),
                          env={**os.environ, **(env or {})})
    out, err = (part.decode(errors="surrogateescape") for part in (done.stdout, done.stderr))
    assert not SANITIZER.search(out + err), err
    return done.returncode, out, err
