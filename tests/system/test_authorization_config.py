# SPDX-License-Identifier: Apache-2.0
"""The authorization map: what is accepted, and every complaint with its place."""

import re
import subprocess

import pytest

from support.dialect import REPOSITORY, dialect, program, program_name

NKEY = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"


def check(tmp_path, text):
    """-t on a file with this text: status and standard error, without the program's name."""
    (tmp_path / "f.conf").write_text(text.replace("%N", NKEY) + "\n")
    done = subprocess.run([program(), "-t", "-c", "f.conf"], cwd=tmp_path, stderr=subprocess.PIPE,
                          check=False, timeout=60)
    err = done.stderr.decode()
    assert err.startswith(program_name() + ": "), err
    return done.returncode, err[len(program_name()) + 2:].rstrip("\n")


@pytest.mark.parametrize("text, message", [
    ("authorization { timeout: x }",
     'f.conf:1:16: error parsing authorization config, \'timeout\' time: invalid duration "x"'),
    ("authorization { timeout: true }",
     "f.conf:1:16: error parsing authorization config, 'timeout' wrong type"),
    ('authorization { timeout: "5x" }',
     'f.conf:1:16: error parsing authorization config, \'timeout\' time: unknown unit "x" in '
     'duration "5x"'),
    ("authorization { timeout: 61 }",
     'f.conf:1:16: invalid use of field "timeout": timeout of 61 (61.000000 seconds) is high, '
     "consider keeping it under 60 seconds. possibly caused by unquoted duration; use '1m' "
     "instead of 1m, for example"),
    ("authorization { timeout: 61.5 }",
     'f.conf:1:16: invalid use of field "timeout": timeout of 61.5 (61.500000 seconds) is high, '
     "consider keeping it under 60 seconds. possibly caused by unquoted duration; use '1m' "
     "instead of 1m, for example"),
    ('authorization { timeout: "2m" }',
     'f.conf:1:16: invalid use of field "timeout": timeout of 2m (120.000000 seconds) is high, '
     "consider keeping it under 60 seconds. possibly caused by unquoted duration; use '1m' "
     "instead of 1m, for example"),
    ("authorization { timeout: 1m }",
     'f.conf:1:16: invalid use of field "timeout": timeout of 1000000 (1000000.000000 seconds) '
     "is high, consider keeping it under 60 seconds. possibly caused by unquoted duration; use "
     "'1m' instead of 1m, for example"),
    ("authorization { Timeout: 1k }",
     'f.conf:1:16: invalid use of field "Timeout": timeout of 1000 (1000.000000 seconds) is '
     "high, consider keeping it under 60 seconds. possibly caused by unquoted duration; use '1m' "
     "instead of 1m, for example"),
    ("authorization { users: 5 }",
     "f.conf:1:16: Expected users field to be an array, got 5"),
    ("authorization { users: [5 ] }",
     "f.conf:1:24: Expected user entry to be a map/struct, got 5"),
    ("authorization { users: [a] }",
     "f.conf:1:24: Expected user entry to be a map/struct, got a"),
    ("authorization { users: [{}] }",
     "f.conf:1:26: User entry requires a user"),
    ("authorization { users: [{password: x}] }",
     "f.conf:1:25: User entry requires a user"),
    ("authorization { users: [{user: a, foo: 1}] }",
     'f.conf:1:34: unknown field "foo"'),
    ("authorization { users: [{user: a, token: x}] }",
     'f.conf:1:34: unknown field "token"'),
    ("authorization { users: [{nkey: abc}] }",
     "f.conf:1:25: Not a valid public nkey for a user"),
    ("authorization { users: [{nkey: "
     '"ADXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"}] }',
     "f.conf:1:25: Not a valid public nkey for a user"),
    ("authorization { users: [{nkey: %N}, {nkey: %N}] }",
     'f.conf:1:0: Duplicate nkey "%N" detected'),
    ("authorization { users: [{user: a}, {user: b}, {user: a}] }",
     'f.conf:1:0: Duplicate user "a" detected'),
    ("authorization { users: [{user: a}], user: b }",
     "f.conf:1:0: Can not have a single user/pass and a users array"),
    ("authorization { users: [], user: b }",
     "f.conf:1:0: Can not have a single user/pass and a users array"),
    ("authorization { users: [], token: b }",
     "f.conf:1:0: Can not have a token and a users array"),
    ("authorization { users: [{user: a}], token: b }",
     "f.conf:1:0: Can not have a token and a users array"),
    ("authorization { user: a, token: b }",
     "f.conf:1:0: Cannot have a user/pass and token"),
    ("authorization { password: a, token: b }",
     "f.conf:1:0: Cannot have a user/pass and token"),
    ("authorization { users: [{user: a, permissions: 5}] }",
     "f.conf:1:34: Expected permissions to be a map/struct, got 5"),
    ("authorization { users: [{user: a, permissions: {foo: 1}}] }",
     'f.conf:1:48: Unknown field "foo" parsing permissions'),
    ("authorization { users: [{user: a, permissions: {publish: [a, 5 ]}}] }",
     "f.conf:1:61: Subject in permissions array cannot be cast to string"),
    ("authorization { users: [{user: a, permissions: {publish: {allow: 5}}}] }",
     "f.conf:1:58: Expected subject permissions to be a subject, or array of subjects, got int64"),
    ("authorization { users: [{user: a, permissions: {publish: {deny: [5 ]}}}] }",
     "f.conf:1:65: Subject in permissions array cannot be cast to string"),
    ("authorization { users: [{user: a, permissions: {publish: {foo: x}}}] }",
     'f.conf:1:58: Unknown field name "foo" parsing subject permissions, only \'allow\' or '
     "'deny' are permitted"),
    ("authorization { users: [{user: a, permissions: {allow_responses: 5}}] }",
     "f.conf:1:48: error parsing response permissions, expected a boolean or a map"),
    ("authorization { users: [{user: a, permissions: {allow_responses: x}}] }",
     "f.conf:1:48: error parsing response permissions, expected a boolean or a map"),
    ("authorization { users: [{user: a, permissions: {allow_responses: {expires: 5}}}] }",
     "f.conf:1:66: error parsing expires, not a duration string"),
    ('authorization { users: [{user: a, permissions: {allow_responses: {expires: "5x"}}}] }',
     'f.conf:1:66: error parsing expires: time: unknown unit "x" in duration "5x"'),
    ("authorization { users: [{user: a, permissions: {allow_responses: {foo: 5}}}] }",
     'f.conf:1:66: Unknown field "foo" parsing permissions'),
    ("authorization { users: [{user: a, allowed_connection_types: 5}] }",
     "f.conf:1:34: error parsing allowed connection types: unsupported type int64"),
    ("authorization { users: [{user: a, allowed_connection_types: foo}] }",
     'f.conf:1:34: invalid connection types ["FOO"]'),
    ("authorization { users: [{user: a, allowed_connection_types: [standard, FOO, bar]}] }",
     'f.conf:1:34: invalid connection types ["FOO" "BAR"]'),
    ("authorization { users: [{user: a, allowed_connection_types: [standard, 5 ]}] }",
     "f.conf:1:71: error parsing allowed connection types: unsupported type in array int64"),
    ("authorization { default_permissions: 5 }",
     "f.conf:1:16: Expected permissions to be a map/struct, got 5"),
    ("authorization { foo: 1 }",
     'f.conf:1:16: unknown field "foo"'),
])
def test_complaints(tmp_path, text, message):
    assert check(tmp_path, text) == (1, message.replace("%N", NKEY))


