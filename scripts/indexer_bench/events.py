"""The chain of the benchmark: signed events of the demo's journeys, a hundred in a block, made once, kept.

Made on the embedded ledger, block by block; a run that was interrupted goes on where it was. The same signed
transactions are what anvil gets. Kept in the user's cache folder, by format of the ledger's store and by
contract code, so that a change of either makes it anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from eth_abi.abi import encode
from ledger_bench import mix
from ledger_bench.engines import register

from contracts.artifacts import NAMES, load
from ledger.chain.authority import Authority
from ledger.chain.codec import SignedItem, encode_record
from ledger.chain.deploy import Deployment, deploy
from ledger.chain.embedded import EmbeddedChain
from ledger.chain.embedded.store import FORMAT
from ledger.chain.tx import transaction_fields
from ledger.events.model import ABI_EVENT, domain_separator
from ledger.gateway.batching import SHOWS_WITNESS
from ledger.gateway.submission import SignedSubmission
from ledger.keys.local_signer import LocalSigner
from ledger.vocabulary import Kind

PER_BLOCK = 100       # 100,000 events are 1,000 blocks and some
GROUP = 10            # journeys that are interleaved
TX_GAS = 55_000_000   # a hundred events use about 9 Mgas
CHAIN_ID = 20_263_001


@dataclass(frozen=True)
class Made:
    """A chain in a file: where, the contracts on it, how many events, its last block."""

    path: Path
    deployment: Deployment
    events: int
    head: int


def cache_folder() -> Path:
    """Where chains, the demo's events and what npm installs are kept."""
    return Path(platformdirs.user_cache_dir("cargoledger")) / "bench"


def made(count: int, folder: Path, tell: Callable[[str], None]) -> Made:
    """A chain of at least so many events, from the cache folder or made there."""
    code = hashlib.sha256(b"".join(load(name).bytecode for name in NAMES))
    folder = folder / f"indexer-{FORMAT}-{code.hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    events = mix.record(folder / "demo", tell)
    path = folder / f"chain-{count}.sqlite"
    chain = EmbeddedChain(path, lambda: mix.AFTER_S, CHAIN_ID)
    try:
        authority, sender = LocalSigner(b"\x01" * 32), LocalSigner(b"\x02" * 32)
        deployment = deploy(chain, authority, sender.address)
        done = chain.transaction_count(sender.address)
        if done == 0:
            register(Authority(chain, deployment, authority), events)
        for number, batch in enumerate(_batches(events, deployment, count, done)):
            if number < done:
                continue
            tell(f"making a chain of {count} events, block {number} of {count // PER_BLOCK} (once)")
            chain.send_raw_transaction(sender.sign_transaction(transaction_fields(
                chain_id=CHAIN_ID, nonce=number, to=deployment.ledger, data=encode_record(batch), gas=TX_GAS,
                gas_price=0)))
        size = len(events.posted) * GROUP
        return Made(path, deployment, -(-count // size) * size, chain.head_number())
    finally:
        chain.close()


def _batches(
    events: mix.Mix, deployment: Deployment, count: int, skip: int,
) -> Iterator[list[SignedItem]]:
    """Batches in order; those of whole groups among the first `skip` are empty."""
    separator = domain_separator(CHAIN_ID, deployment.ledger)
    size = len(events.posted) * GROUP
    per_group = -(-size // PER_BLOCK)
    for group in range(-(-count // size)):
        if (group + 1) * per_group <= skip:
            yield from [[]] * per_group
            continue
        signed = mix.journeys(events, GROUP, separator, first=group * GROUP)
        known = {one.event_id(separator): one for one in signed}
        items = [(one.custody_event, one.signature, _witness(one, known)) for one in signed]
        for start in range(0, size, PER_BLOCK):
            yield items[start:start + PER_BLOCK]


def _witness(one: SignedSubmission, known: Mapping[bytes, SignedSubmission]) -> bytes:
    """What a gateway adds to an event that shows the one it names."""
    event = one.custody_event
    named = known.get(event.reference)
    into_book = event.kind is Kind.ACCEPT and event.book != 0
    if named is None or (event.kind not in SHOWS_WITNESS and not into_book):
        return one.witness
    if event.kind is Kind.CORRECT:
        return encode([ABI_EVENT, "bytes"], [named.custody_event.abi(), named.signature])
    return named.custody_event.encoded()
