# SPDX-License-Identifier: Apache-2.0
"""The command line: help, version, checks, bad usage; texts and exit statuses."""

import os
import re
import shutil
import signal

import pytest

from support.dialect import dialect, own_version, program, program_name
from support.server import run

VERSION = f"nats-server: v{own_version()}\n"


@pytest.mark.parametrize("args", [["-v"], ["--version"], ["-version"], ["version"], ["VERSION"],
                                  ["-p", "-1", "--version"]])
def test_version(args):
    status, out, err = run(*args)
    assert status == 0 and err == ""
    if dialect(reference=True, midge=False):
        assert out == VERSION
    else:
        assert own_version() in out and out.startswith("midge") and out.endswith("\n")


@pytest.mark.parametrize("args", [["-h"], ["--help"], ["help"], ["Help"]])
def test_help(args):
    status, out, err = run(*args)
    assert status == 0 and err == ""
    assert out.startswith(f"\nUsage: {program_name()} [options]\n")
    for section in ("Server", "Logging", "TLS", "Common"):
        assert f"\n{section} Options:\n" in out
    assert re.search(r"\n    -p, --port <port>                \S.*\b4222\b", out)
    for flag in ("--addr", "--port", "--pid", "--http_port", "--https_port", "--config", "-t ",
                 "--signal", "--client_advertise", "--ports_file_dir", "--log ", "--logtime",
                 "--debug", "--trace", "-VV", "-DV", "-DVV", "--log_size_limit", "--tls ", "--tlscert", "--tlskey", "--tlsverify", "--tlscacert",
                 "--help", "--version", "--help_tls"):
        assert flag in out, flag


@pytest.mark.midge_only
def test_help_names_the_other_commands():
    _, out, _ = run("--help")
    assert re.search(r"\nCommands:\n    cert dev <dir>  .*\n    bench <mode>  .*\n\n$", out)


def test_help_tls():
    status, out, err = run("--help_tls")
    assert status == 0 and err == ""
    for word in ("cert_file", "key_file", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "X25519"):
        assert word in out


def test_help_tls_ends_with_ocsp():
    """The two maps, each key on a line of its own, behind the curves."""
    _, out, _ = run("--help_tls")
    tail = out[out.index("Available curve preferences include:"):]
    for key in ("ocsp_peer: true", "ocsp_peer {", "ca_timeout: 2", "allowed_clockskew: 30", "warn_only: false",
                "unknown_is_good: false", "allow_when_ca_unreachable: false", "ocsp_cache: true",
                "ocsp_cache {", "type: local", "preserve_revoked: false", "save_interval: 300"):
        assert re.search(rf"^ +{re.escape(key)}", tail, re.MULTILINE), key
    assert tail.index("ocsp_peer {") < tail.index("ocsp_cache {")


# Bad usage prints the usage and ends with status 0.
@pytest.mark.parametrize("args, text", [
    (["-zz"], "flag provided but not defined: -zz"),
    (["--zz=1"], "flag provided but not defined: -zz"),
    (["-p"], "flag needs an argument: -p"),
    (["--port"], "flag needs an argument: -port"),
    (["-p", "abc"], 'invalid value "abc" for flag -p: parse error'),
    (["--port=1x"], 'invalid value "1x" for flag -port: parse error'),
    (["-p", "99999999999999999999999"],
     'invalid value "99999999999999999999999" for flag -p: value out of range'),
    (["-D=x"], 'invalid boolean value "x" for -D: parse error'),
    (["---x"], "bad flag syntax: ---x"),
    (["-=x"], "bad flag syntax: -=x"),
])
def test_bad_flags(args, text):
    status, out, err = run(*args)
    assert status == 0
    assert err == text + "\n"
    assert out.startswith(f"\nUsage: {program_name()} [options]\n")


@pytest.mark.parametrize("args, text", [
    (["foo"], 'unrecognized command: "foo"'),
    (["-p", "-1", "--", "foo"], 'unrecognized command: "foo"'),
    (["-D", "false"], 'unrecognized command: "false"'),
    (["-t"], "must specify [-c, --config] option to check configuration file syntax"),
    (["-c", "/nonexistent/x.conf"], "open /nonexistent/x.conf: no such file or directory"),
    (["-t", "-c", "/nonexistent/x.conf"], "open /nonexistent/x.conf: no such file or directory"),
    (["--tls"], "TLS Server certificate must be present and valid"),
    (["--tlsverify"], "TLS Server certificate must be present and valid"),
    (["--tls", "--tlscert", "/nonexistent"], "TLS Server private key must be present and valid"),
    (["-signal", "reload=abc"], "invalid pid: abc"),
    (["-sl", "bogus=1"], 'unknown signal "bogus"'),
    (["--signal", "reload=999999999"], '\nsignal "reload" 999999999: no such process'),
])
def test_errors(args, text):
    status, out, err = run(*args)
    assert (status, out, err) == (1, "", f"{program_name()}: {text}\n")


