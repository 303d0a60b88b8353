"""The indexer: reads the chain to its head, then the payloads, and writes both exactly once.

Rows and cursor move in one transaction, so that a process killed at any moment goes on where it was; backfill
and live are the same path. Payloads come second and never hold up the chain: what no store has is `withheld`
and asked for again. One process writes an index at a time (`writer_lock`).

States of a run: checked against the cursor -> blocks -> payloads -> at the head. On a TrustError it stops
there; what was written before stands. A block that contradicts ours is kept as `Evidence`: with instant
finality the run ends, otherwise the index rolls back (`rollback`) and the run begins again.
"""

from __future__ import annotations

import copy
import gc
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from sqlalchemy import Engine, func, insert, select

from indexer.ahead import BLOCKS_MIN, Ahead
from indexer.database import database_faults, migrate, writer_lock, writing
from indexer.decode import Ledgers
from indexer.faults import ForkError, IndexBusyError, WrongLedgerError
from indexer.feed import trim
from indexer.history import trim_history
from indexer.indexes import leave_out, make_missing
from indexer.journal import HistoryStart
from indexer.models import WITHHELD, Block, Cursor, Event, Evidence, Payload, Succession
from indexer.opening import Opener, PayloadSource
from indexer.partitions import tell_planner
from indexer.payloads import Lens
from indexer.project import last_seq, prefetch, project_block
from indexer.reconcile import Case, Link, reconcile
from indexer.rollback import BLOCKS_MAX as ROLL_BACK_BLOCKS_MAX
from indexer.rollback import RolledBack, roll_back_to_ancestor
from indexer.sheet import Sheet
from indexer.source import PinnedLedger, Source
from indexer.store import Rows, hexed, table_of
from ledger.chain.client import ChainClient
from ledger.directory import Directory
from ledger.errors import UnavailableError
from ledger.keys.reading import ReadingKey

