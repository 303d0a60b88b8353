"""What becomes of payloads within one transaction: examined, written, and who is to be examined again.

A payload may be read by the word of others: the event that an eventID stands for, the consignment under
which a container was named (`PayloadNeed`). When the answer changes, because one opens or is taken back,
those that asked are examined again. Names that a payload gave first go with it, and with them everything that
was read by their help, also by way of another; no payload vouches for itself by what it named before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy import delete, insert, select

from indexer.grants import GrantBook
from indexer.journal import HistoryStart, PayloadNeed, leaned_from
from indexer.models import (
    MISMATCH,
    OPEN,
    WITHHELD,
    CountEntry,
    DeclarationLine,
    Event,
    EventLine,
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
from indexer.store import Key, Row, Rows, table_of
from ledger.events.ids import UnitType
from ledger.events.rules import EVENT_ID_BYTES_MAX
from ledger.events.strict_json import parse_json
from ledger.keys.sealing import Opened, SealedPayload

WITHDRAWN_MAX = 8   # times in one run: two that refute each other would else go on for ever
_WINDOW = 200       # payloads of which names are worked out at once


class Desk:
    """Examines payloads within one transaction and writes what becomes of them.

    Attributes:
        opened: how many opened that were not open.
        again: ids of the events whose payload there is reason to examine again.
    """

    def __init__(
        self, rows: Rows, lens: Lens, grants: GrantBook, chosen: Sequence[str], withdrawn: Counter[str], *,
        anew: bool,
    ) -> None:
        """Begin.

        Args:
            rows: of the transaction.
            lens, grants: with what payloads are opened and read.
            chosen: ids of the events that will be settled.
            withdrawn: how often each payload was taken back in this run; counted on.
            anew: whether open payloads are read with other keys or names than before, so that what they
                gave may be less.
        """
        self._rows, self._lens, self._grants = rows, lens, grants
        self._withdrawn, self._anew = withdrawn, anew
        self._stale_from: int | None = None
        self._needs: dict[str, set[tuple[str, int]]] = {}
        self._recall(chosen)
        self.opened = 0
        self.again: set[str] = set()

    def settle(self, signed: Signed, sealed: SealedPayload | None) -> None:
        """Examine one payload and write its state, readers and content.

        Args:
            signed: its event.
            sealed: what a store gave; None to read the content that was opened before.
        """
        event_id = signed.event["event_id"]
        self.again.discard(event_id)  # what those before it in this transaction name is there by now
        before = self._rows.get(Payload, event_id)
        if before is None or (sealed is None and before["document"] is None):
            return  # rolled back or taken back since it was chosen
        self._rows.at(signed.event["block_number"], signed.event["seq"])
        commitment = bytes.fromhex(signed.event["commitment"][2:])
        if sealed is None:
            examined = read_again(before["document"], signed, self._lens, self)
        else:
            examined = examine(sealed, signed, self._lens, self._grants.keys_for(commitment), self)
            if before["document"] is not None and (examined.fault or "").partition(":")[0] in RETRIED:
                sealed = None  # the store has lost what it gave before: that takes nothing back
                examined = read_again(before["document"], signed, self._lens, self)
        self._need(signed, examined, stays=before["status"] == OPEN)
        if examined.status == OPEN:
            if before["status"] != OPEN and self._withdrawn[event_id] >= WITHDRAWN_MAX:
                return
            examined = self._first_of_its_id(signed, examined)
        if not examined.proven:
            self._rows.remove(PayloadReader, event_id=event_id)
        elif sealed is not None and sealed.commitment == commitment:
            self._readers(event_id, sealed, examined.opened)
        if before["status"] == OPEN and examined.status != OPEN:
            self._withdraw(before, int(signed.event["seq"]))
        self._rows.put(Payload, {**before, **_columns(examined)})
        if examined.status == OPEN:
            self.opened += before["status"] != OPEN
            self._project(signed, examined, before)
            self.again.discard(event_id)
        self._rows.flush()

    def miss(self, signed: Signed) -> None:
        """Note that no store has a payload that there was reason to ask for and that is not open: whatever
        was said of it was said with other keys, so it is withheld, and asked for until a store has it again.
        """
        payload = self._rows.get(Payload, signed.event["event_id"])
        if payload is None or payload["document"] is not None or payload["status"] == WITHHELD:
            return
        if (payload["fault"] or "").partition(":")[0] in RETRIED:
            return  # it is asked for again as it is
        self._rows.at(signed.event["block_number"], signed.event["seq"])
        self._rows.put(Payload, {**payload, "status": WITHHELD, "fault": None, "missing": None})
        self._rows.flush()

    def finish(self) -> None:
        """Work out names again, if a payload that gave some was withdrawn."""
        if self._stale_from is not None:
            self._name_again(self._stale_from)
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
            self._withdraw(other, int(other["seq"]))
            said = f"eventID {meaning.epcis_event_id!r} stands for other content, of {own_id}."
            self._rows.change(Payload, other["event_id"], status=MISMATCH, fault=fault_text(ID_TAKEN, said),
                              missing=None)
        return examined

    def _digest(self, other: Row) -> bytes:
        poster = self._lens.directory.participant(int(other["participant"])).id
        return content_digest(parse_json(other["document"].encode()), poster)

    def _withdraw(self, payload: Row, seq: int) -> None:
        """Take back a payload that was open, with what it named."""
        self._withdrawn[payload["event_id"]] += 1
        self._take_rows(payload)
        if self._rows.named_by(seq) or leaned_from(self._rows.connection, seq) is not None:
            self._stale(seq)

    def _take_rows(self, payload: Row) -> None:
        """Take back the rows of a payload that was open. Who was second under its eventID may be first now,
        and what was read by its word may be read otherwise.
        """
        event_id, payloads = payload["event_id"], table_of(Payload)
        for model in (DeclarationLine, Norm, CountEntry, Reading):
            self._rows.remove(model, event_id=event_id)
        self.again.update(self._rows.connection.execute(select(payloads.c.event_id).where(
            payloads.c.epcis_event_id == payload["epcis_event_id"], payloads.c.status == MISMATCH,
            payloads.c.is_correction == payload["is_correction"], payloads.c.fault.like(f"{ID_TAKEN}:%"),
            payloads.c.event_id != event_id)).scalars())
        self._asked_by_reference(event_id)
        if payload["epcis_event_id"] is not None and not payload["is_correction"]:
            self._asked([f"event:{payload['epcis_event_id']}"])

    # names

    def _stale(self, seq: int) -> None:
        self._stale_from = seq if self._stale_from is None else min(seq, self._stale_from)

    def _project(self, signed: Signed, examined: Examined, before: Row) -> None:
        """Rows of an open payload, and who waits for what it names."""
        seq, known = int(signed.event["seq"]), set[tuple[str, Key]]()
        if self._anew and before["status"] == OPEN:
            known = self._rows.named_by(seq)
            for name, key in known:
                self._rows.forget_versions(name, key, seq, seq + 1)
            self._rows.flush()
        containers = self._new_containers(examined)
        project_content(self._rows, signed, examined, self._lens)
        self._rows.flush()
        if known - self._rows.named_by(seq):
            self._stale(seq)  # others may have been read by what it names no longer
        event_id, wanted = signed.event["event_id"], list[str]()
        if before["status"] != OPEN:
            self._asked_by_reference(event_id)
            meaning = examined.meaning
            if meaning is not None and meaning.epcis_event_id is not None and not meaning.is_correction:
                wanted.append(f"event:{meaning.epcis_event_id}")
        self._asked(wanted)
        self._asked_for_containers(containers)

    def _new_containers(self, examined: Examined) -> dict[str, str]:
        """The containers that a payload names and nobody named before: number by id."""
        units = examined.meaning.units if examined.meaning else ()
        named = {"0x" + unit.unit.hex(): unit.number for unit in units if unit.type is UnitType.CONTAINER}
        return {unit: number for unit, number in named.items() if self._rows.get(UnitName, unit) is None}

    def _name_again(self, stale_from: int) -> None:
        """Names from the open payloads from a place on, in the ledger's order, as a rebuild would find them.
        What can no longer be read is taken back too.
        """
        connection, first = self._rows.connection, stale_from
        leaned = leaned_from(connection, stale_from)
        first = stale_from if leaned is None else min(leaned, stale_from)
        start = connection.execute(select(table_of(HistoryStart))).first()
        if start is None or (start.block_number >= 0 and start.as_of_ms is None):
            first = 0  # an index that did not keep versions from the beginning
        gone = self._rows.forget_names(first)
        events, payloads = table_of(Event), table_of(Payload)
        place = first - 1
        while True:
            window = connection.execute(select(events.c.event_id, events.c.seq).join(
                payloads, payloads.c.event_id == events.c.event_id).where(
                payloads.c.status == OPEN, events.c.seq > place).order_by(events.c.seq).limit(_WINDOW)).all()
            if not window:
                break
            place, listed = window[-1].seq, [row.event_id for row in window]
            self._recall(listed)
            for signed in signed_rows(self._rows, listed):
                self._read_on(signed)
        self._asked_for_containers({
            row["unit"]: row["number"] for name, row in gone
            if name == table_of(UnitName).name and row["type"] == str(UnitType.CONTAINER)})

    def _read_on(self, signed: Signed) -> None:
        """An open payload once more, with the names that are there by now."""
        event_id = signed.event["event_id"]
        payload = self._rows.get(Payload, event_id)
        if payload is None or payload["status"] != OPEN:
            return
        self._rows.at(signed.event["block_number"], signed.event["seq"])
        examined = read_again(payload["document"], signed, self._lens, self)
        self._need(signed, examined, stays=False)
        if examined.status == OPEN:
            self._rows.put(Payload, {**payload, **_columns(examined)})
            containers = self._new_containers(examined)
            project_content(self._rows, signed, examined, self._lens)
            self._rows.flush()
            self._asked_for_containers(containers)
            return
        # it may be read by what comes after it: then it is examined again
        self._take_rows(payload)
        if not examined.proven:
            self._rows.remove(PayloadReader, event_id=event_id)
        self._rows.put(Payload, {**payload, **_columns(examined)})
        self._rows.flush()

    # who asked what, and who was helped by whom

    def _recall(self, event_ids: Sequence[str]) -> None:
        """What these payloads referred to when they were examined before."""
        needs = table_of(PayloadNeed)
        self._needs.update({event_id: set() for event_id in event_ids})
        for row in self._rows.connection.execute(select(needs).where(needs.c.event_id.in_(event_ids))):
            self._needs[row.event_id].add((row.asked, row.seq))

    def _need(self, signed: Signed, examined: Examined, *, stays: bool) -> None:
        """Note what a payload refers to, and whether it was read with the help of a later event's.

        Args:
            stays: whether it has been open: then it may have given by itself, or by what it helped others to,
                what it is read by now, so that whom it leaned on at first counts on.
        """
        event_id, own = signed.event["event_id"], int(signed.event["seq"])
        lean = max([own, *(seq for _, seq in self._needs[event_id] if stays)])
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
        now = {(asked, lean if lean > own else 0) for asked in examined.asked}
        before = self._needs[event_id]
        if now != before:
            table, sql = table_of(PayloadNeed), self._rows.connection
            if before:
                sql.execute(delete(table).where(table.c.event_id == event_id))
            if now:
                sql.execute(insert(table), [
                    {"event_id": event_id, "asked": asked, "seq": seq} for asked, seq in sorted(now)])
            self._needs[event_id] = now

    def _asked(self, wanted: Sequence[str]) -> None:
        """Examine again whoever asked one of these."""
        needs = table_of(PayloadNeed)
        for start in range(0, len(wanted), _WINDOW):
            self.again.update(self._rows.connection.execute(select(needs.c.event_id).where(
                needs.c.asked.in_(wanted[start:start + _WINDOW]))).scalars())

    def _asked_for_containers(self, containers: Mapping[str, str]) -> None:
        """Examine again whoever asked for the consignment of one of these (number by id) and was signed for
        it: the same box on other consignments is another unit, and it sails for fifteen years.
        """
        needs, lines = table_of(PayloadNeed), table_of(EventLine)
        for unit, number in sorted(containers.items()):
            self.again.update(self._rows.connection.execute(
                select(needs.c.event_id).join(lines, lines.c.event_id == needs.c.event_id).where(
                    lines.c.unit == unit, needs.c.asked == f"container:{number}")).scalars())

    def _asked_by_reference(self, event_id: str) -> None:
        """Examine again whoever refers to an event, by whatever eventID: whether it is read decides too."""
        needs, events = table_of(PayloadNeed), table_of(Event)
        self.again.update(self._rows.connection.execute(
            select(needs.c.event_id).join(events, events.c.event_id == needs.c.event_id).where(
                events.c.reference == event_id, needs.c.asked.like("event:%"))).scalars())

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


def signed_rows(rows: Rows, event_ids: Sequence[str]) -> list[Signed]:
    """Events with their lines, in the order of `event_ids`; those that are gone left out."""
    events, lines = table_of(Event), table_of(EventLine)
    found = {row["event_id"]: Signed(dict(row), []) for row in rows.connection.execute(
        select(events).where(events.c.event_id.in_(event_ids))).mappings()}
    for row in rows.connection.execute(select(lines).where(lines.c.event_id.in_(event_ids)).order_by(
            lines.c.event_id, lines.c.position)).mappings():
        found[row["event_id"]].lines.append(dict(row))
    return [found[event_id] for event_id in event_ids if event_id in found]


def _columns(examined: Examined) -> Row:
    """The state of a payload as columns. Content that is not proven to be the poster's own leaves no trace.

    A commitment is public: whoever signs an event with that of another would else be shown its content.
    """
    opened = examined.opened if examined.proven else None
    event = opened.event if opened is not None else {}
    named = _text_or_none(event.get("eventID"))
    if named is not None and len(named.encode()) > EVENT_ID_BYTES_MAX:
        named = None  # it is no eventID by the profile, and no database could look it up
    return {
        "status": examined.status, "fault": examined.fault, "missing": examined.missing,
        "document": document_of(opened) if opened is not None else None,
        "epcis_event_id": named, "epcis_type": _text_or_none(event.get("type")),
        "is_correction": "errorDeclaration" in event}


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None
