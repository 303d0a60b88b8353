"""Rows of an index in which anything may have become of anything.

Lots received, opened, taken over from another book, split, merged, made with others, exported, sold, adjusted, their
acts refused and voided, goods back from abroad, some without names. A `wild` one draws what is not there, unloads, and
merges nothing (out of a lot that holds less than nothing a merge takes from what it makes). For comparing two ways of
reading such rows.
"""

from __future__ import annotations

import json
import random
from hashlib import sha256
from typing import Any

from sqlalchemy import Engine
from sqlmodel import SQLModel

from indexer import models as m
from indexer.bulk import upsert
from ledger.directory import BookEntry, Directory, ParticipantEntry
from ledger.vocabulary import Outcome, Role

ZERO = "0x" + "00" * 32
START_S = 1_770_000_000
_MADE = {"PRODUCT": "FINISHED", "CO_PRODUCT": "FINISHED", "SEMI_FINISHED": "RAW", "SCRAP": "SCRAP"}
_UOM = {"COTTON": "KGM", "DYE": "LTR", "YARN": "KGM", "CLOTH": "MTR", "SHIRT": "C62", "RAG": "KGM"}


def directory(*more: BookEntry) -> Directory:
    """Mill, customs and a rival, with a book each for mill and rival."""
    return Directory(
        [ParticipantEntry(1, "mill", "urn:mill", "Mill", Role(0)),
         ParticipantEntry(2, "customs", "urn:customs", "Customs", Role.CUSTOMS),
         ParticipantEntry(3, "rival", "urn:rival", "Rival", Role(0))], [],
        [BookEntry(1, "mill-book", "Mill", "mill", "SXXK"),
         *(more or (BookEntry(2, "rival-book", "Rival", "rival", "SXXK"),))])


def hexed(*words: object) -> str:
    return "0x" + sha256(repr(words).encode()).hexdigest()


