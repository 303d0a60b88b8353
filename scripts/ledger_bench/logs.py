"""Chains full of logs, made once and kept in the user's cache folder, and how long questions about them take.

A contract of a few bytes emits a log for each word of its call data: two topics, one of them the same for the
1,000 logs before the last, as a question about one unit among many has it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs

from ledger.chain.embedded import EmbeddedChain
from ledger.chain.embedded.jsonrpc import JsonRpc
from ledger.chain.embedded.rpc_methods import Methods
from ledger.chain.embedded.store import FORMAT
from ledger.chain.tx import Sender, created_address
from ledger.keys.local_signer import LocalSigner
from ledger_bench.measure import median_ms

PER_BLOCK = 200
ASKED = 1_000
CHAIN_ID = 20_263_001

# offset = 0; while offset < calldatasize: log2(0, 32, word, word >> 128); offset += 32
_RUNTIME = bytes.fromhex("5f5b80361115601a5780358060801c9060205fa2602001600156" "5b00")
_INIT = bytes.fromhex(f"60{len(_RUNTIME):02x}8060095f395ff3") + _RUNTIME


def cache_folder() -> Path:
    """Where the chains are kept."""
    return Path(platformdirs.user_cache_dir("cargoledger")) / "bench"


def chain_of(total: int, folder: Path, tell: Callable[[str], None]) -> EmbeddedChain:
    """A chain with that many logs; made if it is not there, or of an older format."""
    path = folder / f"{FORMAT}-logs-{total}.sqlite"
    chain = EmbeddedChain(path, lambda: 0, CHAIN_ID)
    signer = LocalSigner(b"\x03" * 32)
    sender = Sender(chain, signer)
    if chain.head_number() == 0:
        sender.send(None, _INIT)
    for block in range(chain.head_number() - 1, total // PER_BLOCK):
        tell(f"making a chain of {total} logs, {block * PER_BLOCK} done (once)")
        words = ((i // ASKED << 128) + i for i in range(block * PER_BLOCK, (block + 1) * PER_BLOCK))
        sender.send(created_address(signer.address, 0), b"".join(w.to_bytes(32, "big") for w in words))
    return chain


def question(chain: EmbeddedChain, total: int, *, by_topic: bool) -> Callable[[], None]:
    """eth_getLogs for the last 1,000 logs: by their blocks, or over the whole chain by what they share."""
    node = JsonRpc(Methods(chain, "bench"))
    last = chain.head_number()
    wanted: dict[str, Any] = {"fromBlock": hex(last - ASKED // PER_BLOCK + 1), "toBlock": hex(last)}
    if by_topic:
        wanted = {"fromBlock": "0x0", "toBlock": hex(last),
                  "topics": [None, "0x" + ((total - 1) // ASKED).to_bytes(32, "big").hex()]}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_getLogs", "params": [wanted]}).encode()

    def ask() -> None:
        answer = json.loads(node.answer(body) or b"{}")
        if len(answer.get("result", ())) != min(ASKED, total):
            raise RuntimeError(f"eth_getLogs answered {str(answer)[:200]}")

    return ask


def measure(small: int, large: int, repeat: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Median milliseconds of the last 1,000 logs on a small chain and on a large one, asked in turn."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    chains = {total: chain_of(total, folder, tell) for total in (small, large)}
    found: dict[str, Any] = {"small": small, "large": large}
    try:
        for name, by_topic in (("range", False), ("topic", True)):
            asked = [question(chain, total, by_topic=by_topic) for total, chain in chains.items()]
            for ask in asked:
                ask()  # caches warm on both
            tell(f"eth_getLogs by {name}")
            small_ms, large_ms = median_ms(asked[0], asked[1], repeat)
            found |= {f"{name}_small_ms": small_ms, f"{name}_large_ms": large_ms}
    finally:
        for chain in chains.values():
            chain.close()
    return found
