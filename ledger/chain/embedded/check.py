"""The file of the embedded ledger, checked from end to end: every row follows from the headers, or is named.

1. The database is whole (SQLite's own check).
2. Headers link from the genesis block to the head; transactions and receipts hash to the roots in them.
3. The log index has exactly the rows that the receipts give.
4. Every node hashes to its name and is found by it; the engine's pointers lead to the head.
5. The state of the head can be walked: no account, slot or code is missing. Deep: the state of every block.

Reads only, from one snapshot, beside a running writer. Damage is a fault in the report, never an exception.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import rlp
from eth.db.schema import SchemaV1
from eth_hash.auto import keccak

from ledger.chain.embedded.log_index import index_rows
from ledger.chain.embedded.records import Block, Records
from ledger.chain.embedded.state import EMPTY_CODE_HASH, decode_transaction
from ledger.chain.embedded.store import BlockRow, Store
from ledger.chain.embedded.vm import FORK
from ledger.chain.header import decode_header, header_to_json, state_root
from ledger.errors import CargoLedgerError
from ledger.proofs.tries import EMPTY_ROOT

FAULTS_MAX = 100  # listed; a file with more is to be replaced, not read further


@dataclass
class CheckReport:
    """What was looked at, and every fault found (at most FAULTS_MAX of them)."""

    head: int = -1
    head_hash: str = ""
    blocks: int = 0
    transactions: int = 0
    logs: int = 0
    nodes: int = 0
    state_nodes: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    def fault(self, what: str) -> None:
        """Note a fault."""
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(what)


def check_file(path: Path, *, deep: bool = False) -> CheckReport:
    """Check a ledger file.

    Args:
        path: the file; it must exist.
        deep: walk the state of every block, not only of the head.

    Raises:
        InputError: there is no file.
    """
    report = CheckReport()
    try:
        store = Store(path, read_only=True)
    except CargoLedgerError as fault:
        if not path.exists():
            raise
        report.fault(fault.message)
        return report
    try:
        with store.snapshot():
            for step in (_database, _chain, _nodes, _states):
                try:
                    step(store, report, deep)
                except CargoLedgerError as fault:
                    report.fault(fault.message)
                except RecursionError:
                    report.fault("a node is nested without end.")
    finally:
        store.close()
    return report


def _database(store: Store, report: CheckReport, _: bool) -> None:
    # Step 1
    for (line,) in store.rows("PRAGMA integrity_check", str):
        if line != "ok":
            report.fault(f"SQLite: {line}.")


def _chain(store: Store, report: CheckReport, _: bool) -> None:
    # Step 2
    records = Records(store)
    head = store.head()
    if head is None:
        report.fault("there are no blocks.")
        return
    report.head = head.number
    report.head_hash = "0x" + head.hash.hex()
    ((count,),) = store.rows("SELECT count(*) FROM block", int)
    if count != head.number + 1:
        report.fault(f"there are {count} blocks, the head is number {head.number}.")
    _parameters(store, records, report)
    expected: dict[int, int] = {}
    parent: BlockRow | None = None
    for number in range(head.number + 1):
        above, parent = parent, None
        try:
            row = records.header_row(number)
            if row is None:
                report.fault(f"block {number} is missing.")
                continue
            _links(row, above, number, report)
            parent = row
            block = records.read(row)
        except CargoLedgerError as fault:
            report.fault(fault.message)
            continue
        report.blocks += 1
        report.transactions += len(block.transactions)
        report.logs += block.log_count
        _pointers(store, block, report)
        expected[number] = _expected_sum(block)
    # Step 3
    found: dict[int, int] = {}
    for term, number, packed in store.rows("SELECT term, block, logs FROM log_term", int, int, bytes):
        found[number] = (found.get(number, 0) + _row_sum(term, number, packed)) & _SUM_MASK
    for number in sorted(found.keys() | expected.keys()):
        if number not in expected:
            if number > head.number:
                report.fault(f"the log index has rows of block {number}, which is not there.")
        elif found.get(number, 0) != expected[number]:
            report.fault(f"the log index of block {number} is not what its receipts give.")


def _parameters(store: Store, records: Records, report: CheckReport) -> None:
    """The file's own parameters say what the genesis block and the first transaction say."""
    genesis, first = records.header_row(0), records.block(1)
    if genesis is None:
        return
    header = header_to_json(genesis.rlp)
    wanted = {"gas_limit": int(header["gasLimit"], 16), "genesis_timestamp_s": int(header["timestamp"], 16)}
    if first is not None and first.transactions:
        wanted["chain_id"] = decode_transaction(first.transactions[0].raw).chain_id
    for name, value in wanted.items():
        if store.meta(name) != str(value):
            report.fault(f"the parameter {name} is {store.meta(name)}, the blocks say {value}.")
    if store.meta("fork") != FORK:
        report.fault(f"the parameter fork is {store.meta('fork')}, this version makes {FORK}.")


def _links(row: BlockRow, parent: BlockRow | None, number: int, report: CheckReport) -> None:
    header = decode_header(row.rlp)
    if number == 0 and header.parent_hash != bytes(32):
        report.fault("the genesis block has a parent.")
    if parent is None:
        return
    if header.parent_hash != parent.hash:
        report.fault(f"block {number} does not follow block {number - 1}.")
    if header.timestamp <= decode_header(parent.rlp).timestamp:
        report.fault(f"block {number} is not later than block {number - 1}.")