# midge's messages carry the name it was called by.
@pytest.mark.midge_only
@pytest.mark.parametrize("name", ["nats-server", "other"])
def test_name_is_argv0(tmp_path, name):
    link = tmp_path / name
    link.symlink_to(os.path.realpath(program()))
    status, _, err = run("foo", binary=str(link))
    assert (status, err) == (1, f'{name}: unrecognized command: "foo"\n')
    assert run("-h", binary=str(link))[1].startswith(f"\nUsage: {name} [options]\n")


# -t
def test_check_good_configuration(tmp_path):
    (tmp_path / "a.conf").write_text("port: -1\n")
    status, out, err = run("-t", "-c", "a.conf", cwd=tmp_path)
    digest = "7ea4cc5c6864139d814ce940a40ee6546b7ac5285eec3c390a4ce11e34dc1102"
    assert (status, out) == (0, "")
    assert err == f"{program_name()}: configuration file a.conf is valid (sha256:{digest})\n"


@pytest.mark.parametrize("text, digest", [
    ("port: -1, max_connections: 10",
     "508a26309068f62c3022aa8951e712ed8ff5dd6f2360f727ad8242a2a233176e"),
    ("max_connections = 10 # comment\n\n'port' -1",
     "508a26309068f62c3022aa8951e712ed8ff5dd6f2360f727ad8242a2a233176e"),
    ("{port: -1}", "7ea4cc5c6864139d814ce940a40ee6546b7ac5285eec3c390a4ce11e34dc1102"),
])
def test_digest(tmp_path, text, digest):
    (tmp_path / "a.conf").write_text(text)
    status, _, err = run("--config", "a.conf", "-t", cwd=tmp_path)
    assert status == 0 and f"(sha256:{digest})" in err


# Flags win over the file.
def test_flags_win(start):
    server = start('listen: "127.0.0.1:1", http: "127.0.0.1:-1", server_name: a, debug: true',
                   base=False, args=["-p", "-1", "-n", "b", "--debug=false"])
    client = server.connect()
    assert client.info["server_name"] == "b"
    assert "[DBG]" not in server.log.text()


@pytest.mark.parametrize("args", [
    ["-a", "127.0.0.1", "-p", "-1"], ["--addr=127.0.0.1", "--port=-1"],
    ["--net", "127.0.0.1", "-port=-1"], ["-p", "5", "-addr", "127.0.0.1", "-p", "-1"],
    ["-a", "127.0.0.1", "-p=-0x1"], ["-a", "127.0.0.1", "-p", "-0b1"],
])
def test_listen_flags(start, args):
    server = start(None, args=args)
    assert server.host == "127.0.0.1"
    server.connect().barrier()


@pytest.mark.parametrize("flag, levels", [
    ("-D", {"INF", "DBG"}), ("-V", {"INF", "TRC"}), ("-DV", {"INF", "DBG", "TRC"}),
    ("-D=1", {"INF", "DBG"}), ("--debug=true", {"INF", "DBG"}), ("--trace", {"INF", "TRC"}),
    ("-D=F", {"INF"}),
])
def test_verbosity_flags(start, flag, levels):
    server = start(None, args=["-a", "127.0.0.1", "-p", "-1", flag])
    server.connect().barrier()
    server.stop()
    assert {level for level, _ in server.entries()} == levels


def test_logtime_flag(start):
    server = start(None, args=["-a", "127.0.0.1", "-p", "-1", "-T=false"])
    assert all(line.startswith(f"[{server.pid}] [INF] ") for line in server.log.lines)


def test_files_by_flag(start, tmp_path):
    server = start(None, args=["-a", "127.0.0.1", "-p", "-1", "-P", tmp_path / "x.pid",
                               "-l", tmp_path / "x.log"], ready=False)
    from support.deadline import until
    until(lambda: (tmp_path / "x.log").exists() and
          "Server is ready" in (tmp_path / "x.log").read_text(), "the log is written")
    assert (tmp_path / "x.pid").read_text() == str(server.pid)


def test_monitoring_by_flag(start):
    server = start(None, args=["-a", "127.0.0.1", "-p", "-1", "-m", "-1"])
    assert server.monitor.varz()["port"] == server.port


@pytest.mark.parametrize("args", [["--user", "me", "--pass", "secret"], ["--auth", "token"]])
def test_login_by_flag(start, args):
    server = start(None, args=["-a", "127.0.0.1", "-p", "-1", *args])
    client = server.client()
    assert client.info["auth_required"] is True
    client.send("PING\r\n")
    client.expect_fatal("Authorization Violation")


