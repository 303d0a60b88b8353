"""Payloads of the events on the ledger: fetched, opened where a key allows, written, asked for again.

Order of a run: grants (who may read more), then payloads that are new, then those that may have changed:
withheld ones, a share a run; sealed ones that a new grant opens; after a change of keys or directory all that
is not open.
The result depends on what the stores give and on the keys, not on when they gave it: whatever is settled by
order is settled by the ledger's order, and what was read without a later payload is read again when that one
opens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy import Connection, Engine, and_, delete, func, insert, or_, select

from indexer.database import writing
from indexer.grants import GrantBook
from indexer.journal import PayloadLean
from indexer.models import (
    MISMATCH,
    OPEN,
    SEALED,
    WITHHELD,
    CountEntry,
    Cursor,
    DeclarationLine,
    Event,
    EventLine,
    Material,
    Norm,
    Payload,
    PayloadReader,
    Reading,
    UnitName,
)
from indexer.payloads import (
    ID_TAKEN,
    RETRIED,
    Examined,
    Lens,
    Signed,
    content_digest,
    document_of,
    examine,
    fault_text,
    project_content,
    read_again,
)
from indexer.store import Row, Rows, table_of
from ledger.events.ids import UnitType
from ledger.events.strict_json import parse_json
from ledger.keys.grants import Grant
from ledger.keys.sealing import Opened, SealedPayload

CHUNK = 200              # payloads in one transaction
RETRY_MAX = 500          # withheld payloads asked for again in one run: a store that lost many stalls nothing
ROUNDS_MAX = 16          # how often in one run opened payloads may give reason to examine others again


class PayloadSource(Protocol):
    """Where sealed payloads and grants are; `ledger.gateway.payloads.PayloadStore` is one. Not trusted."""

    def get(self, commitment: bytes) -> SealedPayload | None:
        """The payload with that commitment, or None.

        Raises:
            UnavailableError: the store does not answer.
        """
        ...

    def grants(self) -> Sequence[Grant]:
        """All grants that it knows, in a fixed order.

        Raises:
            UnavailableError: the store does not answer.
        """
        ...


class Opener:
    """Brings the payload tables up to date with what the stores have."""

    def __init__(self, source: PayloadSource, lens: Lens, chain_id: int, ledgers: Sequence[bytes]) -> None:
        self._source = source
        self._lens = lens
        self._grants = GrantBook(chain_id, ledgers)
        self._tried_to = 0      # seq up to which this process has asked for every payload once
        self._retry_after = 0   # seq after which the next share of payloads to ask for again begins

    def run(self, engine: Engine) -> tuple[int, int]:
        """Fetch and write what can be.

        Returns:
            How many payloads opened in this run, and how many are withheld after it.

        Raises:
            UnavailableError: a store does not answer; what was written stands.
        """
        grants = list(self._source.grants())
        context = self._lens.fingerprint()
        with writing(engine) as connection:
            rows = Rows(connection)
            cursor = rows.get(Cursor, 1)
            if cursor is None:
                return 0, 0
            fresh = self._grants.take(rows, grants, self._lens)
            rows.finish()
            chosen = self._choose(connection, fresh, everything=cursor["context"] != context)
        opened = self._examine_all(engine, chosen)
        with writing(engine) as connection:
            rows = Rows(connection)
            self._grants.take(rows, grants, self._lens)  # for payloads whose readers are known only now
            rows.at(cursor["block_number"], 0)
            rows.change(Cursor, 1, context=context)
            rows.finish()
            payloads = table_of(Payload)
            waiting = connection.execute(
                select(func.count()).select_from(payloads).where(payloads.c.status == WITHHELD)).scalar()
        return opened, int(waiting or 0)

    def _choose(self, connection: Connection, fresh: set[bytes], *, everything: bool) -> list[str]:
        """Ids of the events whose payload is worth asking for now, in the ledger's order."""
        events, payloads = table_of(Event), table_of(Payload)
        joined = select(events.c.event_id, events.c.seq).join(payloads,
                                                              payloads.c.event_id == events.c.event_id)
        again = or_(payloads.c.status == WITHHELD, and_(
            payloads.c.status == MISMATCH, or_(*(payloads.c.fault.like(f"{code}:%") for code in RETRIED))))
        if everything:
            queries = [joined.where(payloads.c.status != OPEN)]
        else:
            share = joined.where(again,
                                 events.c.seq <= self._tried_to).order_by(events.c.seq).limit(RETRY_MAX)
            late = connection.execute(share.where(events.c.seq > self._retry_after)).all()
            self._retry_after = late[-1].seq if len(late) == RETRY_MAX else 0
            queries = [joined.where(again, events.c.seq > self._tried_to),
                       joined.where(events.c.event_id.in_([row.event_id for row in late]))]
        found = {row.event_id: row.seq for query in queries for row in connection.execute(query)}
        for commitment in sorted(fresh):
            granted = joined.where(payloads.c.status == SEALED,
                                   events.c.commitment == "0x" + commitment.hex())
            found.update((row.event_id, row.seq) for row in connection.execute(granted))
        self._tried_to = max(self._tried_to, connection.execute(select(func.max(events.c.seq))).scalar() or 0)
        return sorted(found, key=lambda event_id: found[event_id])

    def _examine_all(self, engine: Engine, chosen: Sequence[str]) -> int:
        """Examine payloads in order, then those that one of them gave reason to examine again."""
        opened = 0
        for _ in range(ROUNDS_MAX):
            again: set[str] = set()
            for start in range(0, len(chosen), CHUNK):
                count, more = self._examine_some(engine, chosen[start:start + CHUNK])
                opened += count
                again |= more
            if not again:
                return opened
            with engine.connect() as connection:
                events = table_of(Event)
                query = select(events.c.event_id).where(events.c.event_id.in_(again)).order_by(events.c.seq)
                chosen = list(connection.execute(query).scalars())
        return opened

    def _examine_some(self, engine: Engine, chosen: Sequence[str]) -> tuple[int, set[str]]:
        """One transaction. Returns how many opened, and which to examine again."""
        events, lines = table_of(Event), table_of(EventLine)
        with engine.connect() as connection:
            commitments = {row.event_id: row.commitment for row in connection.execute(
                select(events.c.event_id, events.c.commitment).where(events.c.event_id.in_(chosen)))}
        # fetched before the transaction: a slow store must not keep the index locked
        given = {event_id: payload for event_id in chosen
                 if (payload := self._source.get(bytes.fromhex(commitments[event_id][2:]))) is not None}
        if not given:
            return 0, set()  # withheld as before; and a store that lost what it gave once takes nothing back
        chosen = list(given)
        with engine.connect() as connection:
            found = {row["event_id"]: Signed(dict(row), []) for row in connection.execute(
                select(events).where(events.c.event_id.in_(chosen))).mappings()}
            for row in connection.execute(select(lines).where(lines.c.event_id.in_(chosen)).order_by(
                    lines.c.event_id, lines.c.position)).mappings():
                found[row["event_id"]].lines.append(dict(row))
        signed = [found[event_id] for event_id in chosen]
        with writing(engine) as connection:
            rows = Rows(connection)
            rows.prefetch(Payload, chosen)
            named = [line["unit"] for one in signed for line in one.lines]
            rows.prefetch_versions(UnitName, named)
            desk = _Desk(rows, self._lens, self._grants, chosen)
            for one in signed:
                desk.settle(one, given[one.event["event_id"]])
            desk.finish()
            rows.finish()
        return desk.opened, desk.again


