"""A real socket between the indexer and its node that does one thing wrong: asyncio, HTTP/1.1 with kept connections.

`fault` names what it does; `times` how often, then it is honest again (None: always). It forwards everything else
to `upstream`, so a test sees the real node's bytes with exactly one kind of damage.
"""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.request
from copy import deepcopy
from typing import Any

READS = ("eth_getBlockByNumber", "eth_getBlockReceipts")
FAULTS = (
    "delay", "reset", "truncated", "wrong_id", "null", "status_429", "status_503", "stale_head", "future_head",
    "log_duplicated", "log_missing", "log_altered", "log_reordered", "log_of_other_block", "other_chain", "other_header",
    "too_large")
LIES = ("log_duplicated", "log_missing", "log_altered", "log_reordered", "log_of_other_block", "other_chain", "other_header")


class Proxy:
    """Listens on a loopback port in a thread of its own."""

    def __init__(self, upstream: str, fault: str = "", times: int | None = None, delay_s: float = 1.0) -> None:
        self.upstream, self.fault, self.times, self.delay_s = upstream, fault, times, delay_s
        self.done = 0
        self.requests = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Proxy:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._main())

    async def _main(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._client, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in asyncio.all_tasks():
            if task is not asyncio.current_task():
                task.cancel()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(int(line.partition(b":")[2]) for line in head.split(b"\r\n")
                              if line.lower().startswith(b"content-length:"))
                asked = json.loads(await reader.readexactly(length))
                self.requests += 1
                if not await self._answer(asked, writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    def _due(self, asked: Any) -> bool:
        """Whether this request is to be spoilt: one that reads blocks, or what the fault is about."""
        if not self.fault or (self.times is not None and self.done >= self.times):
            return False
        methods = {one["method"] for one in (asked if isinstance(asked, list) else [asked])}
        about = {"stale_head": {"eth_blockNumber"}, "future_head": {"eth_blockNumber"}, "other_chain": {"eth_chainId"}}
        return bool(methods & about.get(self.fault, set(READS)))

    async def _answer(self, asked: Any, writer: asyncio.StreamWriter) -> bool:
        due = self._due(asked)
        if due and self.fault.startswith("status_"):
            self.done += 1
            await self._send(writer, b"busy", f"{self.fault[7:]} Busy")
            return True
        reply = await asyncio.to_thread(self._forward, asked)
        if not due:
            await self._send(writer, reply)
            return True
        if self.fault == "delay":
            self.done += 1
            await asyncio.sleep(self.delay_s)
            await self._send(writer, reply)
        elif self.fault == "reset":
            self.done += 1
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(reply))
            writer.write(reply[:len(reply) // 2])
            await writer.drain()
            writer.transport.abort()
            return False
        elif self.fault == "truncated":
            self.done += 1
            await self._send(writer, reply[:len(reply) // 2])
        else:
            await self._send(writer, self._spoilt(asked, reply))
        return True

    async def _send(self, writer: asyncio.StreamWriter, body: bytes, status: str = "200 OK") -> None:
        writer.write(f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                     + body)
        await writer.drain()

    def _forward(self, asked: Any) -> bytes:
        request = urllib.request.Request(self.upstream, json.dumps(asked).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as response:
            found: bytes = response.read()
        return found

    def _spoilt(self, asked: Any, reply: bytes) -> bytes:
        """The node's reply with one thing changed; as it is where there is nothing to change."""
        document = json.loads(reply)
        changed = self._change(asked, document)
        if changed != json.loads(reply):
            self.done += 1
        return json.dumps(changed).encode()

    def _change(self, asked: Any, document: Any) -> Any:
        one = document[0] if isinstance(document, list) else document
        if self.fault == "wrong_id":
            one["id"] = 424242
        elif self.fault == "null":
            one["result"] = None
        elif self.fault == "stale_head":
            one["result"] = hex(max(0, int(one["result"], 16) - 3))
        elif self.fault == "future_head":
            one["result"] = hex(int(one["result"], 16) + 1000)
        elif self.fault == "other_chain":
            one["result"] = "0x1"
        elif self.fault == "too_large" and isinstance(document, list) and len(document) > 2:
            return {"jsonrpc": "2.0", "id": None, "error": {"code": -32005, "message": "response is too large"}}
        elif self.fault == "other_header":
            for reply in _results(document):
                if isinstance(reply, dict) and "parentHash" in reply:
                    reply["timestamp"] = hex(int(reply["timestamp"], 16) + 1)
        else:
            for reply in _results(document):
                if isinstance(reply, list) and reply and isinstance(reply[0], dict) and "logsBloom" in reply[0]:
                    _spoil_logs(reply, self.fault)
        return document


def _results(document: Any) -> list[Any]:
    return [one.get("result") for one in (document if isinstance(document, list) else [document])]


def _spoil_logs(receipts: list[dict[str, Any]], fault: str) -> None:
    """Do it to the first receipt that has enough logs, and number the logs of the block anew, as a clever liar would."""
    for receipt in receipts:
        logs = receipt["logs"]
        if len(logs) < 2 or all(log == logs[0] for log in logs):
            continue
        if fault == "log_duplicated":
            logs.insert(0, deepcopy(logs[0]))
        elif fault == "log_missing":
            del logs[-1]
        elif fault == "log_altered":
            data = logs[0]["data"]
            logs[0]["data"] = data[:-1] + ("0" if data[-1] != "0" else "1") if len(data) > 2 else "0x01"
        elif fault == "log_reordered":
            logs.reverse()
        elif fault == "log_of_other_block":
            logs[0]["blockHash"] = "0x" + "77" * 32
        break
    for index, log in enumerate(log for receipt in receipts for log in receipt["logs"]):
        log["logIndex"] = hex(index)
