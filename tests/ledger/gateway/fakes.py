"""A small ledger for gateway tests: real transactions, call data, signatures and logs; a judge instead of a contract.

It keeps its transactions in a SQLite file, so that it survives a killed process like the real one. `EventIds` and
helpers make signed submissions without EPCIS.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import rlp
from eth_abi.abi import encode
from eth_account import Account
from eth_account.typed_transactions import TypedTransaction
from eth_hash.auto import keccak
from hexbytes import HexBytes

from ledger.chain.client import Header, Log, Receipt, StorageProof
from ledger.chain.codec import decode_record
from ledger.chain.header import decode_header
from ledger.errors import ConflictError, InputError, UnavailableError
from ledger.events.model import CustodyEvent, Line, domain_separator, event_id
from ledger.gateway.gateway import Gateway, open_gateway_store
from ledger.gateway.payloads import PayloadStore
from ledger.gateway.store import Failpoint, Store, no_failpoint
from ledger.gateway.submission import SignedSubmission
from ledger.keys.local_signer import LocalSigner
from ledger.keys.reading import ReadingKey
from ledger.keys.sealing import seal
from ledger.keys.signers import recover_address
from ledger.limits import DEFAULT_LIMITS, Limits
from ledger.proofs.commitment import commit
from ledger.vocabulary import Kind, Outcome
from tests.chain_fixtures import outcome_data, outcome_topics

CHAIN_ID = 77
NOW_S = 1_767_225_600
NOT_TAKEN_TOPIC = keccak(b"EventNotTaken(bytes32,uint16)")


@dataclass(frozen=True)
class FakeDeployment:
    ledger: bytes = b"\x0c" * 20
    participants: bytes = b"\x0d" * 20


DEPLOYMENT = FakeDeployment()
SEPARATOR = domain_separator(CHAIN_ID, DEPLOYMENT.ledger)
SENDER = LocalSigner(b"\x01" * 32)
ANNA, BELA, CLEO, CUSTOMS, DORA = (LocalSigner(bytes([number]) * 32) for number in (2, 3, 4, 5, 6))
SIGNERS = {1: ANNA, 2: BELA, 3: CLEO, 4: CUSTOMS, 5: DORA}  # numbers as in tests/ledger/events/samples.py
NUMBERS = {signer.address: number for number, signer in SIGNERS.items()}
READING = {number: ReadingKey(bytes([64 + number]) * 32) for number in (1, 2, 3, 4, 5)}

Judge = Callable[[CustodyEvent, int], Outcome]


def records_all(_event: CustodyEvent, _participant: int) -> Outcome:
    return Outcome.RECORDED


class FakeChain:
    """Executes `record` with the contract's rules for nonces and signers, and asks `judge` for the rest."""

    def __init__(self, path: Path, judge: Judge, poison: Callable[[CustodyEvent], bool]) -> None:
        self.judge = judge
        self.poison = poison
        self.admits = True
        self.away = False           # does not answer at all
        self.reply_lost = 0         # takes that many transactions but does not answer
        self.refuses: Exception | None = None
        self.pending: list[bytes] = []  # with `mines` off: taken, in no block yet
        self.mines = True
        self.block_gas = 60_000_000
        self.calls: list[str] = []
        self.sql = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.sql.execute("PRAGMA synchronous=OFF")  # only kills are survived here, not power cuts
        self.sql.execute("CREATE TABLE IF NOT EXISTS tx (number INTEGER PRIMARY KEY, raw BLOB)")
        self.salts: dict[int, bytes] = {}
        self._start_again()
        for (raw,) in self.sql.execute("SELECT raw FROM tx ORDER BY number").fetchall():
            self._execute(raw)

    def _start_again(self) -> None:
        self.blocks: list[Receipt] = []
        self.raws: list[bytes] = []
        self.counts: dict[bytes, int] = {}
        self.nonces: set[tuple[bytes, int]] = set()
        self.taken: list[bytes] = []
        self.sizes: list[int] = []

    def chain_id(self) -> int:
        return CHAIN_ID

    def head_number(self) -> int:
        return len(self.blocks)

    def header(self, number: int) -> Header | None:
        """Real RLP, so that hash and parent hash mean something; a block's salt makes it another at its height."""
        if not 0 <= number <= len(self.blocks):
            return None
        parent = self.header(number - 1)
        fields = [parent.hash if parent else bytes(32), bytes(32), bytes(20), bytes(32), bytes(32), bytes(32), bytes(256),
                  0, number, self.block_gas, 0, NOW_S + 2 * number, self.salts.get(number, b""), bytes(32), bytes(8)]
        return decode_header(rlp.encode(fields))

    def catch_up(self) -> None:
        """Take in what other processes put into the file."""
        rows = self.sql.execute("SELECT raw FROM tx ORDER BY number").fetchall()
        for (raw,) in rows[len([x for x in self.raws if x]):]:
            self._execute(raw)

    def mine(self, count: int = 1) -> None:
        """Empty blocks, after those transactions that waited for one."""
        for raw in [*self.pending]:
            self.pending.remove(raw)
            self.sql.execute("INSERT INTO tx (raw) VALUES (?)", (raw,))
            self._execute(raw)
        for _ in range(count):
            self._append(b"", b"", True, ())

    def reorg(self, height: int, *, keep: bool = False) -> None:
        """Replace the blocks from `height` on by as many empty ones; their transactions wait again, or are lost."""
        gone = self.raws[height - 1:]
        del self.blocks[height - 1:], self.raws[height - 1:]
        kept = [raw for raw in self.raws if raw]
        count = len(gone)
        self._start_again()
        for raw in kept:
            self._execute(raw)
        while len(self.blocks) < height - 1:
            self._append(b"", b"", True, ())
        for number in range(height, height + count):
            self.salts[number] = self.salts.get(number, b"") + b"*"
            self._append(b"", b"", True, ())
        self.pending = [raw for raw in gone if raw] if keep else []

    def receipts(self, number: int) -> list[Receipt]:
        return [replace(self.blocks[number - 1], block_hash=self._hash(number))] if 0 < number <= len(self.blocks) else []

    def receipt(self, tx_hash: bytes) -> Receipt | None:
        if self.away:
            raise UnavailableError("the node does not answer.")
        found = next((r for r in self.blocks if r.tx_hash == tx_hash), None)
        return found and replace(found, block_hash=self._hash(found.block_number))

    def _hash(self, number: int) -> bytes:
        header = self.header(number)
        assert header is not None
        return header.hash

    def send_raw_transaction(self, raw: bytes) -> bytes:
        if self.away:
            raise UnavailableError("the node does not answer.")
        if self.refuses:
            raise self.refuses
        if any(r.tx_hash == keccak(raw) for r in self.blocks):
            return keccak(raw)
        sender, fields = _decode(raw)
        self.calls.append(f"send {fields['nonce']}")
        if fields["nonce"] < self.counts.get(sender, 0):
            raise ConflictError("nonce too low")
        if fields["nonce"] > self.counts.get(sender, 0):
            raise ConflictError("nonce too high")
        if fields["gas"] > self.block_gas:
            raise InputError("exceeds block gas limit")
        if not self.mines:
            if any(_decode(other)[1]["nonce"] == fields["nonce"] for other in self.pending if other != raw):
                raise ConflictError("replacement transaction underpriced")
            if raw not in self.pending:
                self.pending.append(raw)
            return keccak(raw)
        self.sql.execute("INSERT INTO tx (raw) VALUES (?)", (raw,))
        self._execute(raw)
        if self.reply_lost:
            self.reply_lost -= 1
            raise UnavailableError("the reply was lost.")
        return keccak(raw)

    def transaction_count(self, address: bytes) -> int:
        return self.counts.get(address, 0)

    def call(self, to: bytes, data: bytes, sender: bytes | None = None) -> bytes:
        if not self.admits:
            raise InputError("not admitted")
        return b""

    def code(self, address: bytes) -> bytes:
        return b"\x00"

    def estimate_gas(self, to: bytes, data: bytes, sender: bytes) -> int:
        return 0

    def gas_price(self) -> int:
        return 0

    def transaction_input(self, tx_hash: bytes) -> bytes | None:
        return None

    def storage_proof(self, address: bytes, slot: bytes) -> StorageProof:
        raise NotImplementedError

    def close(self) -> None:
        self.sql.close()

    def _execute(self, raw: bytes) -> None:
        sender, fields = _decode(raw)
        self.counts[sender] = fields["nonce"] + 1
        batch = decode_record(bytes(fields["data"]))
        self.sizes.append(len(batch))
        logs: list[Log] = []
        good = self.admits and not any(self.poison(event) for event, _, _ in batch)
        if good:
            for event, signature, _ in batch:
                logs.append(self._log(event, signature, len(logs)))
        self._append(keccak(raw), raw, good, tuple(logs))

    def _append(self, tx_hash: bytes, raw: bytes, good: bool, logs: tuple[Log, ...]) -> None:
        self.raws.append(raw)
        self.blocks.append(Receipt(tx_hash, 0, int(good), 21_000, len(self.blocks) + 1, b"", logs, b""))

    def _log(self, event: CustodyEvent, signature: bytes, index: int) -> Log:
        identifier = event_id(event, SEPARATOR)
        signer = recover_address(identifier, signature)
        participant = NUMBERS.get(signer, 0)
        if not participant:
            return self._not_taken(identifier, Outcome.UNKNOWN_SIGNER, index)
        if (signer, event.nonce) in self.nonces:
            return self._not_taken(identifier, Outcome.NONCE_USED, index)
        self.nonces.add((signer, event.nonce))
        self.taken.append(identifier)
        outcome = self.judge(event, participant)
        return Log(DEPLOYMENT.ledger, outcome_topics(identifier), outcome_data(event, participant, signer, outcome), index)

    def _not_taken(self, identifier: bytes, code: Outcome, index: int) -> Log:
        return Log(DEPLOYMENT.ledger, (NOT_TAKEN_TOPIC, identifier), encode(["uint16"], [int(code)]), index)