@pytest.mark.parametrize("text", [
    "authorization { users: [], password: b }",
    'authorization { users: [{user: a, permissions: {subscribe: "a b"}}] }',
    "authorization { users: [{user: a, permissions: {publish: {}}}] }",
    "authorization { users: [{user: a, permissions: {publish: []}}] }",
    "authorization { users: [{user: a, permissions: {pub: a, import: b, sub: c, export: d}}] }",
    'authorization { users: [{user: a, permissions: {allow_responses: {max: -1, ttl: "-1s"}}}] }',
    'authorization { users: [{user: a, connection_types: "Mqtt"}] }',
    'authorization { users: [{user: a, clients: ["leafnode_ws", in_process]}] }',
    "authorization { x: abc, users: [{user: a, password: $x}] }",
    "authorization { user: a, user: b }",
    "authorization { User: a, USERNAME: b, PASS: c }",
])
def test_accepted(tmp_path, text):
    status, err = check(tmp_path, text)
    assert status == 0 and err.startswith("configuration file f.conf is valid"), err


# The reference takes the place of one of the two keys, by chance.
@pytest.mark.parametrize("key", ["user", "password"])
def test_nkeys_take_no_name(tmp_path, key):
    status, err = check(tmp_path, "authorization { users: [{nkey: %N, " + key + ": a}] }")
    assert status == 1
    assert err.split(": ")[1] == "Nkey users do not take usernames or passwords", err


# A bare list that is wrong has no place in the reference.
@pytest.mark.parametrize("permissions, message", [
    ("publish: 5", "Expected subject permissions to be a subject, or array of subjects, got int64"),
    ('publish: "a..b"', 'subject "a..b" is not a valid subject'),
    ('publish: ""', 'subject "" is not a valid subject'),
    ('publish: "a b"', 'subject "a b" is not a valid subject'),
    ('subscribe: "a b c"', 'subject "a b c" is not a valid subject'),
    ('subscribe: "a. b"', 'subject "a." is not a valid subject'),
    ('subscribe: "a b..c"', 'queue "b..c" is not a valid queue'),
    ('subscribe: " "', 'subject " " is not a valid subject'),
    ('subscribe: ["x", "foo.>.bar"]', 'subject "foo.>.bar" is not a valid subject'),
])
def test_bad_subjects(tmp_path, permissions, message):
    text = "authorization { users: [{user: a, permissions: {" + permissions + "}}] }"
    place = dialect(reference="", midge="f.conf:1:48: ")
    assert check(tmp_path, text) == (1, place + message)


# TestNoAuthUserCode: what -t does not look at.
@pytest.mark.parametrize("text, message", [
    ('no_auth_user: "x"', 'no_auth_user: "x" present, but users/nkeys are not defined'),
    ("authorization { user: x }\nno_auth_user: x",
     'no_auth_user: "x" present, but users/nkeys are not defined'),
    ("authorization { users: [{user: a}] }\nno_auth_user: x",
     'no_auth_user: "x" not present as user or nkey in authorization block or account configuration'),
])
def test_no_auth_user_must_exist(start, tmp_path, text, message):
    assert check(tmp_path, text)[0] == 0
    server = start(text, ready=False)
    server.expected_status = 1
    assert server.wait_exit() == 1
    assert server.log.text() == f"{program_name()}: {message}"


# Every configuration of the page for users is one.
def test_documentation(tmp_path):
    page = (REPOSITORY / "docs" / "authorization.md").read_text()
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    blocks = [text for language, text in fenced if not language]
    assert len(blocks) >= 8
    for block in blocks:
        status, err = check(tmp_path, block)
        assert status == 0, (block, err)
