"""The sockets that the servers listen on."""

from __future__ import annotations

import asyncio
import socket

from api.http.server import bind


def test_bind__connection_accepted__sends_at_once() -> None:
    """Else each answer waits for the acknowledgement of its headers, 40 ms, however little it says."""
    at_once: list[int] = []

    class Noting(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            at_once.append(transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            transport.close()

    async def accept_one() -> None:
        (listener,), _ = bind("127.0.0.1", 0)
        server = await asyncio.get_running_loop().create_server(Noting, sock=listener)
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        assert await reader.read() == b""
        writer.close()
        server.close()

    asyncio.run(accept_one())
    assert at_once == [1]