def _decode(raw: bytes) -> tuple[bytes, dict[str, Any]]:
    sender = bytes.fromhex(Account.recover_transaction(raw)[2:])
    return sender, TypedTransaction.from_bytes(HexBytes(raw)).as_dict()


def unit(number: int) -> bytes:
    return keccak(b"unit" + number.to_bytes(4, "big"))


def custody(kind: Kind = Kind.OBSERVE, *units: int, nonce: int, **fields: Any) -> CustodyEvent:
    lines = tuple(Line(u) for u in sorted(unit(n) for n in units))
    return CustodyEvent(kind, lines, occurred_at_ms=NOW_S * 1000, deadline_s=NOW_S + 10**6, nonce=nonce, **fields)


def submission(
    event: CustodyEvent, signer: LocalSigner = ANNA, *, label: str = "", content: dict[str, Any] | None = None,
    is_correction: bool = False, readers: tuple[int, ...] = (1, 4),
) -> SignedSubmission:
    """A signed submission with a real commitment and payload."""
    participant = NUMBERS.get(signer.address, 9)
    label = label or f"urn:test:{participant}:{event.nonce}"
    body = {"eventID": label, **(content or {"type": "ObjectEvent"})}
    secret = keccak(label.encode())
    root = commit(body, secret, submitter=str(participant)).root
    event = replace(event, commitment=root)
    payload = seal(body, secret=secret, submitter=str(participant), commitment=root,
                   readers={n: READING[n].public for n in readers})
    signature = signer.sign_digest(event_id(event, SEPARATOR))
    return SignedSubmission(event, signature, b"", payload, label, is_correction, participant)


class Clock:
    def __init__(self) -> None:
        self.now_s = NOW_S

    def __call__(self) -> int:
        return self.now_s


@dataclass
class Bench:
    """A gateway on a fake ledger."""

    chain: FakeChain
    store: Store
    payloads: PayloadStore
    gateway: Gateway
    clock: Clock


def bench(path: Path, *, limits: Limits = DEFAULT_LIMITS, failpoint: Failpoint = no_failpoint, judge: Judge = records_all,
          clock: Clock | None = None, poison: Callable[[CustodyEvent], bool] = lambda _event: False, chain: FakeChain | None = None, **options: Any) -> Bench:
    """Open (again) a gateway and its ledger in a folder."""
    path.mkdir(exist_ok=True)
    chain = chain or FakeChain(path / "fake-chain.sqlite", judge, poison)
    store = open_gateway_store(path / "gateway.sqlite", failpoint=failpoint)
    payloads = PayloadStore(store)
    clock = clock or Clock()
    options.setdefault("receipt_wait_s", 0)
    gateway = Gateway(chain, DEPLOYMENT, store, payloads, sender=SENDER, clock=clock, limits=limits,
                      pause=lambda _s: None, **options)
    return Bench(chain, store, payloads, gateway, clock)