def _pointers(store: Store, block: Block, report: CheckReport) -> None:
    for position, tx in enumerate(block.transactions):
        if tx.gas_used != block.gas_used(position) or tx.position != position:
            report.fault(f"transaction {position} of block {block.number} is listed with other gas or place.")
    score = block.number * (block.number + 1) // 2  # without difficulty the engine adds up block numbers
    wanted = {
        SchemaV1.make_block_number_to_hash_lookup_key(block.number): rlp.encode(block.hash),
        SchemaV1.make_block_hash_to_score_lookup_key(block.hash): rlp.encode(score),
        block.hash: block.rlp,
    } | {SchemaV1.make_transaction_hash_to_block_lookup_key(tx.hash): rlp.encode([block.number, n])
         for n, tx in enumerate(block.transactions)}
    if any(store.node(key) != value for key, value in wanted.items()):
        report.fault(f"what the engine knows of block {block.number} is not that block.")


_SUM_MASK = (1 << 128) - 1


def _row_sum(term: int, number: int, packed: bytes) -> int:
    head = term.to_bytes(8, "big", signed=True) + number.to_bytes(8, "big", signed=True)
    return int.from_bytes(blake2b(head + packed, digest_size=16).digest(), "big")


def _expected_sum(block: Block) -> int:
    logs = [log for position in range(len(block.transactions)) for log in block.logs(position)]
    rows = index_rows((log.address, log.topics) for log in logs)
    return sum(_row_sum(term, block.number, packed) for term, packed in rows) & _SUM_MASK


def _nodes(store: Store, report: CheckReport, _: bool) -> None:
    # Step 4
    for number, key, value in store.rows("SELECT id, key, value FROM node", int, bytes, bytes):
        report.nodes += 1
        if keccak(value) != key:
            report.fault(f"node {number} (0x{key.hex()}) has other content.")
        if not store.finds_node(key, number):
            report.fault(f"node {number} (0x{key.hex()}) is not in the index of nodes.")
    ((stray,),) = store.rows("SELECT count(*) FROM node_at WHERE id NOT IN (SELECT id FROM node)", int)
    if stray:
        report.fault(f"the index of nodes has {stray} rows that lead nowhere.")
    head = store.head()
    if head is None:
        return
    gaps = rlp.encode([[], (head.number + 1).to_bytes(32, "big")])
    wanted = {SchemaV1.make_canonical_head_hash_lookup_key(): head.hash}
    if head.number:
        wanted |= {
            SchemaV1.make_chain_gaps_lookup_key(): gaps, SchemaV1.make_header_chain_gaps_lookup_key(): gaps}
    if any(store.node(key) != value for key, value in wanted.items()):
        report.fault("the engine's head is not the head of the chain.")
    ((found,),) = store.rows("SELECT count(*) FROM pointer", int)
    expected = len(wanted) + 2 * report.blocks + report.transactions
    if found != expected:
        report.fault(f"the engine has {found} pointers where {expected} belong.")


def _states(store: Store, report: CheckReport, deep: bool) -> None:
    # Step 5
    head = store.head()
    if head is None:
        return
    visited: set[bytes] = set()
    for number in range(head.number, -1 if deep else head.number - 1, -1):
        row = store.block(number)
        if row is not None:
            for what in _walk(store, state_root(row.rlp), visited):
                report.fault(f"the state of block {number} {what}.")
    report.state_nodes = len(visited)


def _walk(store: Store, root: bytes, visited: set[bytes]) -> Iterator[str]:
    """Every node below a state root, of accounts and of their storage; yields what is wrong."""
    waiting = [(root, True)]
    while waiting:
        name, accounts = waiting.pop()
        if name in visited or name in (EMPTY_ROOT, EMPTY_CODE_HASH):
            continue
        visited.add(name)
        try:
            value = store.node(name)
        except CargoLedgerError:
            value = None  # named already, with its content, among the nodes
        if value is None:
            yield f"needs node 0x{name.hex()}, which is missing or damaged"
            continue
        for child, leaf in _children(rlp.decode(value)):
            if not leaf:
                waiting.append((child, accounts))
            elif accounts:
                _, _, storage, code = rlp.decode(child)
                waiting.append((storage, False))
                if code != EMPTY_CODE_HASH and code not in visited:
                    visited.add(code)
                    if store.node(code) is None:
                        yield f"needs code 0x{code.hex()}, which is missing"


def _children(node: list[object]) -> Iterator[tuple[bytes, bool]]:
    """(hash of a child, False) or (value of a leaf, True), of a node and the nodes inside it."""
    if len(node) == 17:
        items = [item for item in node[:16] if item]
        if isinstance(node[16], bytes) and node[16]:
            yield node[16], True
    else:
        path, item = node
        if isinstance(path, bytes) and path[0] & 0x20 and isinstance(item, bytes):
            yield item, True
            return
        items = [item]
    for item in items:
        if isinstance(item, list):
            yield from _children(item)
        elif isinstance(item, bytes):
            yield item, False