BLOCKS_MAX = 1_000       # blocks in one transaction: backfill commits often enough to show progress
EVENTS_MAX = 8_000       # events in one transaction: about 40 MB of rows in memory
EVENTS_FIRST = 1_000     # in the first of a run, the next twice as large: it writes while others are read
_COLLECT_AFTER = 200_000  # new objects
LOCK_WAIT_S = 10.0       # another process's run to the head is usually over sooner
ROLL_BACKS_MAX = 16      # in one run: a chain that turns more often than that is not worth following now


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Attributes:
        block_number: last block indexed, -1 before the first; head_number: the chain's.
        blocks, events: indexed by this run.
        payloads_open: opened by this run; payloads_waiting: withheld now.
        rows: written by this run for its blocks.
        rolled_back: blocks that this run took back; never any with instant finality.
    """

    block_number: int
    head_number: int
    blocks: int = 0
    events: int = 0
    payloads_open: int = 0
    payloads_waiting: int = 0
    rows: int = 0
    rolled_back: int = 0

    @property
    def at_head(self) -> bool:
        """Whether nothing was left to index when it was said."""
        return self.block_number >= self.head_number


class Indexer:
    """Loads one ledger into one database. Its methods may be called from any thread, one at a time."""

    def __init__(
        self, chain: ChainClient, deployment: PinnedLedger, engine: Engine, payloads: PayloadSource,
        *, reading_keys: Sequence[ReadingKey], directory: Directory, network_secret: bytes,
        enterprise_keys: Mapping[str, bytes] | None = None, confirmations: int = 0, instant: bool = True,
        feed_changes_max: int = 5_000_000, history_days: int = 0,
    ) -> None:
        """Bring the database to the present version.

        Args:
            chain: a node; it is not trusted.
            deployment: which contracts, with their pinned code.
            engine: from `open_engine`.
            payloads: where sealed payloads and grants are.
            reading_keys: open what was sealed or granted to them; without any everything stays sealed.
            directory: names of participants, facilities and books.
            network_secret: 32 bytes, makes unit ids.
            enterprise_keys: enterprise id to 32 bytes, make material ids; those not held are taken as posted.
            confirmations: blocks on a block before it is indexed; 0 with instant finality.
            instant: whether a block that is there counts for ever. Then a block that contradicts one of
                ours halts the index; else the index rolls back to the common ancestor and goes on.
            feed_changes_max: changes that the feed keeps; without instant finality those that the deepest
                roll-back needs stay as well.
            history_days: how long the index remembers how its rows were; 0 for ever.
        """
        migrate(engine)
        self.engine = engine
        self._source = Source(chain, deployment, confirmations=confirmations)
        self._deployment = deployment
        self._lens = Lens(tuple(reading_keys), directory, network_secret, dict(enterprise_keys or {}))
        self._payloads, self._instant = payloads, instant
        self._feed_changes_max, self._history_days = feed_changes_max, history_days
        self._opener = self._new_opener()
        self._reading = Ledgers(deployment)
        self._rows: type[Rows] = Rows
        self._indexes_made = False

    def beside(self, engine: Engine, rows: type[Rows] = Rows) -> Indexer:
        """The same chain, payload stores and keys into another database: a rebuild, or what an audit compares
        with. `rows` may note more about what is written.
        """
        migrate(engine)
        other = copy.copy(self)
        other.engine, other._rows = engine, rows
        if not rows.tells:
            other._history_days = 0  # what is compared with another remembers as far as that (`history`)
        other._opener = self._new_opener()
        other._reading = Ledgers(self._deployment)
        other._indexes_made = False
        return other

    @property
    def source(self) -> Source:
        """Where its blocks come from, checked."""
        return self._source

    @property
    def context(self) -> str:
        """Fingerprint of the keys and names with which it reads payloads; see `Cursor.context`."""
        return self._lens.fingerprint()

    def _new_opener(self) -> Opener:
        return Opener(self._payloads, self._lens, self._deployment.chain_id, self._deployment.ledgers)

    def run_once(
        self, on_progress: Callable[[Progress], None] | None = None, *, until_block: int | None = None,
    ) -> Progress:
        """Index to the head that the chain has now, then open what payloads can be opened.

        Args:
            on_progress: told after each transaction.
            until_block: go no further than this block, although the chain does.

        Raises:
            TrustError: the node, or the index, is not what it should be; names what.
            UnavailableError: the node, a payload store or the index (another writer) is away; run again.
            InvariantError: the database failed; stop.
        """
        tell = on_progress or (lambda _: None)
        with database_faults(), writer_lock(self.engine, wait_s=LOCK_WAIT_S):
            try:
                progress = self._blocks(tell, until_block)
            finally:
                if not self._indexes_made:
                    make_missing(self.engine)
                    self._indexes_made = True
            if progress.blocks:
                tell_planner(self.engine)
            opened, waiting = self._opener.run(self.engine)
            reach = None if self._instant else progress.block_number - ROLL_BACK_BLOCKS_MAX
            trim(self.engine, self._feed_changes_max, from_block=reach)
            trim_history(self.engine, self._history_days, keep_from=reach)
        progress = replace(progress, payloads_open=opened, payloads_waiting=waiting)
        tell(progress)
        return progress

    def follow(
        self, stop: threading.Event, *, poll_s: float = 1.0,
        on_progress: Callable[[Progress], None] | None = None,
        on_fault: Callable[[UnavailableError], None] | None = None,
    ) -> None:
        """Run again and again until `stop` is set. What is away is waited for; what lies ends it.

        Raises:
            TrustError: see `run_once`; nothing is retried.
        """
        while not stop.is_set():
            try:
                self.run_once(on_progress)
            except UnavailableError as fault:
                self._source.unpin()
                if on_fault is not None:
                    on_fault(fault)
            stop.wait(poll_s)

    def _blocks(self, tell: Callable[[Progress], None], until_block: int | None) -> Progress:
        """Every block that is missing; begun again after a roll-back."""
        rolled_back = 0
        for _ in range(ROLL_BACKS_MAX):
            try:
                return replace(self._to_head(tell, until_block), rolled_back=rolled_back)
            except RolledBack as back:
                rolled_back += back.blocks
                self._opener = self._new_opener()  # what it remembers may be of events that are gone
        raise UnavailableError("the chain reorganises faster than it can be read.",
                               remedy="Run again; more confirmations may be needed.")

    def _to_head(self, tell: Callable[[Progress], None], until_block: int | None) -> Progress:
        """Every block that is missing, a group in a transaction.

        Raises:
            RolledBack: the chain contradicted the index, which stands at the common ancestor now.
        """
        if not self._instant:
            self._source.forget()
        head_number = self._source.head_number()
        head = self._check_position(head_number)
        if until_block is not None:
            head_number = min(head_number, until_block)
        number = self._deployment.block_number if head is None else head.number + 1
        blocks = events = rows = 0
        with _rows_without_cycles(), Ahead(self._source, self._deployment, self._reading) as ahead:
            while number <= head_number:
                group, count = self._fetch(
                    ahead, head, number, head_number, min(EVENTS_MAX, EVENTS_FIRST + events))
                rows += self._write(head, group, head_number - number + 1)
                head = group[-1].link
                number, blocks, events = head.number + 1, blocks + len(group), events + count
                tell(Progress(head.number, head_number, blocks, events, rows=rows))
        return Progress(head.number if head else -1, head_number, blocks, events, rows=rows)

    def _check_position(self, head_number: int) -> Link | None:
        """Our last block; the node must have the same one, or at its own head the one that we have there.

        Raises:
            WrongLedgerError: the index is another ledger's.
            ForkError: the node contradicts a block that we hold.
        """
        with self.engine.connect() as connection:
            rows = Rows(connection)
            cursor = rows.get(Cursor, 1)
            if cursor is None:
                self._reading = Ledgers(self._deployment)
                return None
            ended = connection.execute(select(func.count()).select_from(table_of(Succession))).scalar() or 0
            self._reading = Ledgers(self._deployment, min(ended, len(self._deployment.ledgers) - 1))
            if (cursor["chain_id"], cursor["ledger_address"]) != (
                    self._deployment.chain_id, hexed(self._deployment.ledgers[0])):
                raise WrongLedgerError(
                    f"this index is of ledger {cursor['ledger_address']} on chain {cursor['chain_id']}.",
                    remedy="Use another database, or delete this one.")
            ours = rows.get(Block, cursor["block_number"])
            both = rows.get(Block, min(head_number, cursor["block_number"]))
        if ours is None:
            raise WrongLedgerError("the index has no row for the block that it stands at.",
                                   remedy="Delete it: it is rebuilt from the chain.")
        head = _link(ours)
        if both is not None:
            header = self._source.header(both["number"])
            if reconcile(head, Link(header.number, header.hash, header.parent_hash), _unhex(both["hash"]),
                         self._deployment.block_number) is Case.REORGANISATION:
                self._contradicted(both["rlp"], header.number, header.hash, header.rlp)
        return head

    def _fetch(
        self, ahead: Ahead, head: Link | None, number: int, head_number: int,
        events_max: int = EVENTS_MAX,
    ) -> tuple[list[Sheet], int]:
        """Sheets of checked blocks from `number`, each linked to the one before, and how many events they
        hold; no further block once they hold `events_max`.
        """
        group: list[Sheet] = []
        count = 0
        while number <= head_number and len(group) < BLOCKS_MAX and count < events_max:
            try:
                sheet = ahead.sheet(number, head_number, head)
            except WrongLedgerError:
                if group:  # write the old ledger up to its end: the next round says why it stops there
                    break
                raise
            if reconcile(head, sheet.link, None, self._deployment.block_number) is not Case.NEXT:
                if group:  # write what links: the next round meets the fork at a stored head
                    break
                with self.engine.connect() as connection:
                    below = Rows(connection).get(Block, number - 1)
                self._contradicted(below["rlp"] if below else "", number, sheet.hash, sheet.rlp)
            group.append(sheet)
            count += sheet.events
            head = sheet.link
            number += 1
        return group, count

    def _write(self, head: Link | None, group: list[Sheet], missing: int = 0) -> int:
        """Rows of a group of blocks and the cursor, in one transaction; how many were written.

        Args:
            head: the block that the index stands at.
            group: the blocks behind it.
            missing: how many blocks the index lacks, these included.
        """
        with writing(self.engine) as connection:
            rows = self._rows(connection)
            cursor = rows.get(Cursor, 1)
            if (cursor["block_hash"] if cursor else None) != (hexed(head.hash) if head else None):
                raise IndexBusyError("another process moved this index meanwhile.",
                                     remedy="Let one process write.")
            seq = last_seq(rows)
            prefetch(rows, group)
            for sheet in group:
                seq = project_block(rows, sheet, seq)
            last = group[-1]
            rows.put(Cursor, {
                "id": 1, "chain_id": self._deployment.chain_id,
                "ledger_address": hexed(self._deployment.ledgers[0]),
                "block_number": last.number, "block_hash": hexed(last.hash),
                "context": cursor["context"] if cursor else self.context})
            if cursor is None:
                connection.execute(insert(table_of(HistoryStart)).values(
                    id=1, block_number=-1, feed=secrets.token_hex(8)))
                if missing >= BLOCKS_MIN:
                    self._indexes_made = False
                    leave_out(connection)
            rows.finish()
            return rows.written

    def _contradicted(self, our_rlp: str, number: int, their_hash: bytes, their_rlp: bytes) -> None:
        """With instant finality keep both headers, then stop; else roll back to the common ancestor.

        Raises:
            ForkError: with instant finality.
            RolledBack: without; the index stands at an earlier block now.
        """
        if not self._instant:
            raise RolledBack(roll_back_to_ancestor(self.engine, self._source, self._deployment.block_number))
        what = fork_said(number, their_hash)
        with writing(self.engine) as connection:
            rows = Rows(connection)
            rows.at(number, 0)
            rows.put(Evidence,
                     {"block_number": number, "their_hash": hexed(their_hash), "our_header": our_rlp,
                                "their_header": hexed(their_rlp), "what": what})
            rows.finish()
        raise ForkError(f"{what}; both headers are kept in the table evidence.",
                        remedy="Find out which history the other validators have before going on.")


@contextmanager
def _rows_without_cycles() -> Iterator[None]:
    """Let the cycle collector look less often: it would walk through every row in memory again and again, and
    rows make no cycles.
    """
    before = gc.get_threshold()
    gc.set_threshold(max(before[0], _COLLECT_AFTER), *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def waiting_payloads(engine: Engine) -> list[str]:
    """Ids of events whose payload no store has given yet, in the ledger's order."""
    events, payloads = table_of(Event), table_of(Payload)
    with engine.connect() as connection:
        return list(connection.execute(
            select(events.c.event_id).join(payloads, payloads.c.event_id == events.c.event_id)
            .where(payloads.c.status == WITHHELD).order_by(events.c.seq)).scalars())


def fork_said(number: int, their_hash: bytes) -> str:
    """What a row of `evidence` says."""
    return (f"block {number}: the node has 0x{their_hash.hex()}, which contradicts what is indexed. "
            "On a chain with instant finality this is evidence of a consensus fault")


def _link(row: Mapping[str, object]) -> Link:
    return Link(int(str(row["number"])), _unhex(row["hash"]), _unhex(row["parent_hash"]))


def _unhex(text: object) -> bytes:
    return bytes.fromhex(str(text)[2:])