def test_tls_by_flags(start, certs):
    from support.client import tls_context
    server = start(None, args=["-a", "127.0.0.1", "-p", "-1", "--tls", "--tlscert",
                               certs.cert("server"), "--tlskey", certs.key("server")])
    server.connect(tls=tls_context(certs.cert("ca"))).barrier()
    server = start(None, args=["-a", "127.0.0.1", "-p", "-1", "--tlsverify",
                               "--tlscert", certs.cert("server"), "--tlskey", certs.key("server"),
                               "--tlscacert", certs.cert("ca")])
    client = server.client()
    assert client.info["tls_required"] is True and client.info["tls_verify"] is True


# --signal
@pytest.mark.parametrize("command, name", [
    ("reload", "hangup"), ("reopen", "user defined signal 1"), ("quit", "interrupt"),
    ("term", "terminated"), ("ldm", "user defined signal 2"),
])
@pytest.mark.parametrize("by", ["pid", "file"])
def test_signal(start, tmp_path, command, name, by):
    server = start(f'pid_file: "{tmp_path}/x.pid"')
    target = server.pid if by == "pid" else tmp_path / "x.pid"
    assert run("--signal", f"{command}={target}") == (0, "", "")
    server.wait_log(rf'\[INF\] Trapped "{name}" signal$')
    if command in ("quit", "term", "ldm"):
        assert server.wait_exit() == 0


def test_signal_stop(start):
    server = start()
    server.expected_status = -signal.SIGKILL
    assert run("--signal", f"stop={server.pid}") == (0, "", "")
    assert server.wait_exit() == -signal.SIGKILL


# A file with more than the number in it is no pid.
def test_signal_pid_file_with_newline(tmp_path):
    (tmp_path / "x.pid").write_text("1\n")
    status, _, err = run("--signal", f"reload={tmp_path}/x.pid")
    assert status == 1 and "invalid pid: " in err


class TestSignalByName:
    """Without a pid the servers of the program's name are meant: here a copy with a name of its own."""

    pytestmark = pytest.mark.midge_only

    @pytest.fixture
    def own(self, tmp_path):
        """A program that no other process on this machine is called like; at most 15 bytes count."""
        path = tmp_path / f"midge-{os.getpid() % 1000000}"
        shutil.copy(program(), path)
        return str(path)

    def signal(self, own, text):
        return run("--signal", text, binary=own)

    # TestProcessSignalNoProcesses
    @pytest.mark.parametrize("pid", ["", "=", "=*", "=12*"])
    def test_nobody(self, own, pid):
        name = os.path.basename(own)
        assert self.signal(own, "reload" + pid) == (1, "", f"{name}: no {name} processes running\n")

    # TestProcessSignalResolveSingleProcess
    @pytest.mark.parametrize("pid", ["", "=", "=*"])
    def test_one(self, start, own, pid):
        server = start(binary=own)
        assert self.signal(own, "reload" + pid) == (0, "", "")
        server.wait_log(r'Trapped "hangup" signal$')

    # TestProcessSignalMultipleProcesses
    def test_several(self, start, own):
        servers = [start(binary=own) for _ in range(2)]
        name = os.path.basename(own)
        status, out, err = self.signal(own, "reload")
        assert (status, out) == (1, "")
        lines = err.splitlines()
        assert lines[0] == f"{name}: multiple {name} processes running:"
        assert sorted(int(line) for line in lines[1:]) == sorted(server.pid for server in servers)
        assert not any("Trapped" in server.log.text() for server in servers)

    # TestProcessSignalMultipleProcessesGlob
    def test_all_of_them(self, start, own):
        servers = [start(binary=own) for _ in range(3)]
        assert self.signal(own, "reload=*") == (0, "", "")
        for server in servers:
            server.wait_log(r'Trapped "hangup" signal$')

    # TestProcessSignalMultipleProcessesGlobPartial
    def test_those_that_begin_so(self, start, own):
        servers = [start(binary=own) for _ in range(3)]
        prefix = str(servers[0].pid)[:-1]
        assert self.signal(own, f"reopen={prefix}*") == (0, "", "")
        for server in servers:
            if str(server.pid).startswith(prefix):
                server.wait_log(r'Trapped "user defined signal 1" signal$')
        assert self.signal(own, f"reload={servers[2].pid}") == (0, "", "")
        servers[2].wait_log(r'Trapped "hangup" signal$')
        for server in servers:
            if not str(server.pid).startswith(prefix):
                assert "user defined signal 1" not in server.log.text()

    # TestProcessSignalInvalidCommand, TestProcessSignalInvalidPid
    @pytest.mark.parametrize("text, error", [
        ("reload=abc", "invalid pid: abc"), ("reload=1x*", "invalid pid: 1x"),
        ("reload=1=2", "invalid signal parameters: [2]"),
        ("reload=0", "invalid pid: 0"), ("nonsense=1", 'unknown signal "nonsense"'),
        ("reload=99999999", '\nsignal "reload" 99999999: no such process'),
    ])
    def test_errors(self, own, text, error):
        assert self.signal(own, text) == (1, "", f"{os.path.basename(own)}: {error}\n")