class _Desk:
    """Examines payloads within one transaction and writes what becomes of them."""

    def __init__(self, rows: Rows, lens: Lens, grants: GrantBook, chosen: Sequence[str]) -> None:
        self._rows, self._lens, self._grants = rows, lens, grants
        self._names_stale = False
        leaning = table_of(PayloadLean).c.event_id
        self._leaning = set(rows.connection.execute(select(leaning).where(leaning.in_(chosen))).scalars())
        self.opened = 0
        self.again: set[str] = set()

    def settle(self, signed: Signed, sealed: SealedPayload) -> None:
        """Examine one payload and write its state, readers and content."""
        event_id = signed.event["event_id"]
        self.again.discard(event_id)  # what those before it in this transaction name is there by now
        before = self._rows.get(Payload, event_id)
        if before is None:
            return  # rolled back since it was chosen
        self._rows.at(signed.event["block_number"], signed.event["seq"])
        commitment = bytes.fromhex(signed.event["commitment"][2:])
        examined = examine(sealed, signed, self._lens, self._grants.keys_for(commitment), self)
        self._lean(signed, examined)
        if examined.status == OPEN:
            examined = self._first_of_its_id(signed, examined)
        if not examined.proven:
            self._rows.remove(PayloadReader, event_id=event_id)
        elif sealed.commitment == commitment:
            self._readers(event_id, sealed, examined.opened)
        if before["status"] == OPEN and examined.status != OPEN:
            self._withdraw(before)
        self._rows.put(Payload, {**before, **_columns(examined)})
        if examined.status == OPEN:
            self.opened += before["status"] != OPEN
            known = self._containers(examined)
            project_content(self._rows, signed, examined, self._lens)
            self._rows.flush()
            self._reconsider(event_id, examined, known)
            self.again.discard(event_id)
        self._rows.flush()

    def finish(self) -> None:
        """Work out all names again, if a payload that gave some was withdrawn."""
        if self._names_stale:
            self._name_again()
        self._rows.flush()

    # what opened payloads have named (payloads.Known)

    def events(self, epcis_event_id: str) -> list[bytes]:
        """Ids of the events whose open payload carries this eventID, in the ledger's order."""
        return [bytes.fromhex(row["event_id"][2:]) for row in self._labelled(epcis_event_id,
                                                                             is_correction=False)]

    def unread(self, event: bytes) -> bool:
        """Whether this is an event on the ledger whose payload is not open here."""
        payload = self._rows.get(Payload, "0x" + event.hex())
        return payload is not None and payload["status"] != OPEN

    def consignments(self, container: str, units: Sequence[str]) -> list[str]:
        """Consignments on which a container of that number is one of these units."""
        names = table_of(UnitName)
        return list(self._rows.connection.execute(select(names.c.scope).where(
            names.c.type == str(UnitType.CONTAINER), names.c.number == container, names.c.unit.in_(units),
        ).order_by(names.c.scope)).scalars())

    def _labelled(self, epcis_event_id: str, *, is_correction: bool) -> list[Row]:
        events, payloads = table_of(Event), table_of(Payload)
        return [dict(row) for row in self._rows.connection.execute(
            select(payloads, events.c.seq, events.c.participant).join(
                events, events.c.event_id == payloads.c.event_id)
            .where(payloads.c.epcis_event_id == epcis_event_id, payloads.c.is_correction == is_correction,
                   payloads.c.status == OPEN).order_by(events.c.seq)).mappings()]

    # one content under one eventID

    def _first_of_its_id(self, signed: Signed, examined: Examined) -> Examined:
        """The first content that the ledger took under a poster's eventID keeps it; other of that poster's is
        evidence.
        """
        meaning, opened = examined.meaning, examined.opened
        if meaning is None or opened is None or meaning.epcis_event_id is None:
            return examined
        own, own_id = content_digest(opened.event, opened.submitter), signed.event["event_id"]
        for other in self._labelled(meaning.epcis_event_id, is_correction=meaning.is_correction):
            if other["participant"] != signed.event["participant"]:
                continue  # an eventID is its poster's own: another's use of it takes nothing from anybody
            if other["event_id"] == own_id or self._digest(other) == own:
                continue
            if other["seq"] < signed.event["seq"]:
                said = f"eventID {meaning.epcis_event_id!r} stands for other content, of {other['event_id']}."
                return Examined(MISMATCH, fault_text(ID_TAKEN, said), opened)
            self._withdraw(other)
            said = f"eventID {meaning.epcis_event_id!r} stands for other content, of {own_id}."
            self._rows.change(Payload, other["event_id"], status=MISMATCH, fault=fault_text(ID_TAKEN, said),
                              missing=None)
        return examined

    def _digest(self, other: Row) -> bytes:
        poster = self._lens.directory.participant(int(other["participant"])).id
        return content_digest(parse_json(other["document"].encode()), poster)

    def _withdraw(self, payload: Row) -> None:
        """Take back the rows of a payload that was open; who was second under its eventID may be first now.
        """
        for model in (DeclarationLine, Norm, CountEntry, Reading):
            self._rows.remove(model, event_id=payload["event_id"])
        self._names_stale = True
        payloads = table_of(Payload)
        self.again.update(self._rows.connection.execute(select(payloads.c.event_id).where(
            payloads.c.epcis_event_id == payload["epcis_event_id"], payloads.c.status == MISMATCH,
            payloads.c.is_correction == payload["is_correction"], payloads.c.fault.like(f"{ID_TAKEN}:%"),
            payloads.c.event_id != payload["event_id"])).scalars())

    def _name_again(self) -> None:
        """Names from every open payload, in the ledger's order, as a rebuild would find them."""
        for model in (UnitName, Material):
            self._rows.forget_names(model)
        events, lines, payloads = table_of(Event), table_of(EventLine), table_of(Payload)
        connection = self._rows.connection
        for row in connection.execute(select(events, payloads.c.document).join(
                payloads, payloads.c.event_id == events.c.event_id).where(
                payloads.c.status == OPEN).order_by(events.c.seq)).mappings().all():
            own = [dict(line) for line in connection.execute(select(lines).where(
                lines.c.event_id == row["event_id"]).order_by(lines.c.position)).mappings()]
            signed = Signed(dict(row), own)
            self._rows.at(row["block_number"], row["seq"])
            examined = read_again(parse_json(row["document"].encode()), signed, self._lens, self)
            if examined.status == OPEN:
                project_content(self._rows, signed, examined, self._lens)
        self._rows.flush()

    # who waits for what, and who was helped by whom

    def _lean(self, signed: Signed, examined: Examined) -> None:
        """Note a payload that was read with the help of a later event's: a roll-back of that undoes it."""
        event_id, own = signed.event["event_id"], int(signed.event["seq"])
        lean, table = own, table_of(PayloadLean)
        for needed in examined.needed:
            if isinstance(needed, bytes):
                event = self._rows.get(Event, "0x" + needed.hex())
                lean = max(lean, int(event["seq"]) if event else 0)
                continue
            for line in signed.lines:
                name = self._rows.get(UnitName, line["unit"])
                if name is not None and name["number"] == needed:
                    chain = self._rows.versions(UnitName, line["unit"])
                    lean = max(lean, chain[0][0] if chain else 0)
        if event_id in self._leaning:
            self._rows.connection.execute(delete(table).where(table.c.event_id == event_id))
        if lean > own:
            self._leaning.add(event_id)
            self._rows.connection.execute(insert(table).values(event_id=event_id, seq=lean))

    @staticmethod
    def _containers(examined: Examined) -> set[str]:
        units = examined.meaning.units if examined.meaning else ()
        return {unit.number for unit in units if unit.type is UnitType.CONTAINER}

    def _reconsider(self, event_id: str, examined: Examined, containers: set[str]) -> None:
        """Payloads that referred to what this one names are examined again."""
        meaning = examined.meaning
        wanted = [f"container:{number}" for number in sorted(containers)]
        if meaning is not None and meaning.epcis_event_id is not None and not meaning.is_correction:
            wanted.append(f"event:{meaning.epcis_event_id}")
        payloads, events = table_of(Payload), table_of(Event)
        self.again.update(self._rows.connection.execute(
            select(payloads.c.event_id).where(payloads.c.missing.in_(wanted))).scalars())
        self.again.update(self._rows.connection.execute(  # what refers to it by another name was not checked
            select(payloads.c.event_id).join(events, events.c.event_id == payloads.c.event_id).where(
                events.c.reference == event_id, payloads.c.missing.like("event:%"))).scalars())

    def _readers(self, event_id: str, sealed: SealedPayload, opened: Opened | None) -> None:
        """Who the payload was sealed to: by its poster, where it opened, not only by whoever stores it."""
        readers = table_of(PayloadReader)
        before = set(self._rows.connection.execute(select(readers.c.participant).where(
            readers.c.event_id == event_id, readers.c.grant_id == "")).scalars())
        now = {r.participant for r in sealed.readers} if opened is None else opened.sealed_for(sealed)
        for gone in before - now:
            self._rows.remove(PayloadReader, event_id=event_id, participant=gone, grant_id="")
        for new in sorted(now - before):
            self._rows.put(PayloadReader, {"event_id": event_id, "participant": new, "grant_id": "",
                                           "until_s": None})


def _columns(examined: Examined) -> Row:
    """The state of a payload as columns. Content that is not proven to be the poster's own leaves no trace.

    A commitment is public: whoever signs an event with that of another would else be shown its content.
    """
    opened = examined.opened if examined.proven else None
    event = opened.event if opened is not None else {}
    return {
        "status": examined.status, "fault": examined.fault, "missing": examined.missing,
        "document": document_of(opened) if opened is not None else None,
        "epcis_event_id": _text_or_none(event.get("eventID")), "epcis_type": _text_or_none(event.get("type")),
        "is_correction": "errorDeclaration" in event}


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None
