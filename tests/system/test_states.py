# SPDX-License-Identifier: Apache-2.0
"""Every operation in every state a client can be in, followed by every other, in one write.

Rule 2 of the security lessons: what is allowed when is a table, and whatever is not in it closes the
connection. The model below is that table; what it says is compared byte for byte.
"""

import pytest

from support.client import CLOSED_ERRORS
from support.hashes import FOO

# A hashed password is proved on another thread, while the rest waits.
USERS = ('authorization { users: [{user: me, password: p}, {user: hashed, password: "%s"}, '
         "{user: guest, password: g}] }\n" % FOO)
CONFIGS = {"open": "", "users": USERS, "guest": USERS + "no_auth_user: guest\n"}
LOGIN = 'CONNECT {"verbose":false,"headers":true,"user":"%s","pass":"%s"}\r\n'

# What was sent before, and to whom.
STATES = {
    "nothing said": ("open", ""),
    "connected": ("open", LOGIN % ("me", "p")),
    "login due": ("users", ""),
    "logged in": ("users", LOGIN % ("me", "p")),
    "login being proved": ("users", LOGIN % ("hashed", "foo")),
    "guest": ("guest", ""),
    "guest who logged in": ("guest", LOGIN % ("me", "p")),
}

OPERATIONS = {
    "right connect": 'CONNECT {"verbose":false,"user":"me","pass":"p"}\r\n',
    "wrong connect": 'CONNECT {"verbose":false,"user":"me","pass":"x"}\r\n',
    "ping": "PING\r\n", "pong": "PONG\r\n", "sub": "SUB a 1\r\n", "unsub": "UNSUB 1\r\n",
    "pub": "PUB a 2\r\nok\r\n", "hpub": "HPUB a 12 14\r\nNATS/1.0\r\n\r\nok\r\n",
    "info": "INFO {}\r\n", "ok": "+OK\r\n", "err": "-ERR 'x'\r\n",
    # of routes, gateways and leafnodes, of nobody
    "msg": "MSG a 1 2\r\nok\r\n", "rmsg": "RMSG $G a 2\r\nok\r\n", "lmsg": "LMSG a 2\r\nok\r\n",
    "rs+": "RS+ $G a\r\n", "rs-": "RS- $G a\r\n", "ls+": "LS+ a\r\n", "ls-": "LS- a\r\n",
    "a+": "A+ $G\r\n", "a-": "A- $G\r\n", "empty": "\r\n", "junk": "JUNK\r\n",
}
IGNORED = ("pong", "info", "ok")
VIOLATION = b"-ERR 'Authorization Violation'\r\n"
UNKNOWN = b"-ERR 'Unknown Protocol Operation'\r\n"


class Model:
    """What a server has to answer."""

    def __init__(self, state):
        self.config, said = STATES[state]
        self.known = bool(said)       # logged in, or there is nothing to log in for
        self.asked = self.config != "open"
        self.verbose = not said
        self.headers = bool(said)
        self.subscribed = False
        self.answer = b""
        self.open = True

    def close(self, words=b""):
        self.answer += words
        self.open = False

    def connect(self, right):
        if self.asked and not right:
            return self.close(VIOLATION)
        self.verbose = False  # before it is acknowledged
        self.subscribed = self.subscribed and not self.known
        self.known = True
        return None

    def done(self, delivered=b""):
        self.answer += (b"+OK\r\n" if self.verbose else b"") + delivered

    def take(self, name):
        if not self.open:
            return None
        if name.endswith("connect"):
            return self.connect(name == "right connect")
        if self.asked and not self.known and self.config == "users":
            return self.close(VIOLATION)
        if self.asked:
            self.known = True  # as the guest, who may be somebody else later
        if name == "ping":
            self.answer += b"PONG\r\n"
        elif name in ("sub", "unsub"):
            self.subscribed = name == "sub"
            self.done()
        elif name == "pub":
            self.done(b"MSG a 1 2\r\nok\r\n" if self.subscribed else b"")
        elif name == "hpub" and self.headers:
            self.done(b"HMSG a 1 12 14\r\nNATS/1.0\r\n\r\nok\r\n" if self.subscribed else b"")
        elif name in ("hpub", "err"):
            self.close()
        elif name not in IGNORED:
            self.close(UNKNOWN)
        return None


def talk(server, data, size):
    """What is answered: `size` bytes, or all until the server closes when there are fewer."""
    with server.client() as client:
        client.try_send(data.encode())
        answer = b""
        while len(answer) < size:
            try:
                answer += client.read_some()
            except (AssertionError, *CLOSED_ERRORS):
                break
        return answer


@pytest.mark.parametrize("state", STATES)
def test_every_operation_and_its_neighbour(start, state):
    server = start(CONFIGS[STATES[state][0]])
    wrong = []
    for first in OPERATIONS:
        for second in [None, *OPERATIONS]:
            names = [name for name in (first, second, "ping") if name]
            model = Model(state)
            for name in names:
                model.take(name)
            data = STATES[state][1] + "".join(OPERATIONS[name] for name in names)
            # One byte more than there may be: only a close ends the wait, or the last PONG.
            answer = talk(server, data, len(model.answer) + (0 if model.open else 1))
            if answer != model.answer:
                wrong.append((names, answer, model.answer))
    assert not wrong, "\n".join(map(str, wrong))
