# SPDX-License-Identifier: Apache-2.0
"""Client of the monitoring port. Each request is a connection of its own."""

import http.client
import json
import ssl

from support.deadline import LIMIT, until


class Reply:
    """Status, headers (http.client's object) and body of one answer."""

    def __init__(self, response):
        self.status = response.status
        self.version = response.version
        self.headers = response.headers
        self.body = response.read()

    def json(self):
        """The body with the order of its members kept."""
        return json.loads(self.body)


class Monitor:
    def __init__(self, host, port, scheme="http"):
        self.host = host
        self.port = port
        self.scheme = scheme

    def _connection(self):
        if self.scheme == "https":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            return http.client.HTTPSConnection(self.host, self.port, timeout=LIMIT, context=context)
        return http.client.HTTPConnection(self.host, self.port, timeout=LIMIT)

    def request(self, path, method="GET", headers=None, body=None):
        connection = self._connection()
        try:
            connection.request(method, path, headers=headers or {}, body=body)
            return Reply(connection.getresponse())
        finally:
            connection.close()

    def get(self, path):
        """The JSON document at path, which must be there."""
        reply = self.request(path)
        assert reply.status == 200, (path, reply.status, reply.body)
        return reply.json()

    def varz(self):
        return self.get("/varz")

    def connz(self, query=""):
        return self.get("/connz" + ("?" + query if query else ""))

    def connection(self, cid, query=""):
        """The entry of one open connection; a new one may be listed a moment after its INFO."""
        def find():
            page = self.connz(f"cid={cid}&{query}")
            return page["connections"][0] if page["num_connections"] == 1 else None

        return until(find, f"connection {cid} is listed")

    def closed(self, cid):
        """The record of a closed connection; waits for it, since it is written after the close."""
        def find():
            page = self.connz("state=closed")
            return next((c for c in page["connections"] if c["cid"] == cid), None)

        return until(find, f"connection {cid} is listed as closed")

    def wait_varz(self, condition, what):
        """Poll /varz until condition(document) holds; return that document."""
        def check():
            document = self.varz()
            return document if condition(document) else None

        return until(check, what)
