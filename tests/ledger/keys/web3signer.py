"""A signing service as Web3Signer's eth1 API describes it, over HTTP or mutual TLS, that can also be told to misbehave.

Signs with eth_account, not with our own signer. Routes, codes and forms: Web3Signer's published description of the eth1 API
(public keys of 64 bytes, `data` hashed with keccak-256 by the service, the signature as plain text, 404 for a key it has not).
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from eth_account import Account
from eth_hash.auto import keccak
from eth_keys import keys

Reply = tuple[int, bytes]


class Service:
    """The keys it has, what it was asked, and how it is to misbehave."""

    def __init__(self, *secrets: bytes) -> None:
        self.keys = {keys.PrivateKey(secret).public_key.to_hex(): secret for secret in secrets}
        self.asked: list[tuple[str, str, Any]] = []
        self.listing: Callable[[], Reply] = lambda: (200, json.dumps(list(self.keys)).encode())
        self.signing: Callable[[str, bytes], Reply] = self.sign
        self.drip_s = 0.0
        self.url = ""

    def sign(self, identifier: str, data: bytes) -> Reply:
        secret = self.keys.get("0x" + identifier.removeprefix("0x"))
        if secret is None:
            return 404, b""
        return 200, ("0x" + Account.unsafe_sign_hash(keccak(data), secret).signature.hex()).encode()

    def handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service.asked.append(("GET", self.path, None))
                self.reply(service.listing() if self.path == "/api/v1/eth1/publicKeys" else (404, b""))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                service.asked.append(("POST", self.path, body))
                start, _, identifier = self.path.rpartition("/")
                if start != "/api/v1/eth1/sign":
                    return self.reply((404, b""))
                try:
                    data = bytes.fromhex(body["data"].removeprefix("0x"))
                except (KeyError, ValueError):
                    return self.reply((400, b""))
                return self.reply(service.signing(identifier, data))

            def reply(self, what: Reply) -> None:
                status, body = what
                self.send_response(status)
                self.send_header("Content-Type", "application/json" if self.command == "GET" else "text/plain; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                if 300 <= status < 400:
                    self.send_header("Location", service.url + "/elsewhere")
                self.end_headers()
                for i in range(len(body) if service.drip_s else 0):
                    time.sleep(service.drip_s)
                    self.wfile.write(body[i:i + 1])
                if not service.drip_s:
                    self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        return Handler


@contextmanager
def running(service: Service, tls: ssl.SSLContext | None = None) -> Iterator[Service]:
    """The service on a free port of this machine until the block ends."""
    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # a client that goes away in the middle is part of these tests

    server = Quiet(("127.0.0.1", 0), service.handler())
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    service.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
