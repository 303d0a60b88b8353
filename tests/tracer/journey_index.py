"""The journey of examples/ as index rows, without a chain: names and content by the product's own readers,
states by a few lines that record everything except the acts a caller says were refused.

It stands in for ledger and indexer where a test is about what the tracer makes of their rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, update
from sqlalchemy.orm import Session
from sqlmodel import SQLModel, col

from indexer import database
from indexer import models as m
from indexer.bulk import upsert
from indexer.database import open_engine
from indexer.payloads import Examined, Lens, Signed, document_of, project_content
from indexer.store import Rows, table_of
from ledger.directory import Directory
from ledger.events.document import read_document
from ledger.events.model import CustodyEvent, event_id
from ledger.events.profile import Interpretation, NamingContext, interpret
from ledger.keys.sealing import Opened
from ledger.vocabulary import Kind, LineRole, Origin, Outcome, Thing
from tracer.load import load_book
from tracer.moment import Span
from tracer.replay import replay

JOURNEY = Path(__file__).resolve().parents[2] / "examples" / "journey"
SECRET = bytes(range(32))
ZERO = "0x" + "00" * 32
_SEEN: dict[str, tuple[dict[str, bytes | None], Interpretation]] = {}


@cache
def _read(path: Path) -> tuple[dict[str, Any], ...]:
    return read_document(path.read_bytes()).events


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


def _key(enterprise: str) -> bytes:
    return enterprise.encode().ljust(32, b"-")[:32]


def directory() -> Directory:
    return Directory.from_json(json.loads((JOURNEY / "participants.json").read_text("utf-8")))


def story(*faults: str) -> list[tuple[str, str, Path]]:
    """(file, poster, path) of every document, with the irregularities of these names laid over."""
    index = json.loads((JOURNEY / "journey.json").read_text("utf-8"))
    paths = {d["file"]: (d["as"], JOURNEY / "documents" / d["file"]) for d in index["documents"]}
    for fault in index["irregularities"]:
        if fault["name"] not in faults:
            continue
        for file in fault["removes"]:
            del paths[file]
        for document in [*fault["replaces"], *fault["adds"]]:
            paths[document["file"]] = (document["as"],
                                       JOURNEY / "irregularities" / fault["name"] / document["file"])
    return [(name, poster, path) for name, (poster, path) in sorted(paths.items())]


def irregularities() -> list[dict[str, Any]]:
    return list(json.loads((JOURNEY / "journey.json").read_text("utf-8"))["irregularities"])


class JourneyIndex:
    """An in-memory index that takes events one after the other."""

    def __init__(self, engine: Engine | None = None) -> None:
        self.engine = engine or open_engine("sqlite://")
        SQLModel.metadata.create_all(self.engine)
        self.directory = directory()
        self.keys = {b.owner: _key(b.owner) for b in self.directory.books}
        self.lens = Lens((), self.directory, SECRET, self.keys)
        self.seq = 0
        self.known: dict[str, bytes] = {}
        self.uoms: dict[bytes, str] = {}
        with self.engine.begin() as connection:
            rows = Rows(connection)
            rows.at(0, 0)
            for book in self.directory.books:
                rows.put(
                    m.Book,
                    {
                        "number": book.number,
                        "owner": self.directory.participant(book.owner).number,
                        "regime": 1,
                        "options": 0,
                        "opening_open": True,
                    },
                )
            rows.finish()

    def session(self) -> Session:
        return Session(self.engine)

    def post(self, documents: Iterable[tuple[str, Path]], outcomes: Mapping[str, Outcome]) -> None:
        """Record the events of documents, (poster, path); `outcomes` by eventID says which were refused."""
        with self.engine.begin() as connection:
            rows = Rows(connection)
            for poster, path in documents:
                for event in _read(path):
                    self._take(rows, poster, event, outcomes)
            rows.finish()

    def _take(self, rows: Rows, poster: str, event: dict[str, Any], outcomes: Mapping[str, Outcome]) -> str:
        meaning = self._interpret(poster, event)
        said = meaning.event
        self.seq += 1
        rows.at(self.seq, self.seq)
        nonce = int.from_bytes(
            sha256(document_of(Opened(event, SECRET, poster, bytes(32))).encode()).digest()[:8], "big"
        )
        signed = CustodyEvent(**{f: getattr(said, f) for f in said.__slots__} | {"nonce": nonce})
        identity = event_id(signed, bytes(32))
        outcome = outcomes.get(event.get("eventID", ""), Outcome.RECORDED)
        if said.kind == Kind.OPENING:
            outcome = Outcome.PENDING
        self.known.setdefault(event.get("eventID", ""), identity)
        row = {
            "event_id": _hex(identity),
            "seq": self.seq,
            "block_number": self.seq,
            "block_hash": ZERO,
            "tx_hash": f"0x{self.seq:064x}",
            "log_index": self.seq,
            "signer": "0x" + "11" * 20,
            "participant": self.directory.participant(poster).number,
            "kind": said.kind.name,
            "step": said.step.name,
            "counterparty": said.counterparty,
            "facility": said.facility,
            "book": said.book,
            "reference": _hex(said.reference),
            "occurred_at_ms": said.occurred_at_ms,
            "recorded_at_s": said.occurred_at_ms // 1000 + 60,
            "deadline_s": said.occurred_at_ms // 1000 + 86_400,
            "nonce": str(self.seq),
            "commitment": ZERO,
            "outcome": int(outcome),
            "outcome_name": outcome.name,
            "voided_by": None,
            "approved_by": None,
            "ended_by": None,
        }
        lines = [
            {
                "event_id": row["event_id"],
                "position": i,
                "unit": _hex(x.unit),
                "material": _hex(x.material),
                "balance": x.balance.name,
                "quantity_micro": Decimal(x.quantity_micro),
                "role": x.role.name,
            }
            for i, x in enumerate(said.lines)
        ]
        rows.put(m.Event, row)
        for line in lines:
            rows.put(m.EventLine, line)
        opened = Opened(event, SECRET, poster, bytes(32))
        rows.put(m.Payload, {
            "event_id": row["event_id"], "commitment": ZERO, "status": "open",
            "epcis_event_id": event.get("eventID"), "epcis_type": event["type"],
            "is_correction": meaning.is_correction, "document": document_of(opened), "fault": None,
            **({"missing": None} if "missing" in table_of(m.Payload).c else {})})
        project_content(rows, Signed(row, lines), Examined("open", None, opened, meaning), self.lens)
        if outcome == Outcome.RECORDED or outcome == Outcome.PENDING:
            self._state(rows, row, said)
        return str(row["event_id"])

    def _interpret(self, poster: str, event: dict[str, Any]) -> Interpretation:
        """`interpret`, remembered for as long as the event's references stand for the same ids."""
        text = poster + document_of(Opened(event, SECRET, poster, bytes(32)))
        if text in _SEEN and all(self.known.get(k) == v for k, v in _SEEN[text][0].items()):
            return _SEEN[text][1]
        asked: dict[str, bytes | None] = {}

        def resolve(identifier: str) -> bytes | None:
            asked[identifier] = self.known.get(identifier)
            return asked[identifier]

        meaning = interpret(event, NamingContext(SECRET, self.directory, self.keys, poster, resolve))
        _SEEN[text] = (asked, meaning)
        return meaning

    def _state(self, rows: Rows, row: dict[str, Any], said: CustodyEvent) -> None:
        participant = row["participant"]
        for line in said.lines:
            unit = _hex(line.unit)
            if said.kind == Kind.ARRIVE:
                thing = Thing.CARGO if line.role == LineRole.CARGO else Thing.CONTAINER
                self._unit(rows, unit, thing, participant, said, row)
            elif said.kind == Kind.ACCEPT:
                before = rows.get(m.Unit, unit)
                if before:
                    self._unit(rows, unit, Thing[before["thing"]], participant, said, row)
            elif said.kind == Kind.DECLARE:
                declarant = said.counterparty or participant
                rows.put(m.LineState, {
                    "line": unit, "declarant": declarant, "purpose": line.role.name, "status": "REGISTERED",
                    "holds": 0, "material": _hex(line.material), "original": _hex(said.reference),
                    "version": row["event_id"], "quantity_micro": Decimal(line.quantity_micro),
                    "drawn_micro": Decimal(0), "exited_micro": Decimal(0), "returned_micro": Decimal(0),
                    "head": ZERO})
        if said.kind in (Kind.OPENING, Kind.RECEIVE_FACTORY, Kind.RECEIVE_DOMESTIC, Kind.SPLIT, Kind.MERGE,
                         Kind.TRANSFORM):
            self._lots(rows, row, said)
        if said.kind == Kind.APPROVE:
            rows.change(m.Event, row["reference"], approved_by=row["event_id"])
        if said.kind == Kind.CORRECT:
            rows.change(m.Event, row["reference"], voided_by=row["event_id"])

    def _unit(self, rows: Rows, unit: str, thing: Thing, custodian: int, said: CustodyEvent,
              row: dict[str, Any]) -> None:
        same = {
            "thing": thing.name,
            "status": "SUPERVISED" if thing != Thing.LOT else "NONE",
            "eligible": False,
            "holds": 0,
            "custodian": custodian,
            "facility": said.facility,
            "offeree": 0,
        }
        rows.put(m.Unit, {"unit": unit, **same, "empty": False, "offer_expires_at_s": 0, "offer_event": None,
                          "inside": None, "head": ZERO, "changed_by": row["event_id"]})
        rows.put(m.UnitState, {"unit": unit, "seq": row["seq"], "event_id": row["event_id"], **same})

    def settle(self) -> None:
        """Give the lots the balances that the events lead to; the journey on a real ledger shows they are so.
        """
        with self.session() as session:
            for entry in self.directory.books:
                book = load_book(session, self.directory, entry.id, period=Span(0, 2**52))
                for name, held in replay(book).balances.items():
                    values = {f"{b.name.lower()}_micro": Decimal(q) for b, q in held.items()}
                    session.execute(update(m.Lot).where(col(m.Lot.unit) == book.unit_ids[name]).values(**values))
            session.commit()

    def correct(self, event: str, participant: str) -> str:
        """A recorded CORRECT of an event by a participant; its id."""
        self.seq += 1
        correction = f"0x{self.seq:064x}"
        with self.session() as session:
            wrong = session.get_one(m.Event, event)
            at = wrong.model_dump() | {
                "event_id": correction, "seq": self.seq, "log_index": self.seq, "kind": Kind.CORRECT.name, "outcome": 0,
                "participant": self.directory.participant(participant).number, "reference": event,
                "nonce": str(self.seq), "voided_by": None, "approved_by": None}
            session.add(m.Event(**at))
            if wrong.voided_by is None:
                wrong.voided_by = correction
            session.commit()
        return correction

    def _lots(self, rows: Rows, row: dict[str, Any], said: CustodyEvent) -> None:
        parents = [rows.get(m.Lot, _hex(x.unit)) for x in said.lines if x.role == LineRole.INPUT]
        parent = next((p for p in parents if p), None)
        for line in said.lines:
            unit = _hex(line.unit)
            if line.role in (LineRole.INPUT, LineRole.CONTAINER, LineRole.CARGO) or rows.get(m.Lot, unit):
                continue
            origin, source, material, book = Origin.OWN, ZERO, _hex(line.material), said.book
            if said.kind == Kind.OPENING:
                origin = Origin(int(line.role) - 20)
            elif said.kind == Kind.RECEIVE_FACTORY:
                origin, source = Origin.IMPORTED, row["reference"]
            elif said.kind == Kind.RECEIVE_DOMESTIC:
                origin = Origin.DOMESTIC
            elif said.kind in (Kind.SPLIT, Kind.MERGE) and parent:
                origin, source = Origin[parent["origin"]], parent["source_line"]
                material, book = parent["material"], parent["book"]
            zeros = {f"{b}_micro": Decimal(0) for b in ("raw", "wip", "finished", "scrap", "short", "loaded")}
            rows.put(m.Lot, {"unit": unit, "book": book, "material": material, "origin": origin.name,
                             "source_line": source, "created_by": row["event_id"], **zeros})
            self._unit(rows, unit, Thing.LOT, row["participant"], said, row)


def journey(*faults: str, outcomes: Mapping[str, Outcome] = {}) -> JourneyIndex:
    """A fresh copy of the index after the whole story."""
    original = _journey(faults, tuple(outcomes.items()))
    copy = JourneyIndex()
    copy.seq = original.seq
    with original.engine.connect() as source, copy.engine.connect() as target:
        if target.dialect.name == "sqlite":
            source.connection.driver_connection.backup(target.connection.driver_connection)  # type: ignore[union-attr]
            return copy
        for table in m.TABLES:
            rows = [dict(row) for row in source.execute(table.select()).mappings()]
            if rows:
                upsert(target, table, rows)
        target.commit()
    return copy


@cache
def _journey(faults: tuple[str, ...], outcomes: tuple[tuple[str, Outcome], ...]) -> JourneyIndex:
    index = JourneyIndex(database.open_engine("sqlite://"))  # kept for other tests: never a test's own database
    index.post([(poster, path) for _, poster, path in story(*faults)], dict(outcomes))
    index.settle()
    return index