class RandomIndex:
    """Fills a database from a seed; `lots`, `lines` and `last_ms` say what there is to ask.

    The book is the mill's, the one after it another's.
    """

    moving = ("CORRECT", "DECLARE", "RECEIVE_FACTORY", "RECEIVE_DOMESTIC", "OPENING", "SPLIT", "MERGE", "ACCEPT",
              "TRANSFORM", "ISSUE_PROD", "ADJUST", "EXPORT_LOAD")

    def __init__(self, engine: Engine, seed: int, acts: int = 60, *, wild: bool = False, book: int = 1
                 ) -> None:
        self.random = random.Random(seed)
        self.seed, self.seq, self.wild, self.book = seed, 1_000 * (book - 1), wild, book
        self.lots: list[str] = []
        """Those of the mill."""
        self.codes: dict[str, str] = {}
        self.held: dict[str, tuple[str, int]] = {}
        """Balance and at least how much of it."""
        self.lines: dict[str, str] = {}
        self.boxes: list[str] = []
        self.rows: dict[Any, list[dict[str, Any]]] = {}
        for number, owner in ((book, 1), (book + 1, 3)):
            self.add(m.Book, number=number, owner=owner, regime=1, options=0, opening_open=True)
        for code, uom in _UOM.items():
            if code != "RAG":  # nobody opened a payload that names it
                self.add(m.Material, material=hexed("material", code), enterprise="mill", code=code, uom=uom,
                         description=f"{code} of the mill", hs="5201", checked=True, named_by=ZERO)
        self.norms()
        for purpose in ("RECEIVE", "RECEIVE", "EXPORT", "EXPORT", "CHANGE_OF_PURPOSE", "TRANSFER_IN", "TRANSFER_OUT"):
            self.declare(purpose)
        for _ in range(acts):
            self.random.choice((
                self.receive, self.receive, self.inland, self.split, self.merge, self.make, self.make, self.make,
                self.make, self.load, self.load, self.sell, self.adjust, self.take_over, self.hand_over, self.void))()
        SQLModel.metadata.create_all(engine)
        with engine.begin() as connection:
            for model in (m.Event, *(x for x in self.rows if x is not m.Event)):
                upsert(connection, model.__table__, self.rows[model])

    @property
    def last_ms(self) -> int:
        return (START_S + self.seq) * 1_000

    def add(self, model: Any, **row: Any) -> None:
        self.rows.setdefault(model, []).append(row)

    def name(self, unit: str, kind: str, scope: str, number: str) -> None:
        if self.random.random() < 0.85:
            self.add(m.UnitName, unit=unit, type=kind, scope=scope, number=number)

    def lot(self, code: str, origin: str, line: str = ZERO, *, own: bool = True) -> str:
        number = len(self.codes)
        unit = hexed("lot", self.seed, number)
        self.codes[unit] = code
        if own:
            self.lots.append(unit)
        self.add(m.Lot, unit=unit, book=self.book if own else self.book + 1, material=hexed("material", code), origin=origin,
                 source_line=line, created_by=ZERO, **{f"{b}_micro": self.random.randrange(2) for b in (
                     "raw", "wip", "finished", "scrap", "short", "loaded")})
        self.add(m.Unit, unit=unit, thing="LOT", status="NONE", eligible=False, empty=False, holds=0, custodian=1,
                 facility=0, offeree=0, offer_expires_at_s=0, head=ZERO, changed_by=ZERO)
        self.name(unit, "lot", "mill", f"L{self.book}-{number}")
        return unit

    def event(self, kind: str, *legs: tuple[str, str, int, str], reference: str = ZERO, **more: Any) -> str:
        self.seq += 1
        event, at_s = hexed("event", self.seed, self.seq), START_S + self.seq
        outcome = Outcome.NOT_ENOUGH if kind != "CORRECT" and self.random.random() < 0.08 else Outcome.RECORDED
        self.add(m.Event, **{
            "event_id": event, "seq": self.seq, "block_number": self.seq, "block_hash": hexed("b", self.seq),
            "tx_hash": hexed("t", self.seq), "log_index": 0, "signer": "0x" + "11" * 20, "participant": 1,
            "kind": kind, "step": "NONE", "counterparty": 0, "facility": 0, "book": self.book, "reference": reference,
            "occurred_at_ms": at_s * 1_000, "recorded_at_s": at_s, "deadline_s": 0, "nonce": str(self.seq),
            "commitment": event, "outcome": int(outcome), "outcome_name": outcome.name, "voided_by": None, **more})
        for position, (unit, balance, quantity, role) in enumerate(legs):
            code = self.codes.get(unit, "")
            self.add(m.EventLine, event_id=event, position=position, unit=unit, role=role, balance=balance,
                     material=hexed("material", code) if code else ZERO, quantity_micro=quantity,
                     recorded_at_s=at_s)
        loss = [{"code": code, "quantity": f"{self.random.randrange(1, 900)}.5", "uom": _UOM[code]}
                for code in ("COTTON", "YARN") if kind == "TRANSFORM" and self.random.random() < 0.5]
        self.add(m.Payload, event_id=event, commitment=event, status="open", epcis_event_id=f"urn:uuid:{self.seq}",
                 epcis_type="TransformationEvent", is_correction=False, recorded_at_s=at_s,
                 document=json.dumps({"eventID": f"urn:uuid:{self.seq}", "cl:loss": loss}))
        if outcome is Outcome.RECORDED:
            for unit, balance, quantity, role in legs:
                if role not in ("INPUT", "NONE", "CONTAINER") and unit in self.codes:
                    before = self.held.get(unit, ("", 0))[1]
                    self.held[unit] = _MADE.get(role, balance), before + quantity
        return event

    def norms(self) -> None:
        declared = self.event("DECLARE", step="NORM", outcome=0)
        for position, (product, material, norm) in enumerate((
                ("YARN", "COTTON", "1.1"), ("CLOTH", "COTTON", "0.7"), ("CLOTH", "YARN", "0.3"),
                ("SHIRT", "YARN", "0.2"), ("SHIRT", "DYE", "0.01"))):
            if self.random.random() < 0.7:
                self.add(m.Norm, event_id=declared, position=position, book=("mill-book", "mill-second")[self.book - 1], enterprise="mill",
                         product=product, material=material, norm=norm, product_uom=_UOM[product],
                         material_uom=_UOM[material], flag="", valid_from="", valid_to="", loss_rate="")

    def declare(self, purpose: str) -> None:
        line = hexed("line", self.seed, len(self.lines))
        self.lines[line] = purpose
        declared = self.event("DECLARE", (line, "NONE", 10**9, purpose), outcome=0)
        self.add(m.LineState, line=line, declarant=1, purpose=purpose, status="CLEARED", holds=0,
                 material=hexed("material", "COTTON"), original=ZERO, version=declared, quantity_micro=10**9,
                 drawn_micro=0, exited_micro=0, returned_micro=0, head=ZERO)
        self.name(line, "line", f"D{self.book}-{len(self.lines)}", "1")

    def line_for(self, *purposes: str) -> str:
        return self.random.choice([line for line, purpose in self.lines.items() if purpose in purposes])

    def draw(self, *balances: str, at_most: int = 3) -> list[tuple[str, int]]:
        """Lots, the later ones more often, and how much to take of each: what it holds or less, if this is not wild.
        """
        known = self.lots if self.wild else [x for x in self.lots if x in self.held and self.held[x][0] in balances]
        taken: dict[str, int] = {}
        for _ in range(self.random.randrange(1, at_most + 1) if known else 0):
            lot, quantity = known[int(len(known) * self.random.random() ** 0.6)], self.amount()
            if not self.wild:
                held = self.held[lot][1]
                quantity = self.random.choice((min(quantity, held), held // 2, held))
                self.held[lot] = self.held[lot][0], held - quantity
            if quantity and lot not in taken:
                taken[lot] = quantity
        return list(taken.items())

    def amount(self) -> int:
        return self.random.choice((1, 999_999, 10**6, self.random.randrange(1, 10**9), self.random.randrange(1, 10**7)))

    def receive(self) -> None:
        line, legs = self.line_for("RECEIVE"), []
        if self.random.random() < 0.6:
            box = hexed("box", self.seed, len(self.boxes) // 2)
            if box not in self.boxes:
                self.add(m.Unit, unit=box, thing="CONTAINER", status="NONE", eligible=True, empty=False, holds=0,
                         custodian=1, facility=0, offeree=0, offer_expires_at_s=0, head=ZERO, changed_by=ZERO)
                self.name(box, "container", "BL", f"BOX{len(self.boxes)}")
            self.boxes.append(box)
            legs.append((box, "NONE", 0, "CONTAINER"))
        for _ in range(self.random.randrange(1, 4)):
            lot = self.lot(self.random.choice(("COTTON", "DYE", "RAG")), "IMPORTED", line)
            legs.append((lot, "RAW", 50 * self.amount(), "OUTPUT"))
        self.event("RECEIVE_FACTORY", *legs, reference=line)

    def inland(self) -> None:
        self.event(self.random.choice(("RECEIVE_DOMESTIC", "OPENING")),
                   (self.lot("COTTON", "DOMESTIC"), "RAW", 20 * self.amount(), "OUTPUT"))

    def split(self) -> None:
        for parent, quantity in self.draw("RAW", at_most=1):
            parts = (1, quantity - 1) if quantity > 2 and self.random.random() < 0.7 else (quantity,)
            self.event("SPLIT", (parent, "NONE", 0, "INPUT"), *(
                (self.lot(self.codes[parent], "IMPORTED"), "RAW", part, "OUTPUT") for part in parts))

    def merge(self) -> None:
        """All that lots of one balance hold, some of them merged before."""
        balance = self.random.choice(("RAW", "RAW", "FINISHED", "SCRAP"))
        known = [lot for lot in self.lots if self.held.get(lot, ("", 0))[0] == balance and self.held[lot][1]]
        if self.wild or not known:
            return
        lots = self.random.sample(known[-4:], self.random.randrange(1, min(len(known), 3) + 1))
        into = self.lot("COTTON", "IMPORTED")
        self.event("MERGE", *((lot, "NONE", 0, "INPUT") for lot in lots), (into, "NONE", 0, "OUTPUT"))
        if not self.rows[m.Event][-1]["outcome"]:
            self.held[into] = balance, sum(self.held[lot][1] for lot in lots)
            self.held.update((lot, (balance, 0)) for lot in lots)

    def make(self) -> None:
        used = self.draw("RAW")
        if not used:
            return
        self.event("ISSUE_PROD", *((lot, "RAW", q, "NONE") for lot, q in used), outcome=0)
        made = self.random.sample((("YARN", "SEMI_FINISHED"), ("CLOTH", "PRODUCT"), ("SHIRT", "PRODUCT"),
                                   ("CLOTH", "CO_PRODUCT"), ("COTTON", "SCRAP"), ("RAG", "SCRAP")),
                                  self.random.randrange(1, 4))
        self.event("TRANSFORM", *((lot, "WIP", q, "INPUT") for lot, q in used),
                   *((self.lot(code, "OWN"), "NONE", self.amount(), role) for code, role in made))

    def load(self) -> None:
        for lot, quantity in self.draw("FINISHED"):
            line = self.line_for("EXPORT")
            self.event("EXPORT_LOAD", (lot, "FINISHED", quantity, "NONE"), reference=line, outcome=0)
            then = self.random.choice(("EXIT_CONFIRM", "UNLOAD", "")) if self.wild else "EXIT_CONFIRM"
            if then and self.random.random() < 0.7:
                self.event(then, (lot, "LOADED", quantity, "NONE"), reference=line)
            if then == "EXIT_CONFIRM" and self.random.random() < 0.3:
                self.event("FG_RETURN", (self.lot(self.codes[lot], "OWN"), "FINISHED", quantity, "OUTPUT"),
                           reference=line)

    def sell(self) -> None:
        if taken := self.draw("RAW"):
            self.event("SELL_INLAND", *((lot, "RAW", quantity, "NONE") for lot, quantity in taken),
                       reference=self.line_for("CHANGE_OF_PURPOSE"))

    def adjust(self) -> None:
        if taken := self.draw("RAW", at_most=1):
            self.event("ADJUST", *((lot, "RAW", quantity, self.random.choice(("INPUT", "OUTPUT")))
                                   for lot, quantity in taken))

    def take_over(self) -> None:
        """A lot of the next book becomes one of this."""
        self.event("ACCEPT", (self.lot("COTTON", "IMPORTED", own=False), "RAW", 0, "INPUT"),
                   (self.lot("COTTON", "IMPORTED"), "RAW", self.amount(), "OUTPUT"),
                   (self.line_for("TRANSFER_IN"), "NONE", 0, "TRANSFER_IN"))

    def hand_over(self) -> None:
        """What is in a lot of the mill's becomes one of the next book."""
        for lot, quantity in self.draw("RAW", at_most=1):
            self.event("ACCEPT", (lot, "RAW", 0, "INPUT"),
                       (self.lot(self.codes[lot], "IMPORTED", own=False), "RAW", quantity, "OUTPUT"),
                       (self.line_for("TRANSFER_OUT"), "NONE", 0, "TRANSFER_OUT"))

    def void(self) -> None:
        """Customs may void anything, its poster what moved nothing; a wild one leaves lots with less than nothing."""
        event = self.random.choice(self.rows[m.Event])
        if event["kind"] not in (("CORRECT", "DECLARE") if self.wild else self.moving) or event["outcome"]:
            event["voided_by"] = self.event(
                "CORRECT", reference=event["event_id"], participant=self.random.choice((1, 2)))
