# SPDX-License-Identifier: Apache-2.0
"""What is said about a configuration that is wrong. `-t` is used, since it starts nothing."""

import pytest

from support.dialect import dialect, program_name
from support.server import run


def check(directory, text, name="f.conf"):
    """Status and stderr of -t without the program's name."""
    (directory / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    status, out, err = run("-t", "-c", name, cwd=directory)
    assert out == ""
    assert err.startswith(program_name() + ": "), err
    return status, err[len(program_name()) + 2:]


def skip_unsupported(err):
    if "not supported yet" in err:
        pytest.skip(err.strip())


# 1.9: the lexer and the parser stop at the first error; no file, no column.
@pytest.mark.parametrize("text, message", [
    ("a: \n1", "Parse error on line 2: 'Expected value but found new line'"),
    ('a = "x', "Parse error on line 1: 'Unexpected EOF.'"),
    ("a = (\n", "Parse error on line 2: 'Unexpected EOF processing block.'"),
    ("x = .5", "Parse error on line 1: 'Floats must start with a digit'"),
    ("x = 10-foo", "Parse error on line 1: 'All ISO8601 dates must be in full Zulu form.'"),
    ("x = 1.a", "Parse error on line 1: 'Floats must have a digit after the '.', but got 'a' instead.'"),
    ("x = -a", "Parse error on line 1: 'Expected a digit but got 'a'.'"),
    ("= 1", "Parse error on line 1: 'Unexpected key separator '=''"),
    ("/a=1", "Parse error on line 1: 'Unexpected EOF.'"),
    ('a = "\\q"', "Parse error on line 1: 'Invalid escape character 'q'. Only the following escape "
                  "characters are allowed: \\xXX, \\t, \\n, \\r, \\\", \\\\.'"),
    ('a = "\\xZZ"', "Parse error on line 1: 'Expected two hexadecimal digits after '\\x', but got "
                    "'ZZ''"),
    ("a = b c", "Parse error on line 1: 'Expected a top-level value to end with a new line, comment "
                "or EOF, but got 'c' instead.'"),
    ("\n\na {b: 1 c: 2}", "Parse error on line 3: 'Expected a map value terminator \",\" or a map "
                          "terminator \"}\", but got 'c' instead.'"),
    ("a = [1 , 2 ; 3]", "Parse error on line 1: 'Expected an array value terminator \",\" or an array "
                        "terminator \"]\", but got ';' instead.'"),
    ("a = {b: 1", "Parse error on line 1: 'Expected a map value terminator \",\" or a map terminator "
                  "\"}\", but got '" + dialect(reference="\0", midge="EOF") + "' instead.'"),
    ("x = 99999999999999999999", "integer '99999999999999999999' is out of the range"),
    ("a = $nope", "variable reference for 'nope' on line 1 can not be found"),
    ("port", "config is invalid (f.conf:1:4)"),
    ("a,b", "config is invalid (f.conf:1:3)"),
    ("a" * 41, "config is invalid (f.conf:1:41)"),
    ('include "nope.conf"', "error parsing include file 'nope.conf', open nope.conf: no such file or "
                            "directory"),
])
def test_syntax(tmp_path, text, message):
    assert check(tmp_path, text) == (1, message + "\n")


# 1.9: option errors carry file, line and column, are collected, and end with an empty line.
@pytest.mark.parametrize("text, message", [
    ("foo: 1", 'f.conf:1:0: unknown field "foo"'),
    ("\n  foo: 1\n\n\tbar: 2\n", 'f.conf:2:3: unknown field "foo"\nf.conf:4:2: unknown field "bar"'),
    ('listen: "x:y"', 'f.conf:1:0: could not parse port "y"'),
    ('listen: "x"', 'f.conf:1:0: could not parse address string "x"'),
    ('http: "a:b"', 'f.conf:1:0: could not parse port "b"'),
    ('ping_interval: "x"', 'f.conf:1:0: error parsing ping_interval: time: invalid duration "x"'),
    ('ping_interval: "5"',
     'f.conf:1:0: error parsing ping_interval: time: missing unit in duration "5"'),
    ('write_deadline: "5 s"',
     'f.conf:1:0: error parsing write_deadline: time: unknown unit " s" in duration "5 s"'),
    ('ping_interval: "5\\n\\"\\\\"', 'f.conf:1:0: error parsing ping_interval: time: unknown unit '
     '"\\x0a\\"\\\\" in duration "5\\x0a\\"\\\\"'),
    ('ping_interval: "5\u00b5"', 'f.conf:1:0: error parsing ping_interval: time: unknown unit '
     '"\\xc2\\xb5" in duration "5\\xc2\\xb5"'),
    ('lame_duck_duration: "5s"',
     "f.conf:1:0: invalid lame_duck_duration of 5s, minimum is 30 seconds"),
    ('lame_duck_duration: "abc"',
     'f.conf:1:0: error parsing lame_duck_duration: time: invalid duration "abc"'),
    ('lame_duck_grace_period: "-1s"',
     "f.conf:1:0: invalid lame_duck_grace_period, needs to be positive"),
    ('write_timeout: "x"',
     "f.conf:1:0: write_timeout must be 'default', 'close' or 'retry'"),
    ("max_sub_tokens: 256", "f.conf:1:0: max_sub_tokens value is too big"),
    ("max_subscription_tokens: -1",
     "f.conf:1:0: max_subscription_tokens value can not be negative"),
    ("max_control_line: 99999999999", "f.conf:1:0: max_control_line value is too big"),
    ("max_payload: 99999999999", "f.conf:1:0: max_payload value is too big"),
    ('server_name: "a b"', "f.conf:1:0: server name cannot contain spaces"),
    ("server_tags: 5", "f.conf:1:0: error parsing tags: unsupported type int64"),
    ("server_metadata: 1", "f.conf:1:0: error parsing metadata: unsupported type int64"),
    ("system_account: 5", "f.conf:1:0: system account name must be a string"),
    ("tls { foo: 1 }", 'f.conf:1:6: error parsing tls config, unknown field "foo"'),
    ('tls { cert_file: "/nope" }', "f.conf:1:0: missing 'key_file' in TLS configuration"),
    ("tls { cert_file: 5 }", "f.conf:1:6: error parsing tls config, expected 'cert_file' to be filename"),
    ('tls { min_version: "1.9" }', "f.conf:1:6: error parsing tls config: unknown version: 1.9"),
    ("tls { cipher_suites: [] }",
     "f.conf:1:6: error parsing tls config, 'cipher_suites' cannot be empty"),
    ('tls { cipher_suites: ["X"] }', "f.conf:1:23: unrecognized cipher X"),
    ('tls { curve_preferences: ["X"] }', "f.conf:1:27: unrecognized curve preference X"),
    ('tls { handshake_first: "x" }',
     'f.conf:1:6: field "handshake_first"\'s value "x" is invalid'),
    ("tls { handshake_first: 5 }",
     'f.conf:1:6: field "handshake_first" should be a boolean or a string, got int64'),
    ("authorization { foo: 1 }", 'f.conf:1:16: unknown field "foo"'),
    ("authorization { user: a, password: b, token: c }",
     "f.conf:1:0: Cannot have a user/pass and token"),
    ("authorization { user: a, password: b, users: [ {user: x, password: y} ] }",
     "f.conf:1:0: Can not have a single user/pass and a users array"),
    ("accounts { A: 5 }", "f.conf:1:11: Expected map entries for accounts"),
    ("accounts { $G {} }", 'f.conf:1:11: "$G" is a Reserved Account'),
    ("cluster { foo: 1 }", 'f.conf:1:10: unknown field "foo"'),
    ("jetstream: foo",
     "f.conf:1:0: Expected 'enabled' or 'disabled' for string value, got 'foo'"),
])
def test_options(tmp_path, text, message):
    status, err = check(tmp_path, text)
    skip_unsupported(err)
    assert status == 1 and err.endswith("\n\n")
    assert sorted(err.splitlines()) == sorted(message.splitlines() + [""])


# A wrong type: the position is the same, the sentence is midge's own.
@pytest.mark.parametrize("text, position, went", [
    ('port: "x"', "1:0", "string, not int64"),
    ('\n"port": "a"', "2:2", "string, not int64"),
    ("max_connections: 1.5", "1:0", "float64, not int64"),
    ("debug: 1", "1:0", "int64, not bool"),
    ('debug: "true"', "1:0", "string, not bool"),
    ("lame_duck_duration: 5", "1:0", "int64, not string"),
    ("log_file: 5", "1:0", "int64, not string"),
    ("pid_file: true", "1:0", "bool, not string"),
    ('max_traced_msg_len: "5"', "1:0", "string, not int64"),
    ("ping_max: yes", "1:0", "bool, not int64"),
    ("tls: 5", "1:0", "int64, not map[string]interface {}"),
])
def test_wrong_type(tmp_path, text, position, went):
    status, err = check(tmp_path, text)
    assert status == 1
    if dialect(reference=True, midge=False):
        assert err == f"f.conf:{position}: interface conversion: interface {{}} is {went}\n\n"
    else:
        assert err.startswith(f"f.conf:{position}: ") and err.endswith("\n\n")
        assert "interface" not in err and "int64" not in err, err


# All of them are told, not only the first.
def test_errors_are_collected(tmp_path):
    status, err = check(tmp_path, "foo: 1\nmax_sub_tokens: 256\nbar: 2\n")
    assert status == 1 and err.endswith("\n\n")
    assert sorted(err.split("\n")[:-2]) == [
        'f.conf:1:0: unknown field "foo"', "f.conf:2:1: max_sub_tokens value is too big",
        'f.conf:3:1: unknown field "bar"']


# A warning fails -t, and only -t.
@pytest.mark.parametrize("text, message", [
    ("", "f.conf: config has no values or is empty"),
    ("# nothing\n", "f.conf: config has no values or is empty"),
    ("ping_interval: 5", 'f.conf:1:0: invalid use of field "ping_interval": ping_interval should be '
                         "converted to a duration"),
    ("write_deadline: 3", 'f.conf:1:0: invalid use of field "write_deadline": write_deadline should '
                          "be converted to a duration"),
])
def test_warnings(tmp_path, text, message):
    assert check(tmp_path, text) == (1, message + "\n\n")


def test_warning_does_not_stop_a_start(start):
    server = start("ping_interval: 5")
    assert server.log.lines[0].endswith('server.conf:3:1: invalid use of field "ping_interval": '
                                        "ping_interval should be converted to a duration")
    assert server.monitor.varz()["ping_interval"] == 5_000_000_000


# What is accepted.
@pytest.mark.parametrize("text", [
    "port: -1", "port -1", "port=-1", "{port: -1}", '{"port": -1}', "port\n-1", "'port' = -1;",
    "PORT: -1", "listen: 127.0.0.1:-1", "listen: -1", "net: 127.0.0.1", "port: 4222 # c", "// c\nport: 1",
    "p: -1\nport: $p", "max_payload: 1kb", "max_payload: 1MB, max_pending: 64Mb",
    "debug: yes, trace: off", 'ping_interval: "1m30s"', "ping_interval: 30s", "ping_interval: 1m30s",
    'write_timeout: "retry"', "max_traced_msg_len: 10", 'server_tags: ["a", "b"]', 'server_tags: a',
    'server_metadata: {a: b}', "port: 1}", "logtime: false", "max_conn: 5", "max_subs: 5",
    'lame_duck_duration: "30s"', "no_header_support: true", "disable_sublist_cache: true",
    'http_base_path: "/x"', "max_closed_clients: 5", "connect_error_reports: 1",
])
def test_accepted(tmp_path, text):
    status, err = check(tmp_path, text)
    assert status == 0 and err.startswith("configuration file f.conf is valid (sha256:"), err


# The reference chokes on integers before a bracket; midge does not.
def test_integer_array(tmp_path):
    status, err = check(tmp_path, "a = [1,2]\nport: -1\nx = $a\ny = $x\n")
    if dialect(reference=True, midge=False):
        assert status == 1 and err.startswith("Parse error on line ")
    else:
        assert "Parse error" not in err


# A value that was forgotten is not the empty one: nobody wants a login without a password by accident. The
# reference gets there by taking the key for an option.
@pytest.mark.parametrize("text, position, key", [
    ("authorization { user: a, password: }", "1:25", "password"),
    ("authorization { user: a, password }", "1:25", "password"),
    ("authorization { user: a\n  password:\n}", "2:3", "password"),
    ("authorization { token: }", "1:16", "token"),
    ("tls { cert_file }", "1:6", "cert_file"),
    ("tls { verify: }", "1:6", "verify"),
    ("server_metadata { a: }", "1:18", "a"),
])
def test_no_value(tmp_path, text, position, key):
    status, err = check(tmp_path, text)
    assert status == 1
    assert err == dialect(reference=f'f.conf:{position}: unknown field "{key}"\n\n',
                          midge=f'config is invalid (f.conf:{position}): "{key}" has no value\n')


def test_include(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.conf").write_text('include "c.conf"\nmax_payload: 77\n')
    (tmp_path / "sub" / "c.conf").write_text("foo: 1\n")
    status, err = check(tmp_path, "port: -1\ninclude 'sub/b.conf'\n")
    assert (status, err) == (1, 'sub/c.conf:1:0: unknown field "foo"\n\n')
    (tmp_path / "sub" / "c.conf").write_text("max_conn: 3\n")
    assert check(tmp_path, "port: -1\ninclude 'sub/b.conf'\n")[0] == 0


def test_environment(tmp_path):
    (tmp_path / "f.conf").write_text("port: $MIDGE_TEST_PORT\n")
    assert run("-t", "-c", "f.conf", cwd=tmp_path, env={"MIDGE_TEST_PORT": "4333"})[0] == 0
    status, _, err = run("-t", "-c", "f.conf", cwd=tmp_path)
    assert status == 1
    assert "variable reference for 'MIDGE_TEST_PORT' on line 1 can not be found" in err


# 2.14: checks that -t does not make, in the order of a start.
@pytest.mark.parametrize("text, message", [
    ("max_payload: 100, max_pending: 10",
     "max_payload (100) cannot be higher than max_pending (10)"),
    ('lame_duck_duration: "30s", lame_duck_grace_period: "30s"',
     "lame duck grace period (30s) should be strictly lower than lame duck duration (30s)"),
    ('no_auth_user: "x"', 'no_auth_user: "x" present, but users/nkeys are not defined'),
])
def test_at_start_only(start, tmp_path, text, message):
    status, err = check(tmp_path, text)
    skip_unsupported(err)
    assert status == 0, err
    server = start(text, ready=False)
    server.expected_status = 1
    assert server.wait_exit() == 1
    assert server.log.text() == f"{program_name()}: {message}"


# Files that cannot be parsed never crash the program.
@pytest.mark.parametrize("data", [
    b"\x00", b"\xff\xfe\xfd", b"{" * 10000, b"[" * 10000, b"a = " + b"[" * 10000, b"a {" * 10000,
    b"}" * 1000, b"a = (" + b"x" * 100000, b"\xef\xbb\xbfport: 1", b"include include include",
    b"include 'f.conf'", b"a = $a", b"a = \"\\x", b"'" * 999, b"a" * 100000 + b" = 1",
    b"port = " + b"9" * 10000, b"a = -" + b"1" * 5000, b"$\n" * 100,
])
def test_garbage(tmp_path, data):
    if data == b"include 'f.conf'" and dialect(reference=True, midge=False):
        pytest.skip("the reference includes itself without end")
    (tmp_path / "f.conf").write_bytes(data)
    status, _, err = run("-t", "-c", "f.conf", cwd=tmp_path)
    assert status in (0, 1) and err.startswith(program_name() + ": "), (status, err[:200])
