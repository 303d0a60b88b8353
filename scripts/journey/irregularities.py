"""What goes wrong when the irregularities are laid over the clean story: documents replaced, added, left out.

Each says by which rules or refusals it must be caught and with which quantities, companions included (what is
short at a handover is short at the count as well), so that nothing else may appear.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from journey.custody import gate_out, seal
from journey.documents import Document, Event, Story
from journey.lots import move, take_lot
from journey.papers import channel, norm_content
from journey.stock import audit_visit, count
from journey.world import (
    A1,
    AT_GARMENT,
    AT_TERMINAL,
    B1,
    BILL_A,
    BILL_B,
    CUSTOMS_INLAND,
    E31_B,
    E62_2,
    GARMENT,
    PRINTER,
    TERMINAL,
)


@dataclass(slots=True)
class Irregularity:
    """One fault laid over the story.

    Attributes:
        name, title, what: short name, headline, and what happens in plain words.
        replaces, adds: file name -> document; a replaced document keeps its name.
        removes: files of the clean story that are not posted.
        caught_by: rules and refusal codes that must catch it.
        findings: expected findings: rule, subject, expected, observed, difference, uom.
        refusals: refusal code -> how many.
    """

    name: str
    title: str
    what: str
    caught_by: list[str]
    findings: list[dict[str, Any]]
    refusals: dict[str, int] = field(default_factory=dict)
    replaces: dict[str, Document] = field(default_factory=dict)
    adds: dict[str, Document] = field(default_factory=dict)
    removes: list[str] = field(default_factory=list)

    def replace(self, story: Story, label: str, change: Callable[[Event], Event]) -> None:
        """Replace the document of that label by one in which `change` was applied to every event."""
        base = story.find(label)
        document = Document(
            base.poster, base.label, [change(copy.deepcopy(e)) for e in base.events], base.file
        )
        if document.events == base.events:
            raise ValueError(f"{self.name} changes nothing in {label}")
        self.replaces[base.file] = document

    def add(self, story: Story, after: str, poster: str, label: str, *events: Event) -> None:
        """Add a document that is posted right after the one labelled `after`."""
        number = int(story.find(after).file[:4]) + 5
        other = Story(ids=story.ids)
        other.post(poster, label, *events)
        document = other.documents[0]
        document.file = f"{number:04d}-{poster}-{label}.json"
        self.adds[document.file] = document

    def remove(self, story: Story, *labels: str) -> None:
        """Leave documents out."""
        self.removes += [story.find(label).file for label in labels]


def finding(
    rule: str, subject: str, expected: str, observed: str, uom: str, *, companion: bool = False
) -> dict[str, Any]:
    """An expected finding about quantities; the difference is observed minus expected.

    Args:
        companion: the same fault rightly sets off this rule as well.
    """
    difference = f"{(Decimal(observed) - Decimal(expected)):f}"
    if "." in difference:
        difference = difference.rstrip("0").rstrip(".")
    return {
        "rule": rule,
        "subject": subject,
        "expected": expected,
        "observed": observed,
        "difference": difference,
        "uom": uom,
        "companion": companion,
    }


def out_of_order(subject: str, before: str, after: str, hours: str) -> dict[str, Any]:
    """An expected finding of rule T4: what happened at `before` needed what happened at `after`."""
    return {
        "rule": "T4",
        "subject": subject,
        "expected": after,
        "observed": before,
        "difference": hours,
        "uom": "HUR",
        "companion": False,
    }


def same_id(event: Event, new: Event) -> Event:
    """A replacement that keeps the event's id."""
    new.pop("label", None)
    return {"eventID": event["eventID"], **new}


def short_handover(story: Story) -> Irregularity:
    """60 m of the printed fabric are missing when it comes back."""
    it = Irregularity(
        "short-handover",
        "A handover comes up short",
        "The print works hands 5,000 m of printed fabric back; the garment maker finds 4,940 m and accepts "
        "only those. The missing 60 m stay the print works' liability; the year-end count misses them.",
        ["C2"],
        [
            finding("C2", f"{GARMENT}/FAB-2505-P", "5000", "4940", "MTR"),
            finding("B5", f"{GARMENT}/FAB-2505-P", "5000", "4940", "MTR", companion=True),
            finding("B2", "FAB-PES-150", "1700", "1640", "MTR", companion=True),
        ],
    )
    it.replace(
        story,
        "take-print-06-06",
        lambda e: same_id(
            e,
            take_lot(
                "2025-06-06 15:20",
                AT_GARMENT,
                PRINTER,
                GARMENT,
                "FAB-2505-P",
                "FAB-PES-150",
                "4940",
                "two rolls of 30 m are missing",
            ),
        ),
    )
    it.replace(
        story,
        "count-fabric",
        lambda e: same_id(e, count(GARMENT, "fabric", "2025-12-31 18:00", {"FAB-2505-P": "1640"})),
    )
    it.replace(story, "audit-visit", lambda e: same_id(e, audit_visit("1640")))
    return it


def issued_twice(story: Story) -> Irregularity:
    """The opening fabric is offered to production a second time."""
    it = Irregularity(
        "issued-twice",
        "A lot is offered to production twice",
        "The 2,400 m of opening fabric were issued on 3 March. Two days later a second issue slip names the "
        "same lot again, for another order. The ledger refuses it: nothing of the lot is left in the store.",
        ["L1", "NOT_ENOUGH"],
        [finding("L1", f"{GARMENT}/FAB-OPEN", "2400", "4800", "MTR")],
        {"NOT_ENOUGH": 1},
    )
    it.add(
        story,
        "issue-1",
        GARMENT,
        "issue-1-again",
        move(
            "ISSUE_PROD",
            "issue-again",
            "2025-03-05 07:30",
            GARMENT,
            {"FAB-OPEN": ("FAB-PES-150", "2400")},
            "RAW",
            bizStep="picking",
            cl_product="TRS-M-03",
        ),
    )
    return it


def release_under_hold(story: Story) -> Irregularity:
    """The terminal tries to let a held container out."""
    it = Irregularity(
        "release-under-hold",
        "A container is let out under hold",
        "Customs holds the container for inspection (red channel). That evening the terminal posts a "
        "gate-out all the same. The ledger refuses it; the attempt stays on record.",
        ["C1", "HELD"],
        [finding("C1", f"{BILL_B}/{B1}", "0", "1", "C62")],
        {"HELD": 1},
    )
    it.add(
        story,
        "hold-b1",
        TERMINAL,
        "gate-out-b-held",
        gate_out("gate-out-held", "2025-05-14 20:40", AT_TERMINAL, B1),
    )
    return it


def padded_norm(story: Story) -> Irregularity:
    """The norm of wadding per jacket is declared 12 % too high."""
    it = Irregularity(
        "padded-norm",
        "A norm is padded by 12 %",
        "A jacket takes 0.9 m of wadding; the norm declared is 1.008 m. On paper 918 m more were used than "
        "were issued, and the exemption claimed for the 8,300 jackets exported is 896.4 m too high.",
        ["N1", "N6"],
        [
            finding("N1", "PAD-PES-100", "8568", "7650", "MTR"),
            finding("N6", "PAD-PES-100", "7470", "8366.4", "MTR"),
            finding("N2", "JKT-M-01", "8568", "7650", "MTR", companion=True),
            finding("B6", "PAD-PES-100", "8302.4", "9220.4", "MTR", companion=True),
            finding("X2", "PAD-PES-100", "8000", "8064", "MTR", companion=True),
        ],
    )

    def pad(event: Event) -> Event:
        if event["cl:norm"]["product"] == "JKT-M-01":
            event["cl:norm"] = norm_content("JKT-M-01", Decimal("1.12"), "PAD-PES-100")
        return event

    it.replace(story, "norms", pad)
    return it


def seal_changed(story: Story) -> Irregularity:
    """Another seal is on the container when it reaches the CFS warehouse."""
    it = Irregularity(
        "seal-changed",
        "A seal changes on the road",
        "The container leaves the yard under seal RD4471120 and arrives at the CFS warehouse under "
        "RD4471190. Nobody posted that a seal was broken or applied.",
        ["S1"],
        [finding("S1", f"{BILL_A}/{A1}", "0", "1", "C62")],
    )

    def swap(event: Event) -> Event:
        if event.get("epcList") == [f"urn:epc:id:bic:{A1}"]:
            event["cl:seals"] = seal("RD4471190")
        return event

    for label in ("take-in-a-cfs", "gate-out-a", "take-in-a-factory", "open-a"):
        it.replace(story, label, swap)
    return it


def never_left(story: Story) -> Irregularity:
    """Trousers are declared and cleared for export and never leave."""
    it = Irregularity(
        "never-left",
        "Cleared for export, never left",
        "Line 2 of the October export, 2,600 pairs of trousers, is declared, cleared and loaded. The "
        "container reaches the terminal and stays there: customs never confirms its exit.",
        ["X4"],
        [finding("X4", f"{E62_2}/2", "2600", "0", "C62")],
    )
    it.remove(story, "eligible-x3", "on-board-x3", "take-on-board-x3", "sailed-x3", "exit-3")
    return it


def stock_short(story: Story) -> Irregularity:
    """240 m of lining are not there at the year-end count."""
    it = Irregularity(
        "stock-short",
        "Stock is short at the year-end count",
        "The book says that 1,800 m of lining are in the store; the count finds 1,560 m. Nothing explains "
        "the other 240 m.",
        ["B2"],
        [
            finding("B2", "LIN-PES-110", "1800", "1560", "MTR"),
            finding("B6", "LIN-PES-110", "14360", "14120", "MTR", companion=True),
        ],
    )
    it.replace(
        story,
        "count-trim",
        lambda e: same_id(e, count(GARMENT, "trim", "2025-12-31 18:10", {"LIN-2505": "1560"})),
    )
    return it


def impossible_order(story: Story) -> Irregularity:
    """The inspection channel of a declaration is dated after its clearance."""
    it = Irregularity(
        "impossible-order",
        "An order of time that cannot be",
        "Customs cleared the May declaration on the 16th; its inspection channel was assigned on the 17th.",
        ["T4"],
        [
            out_of_order(f"{E31_B}/{n}", "2025-05-16T16:30:00+07:00", "2025-05-17T06:30:00+07:00", "-14")
            for n in (1, 2, 3)
        ],
    )
    it.remove(story, "channel-b")
    it.add(
        story,
        "eligible-b",
        CUSTOMS_INLAND,
        "channel-b-late",
        channel(E31_B, "2025-05-17 06:30", CUSTOMS_INLAND, "RED", "random"),
    )
    return it


def all_of(story: Story) -> list[Irregularity]:
    """Every irregularity over a numbered story."""
    makers: list[Callable[[Story], Irregularity]] = [
        short_handover,
        issued_twice,
        release_under_hold,
        padded_norm,
        seal_changed,
        never_left,
        stock_short,
        impossible_order,
    ]
    made = [maker(story) for maker in makers]
    touched: dict[str, str] = {}
    for it in made:
        for file in [*it.replaces, *it.removes, *it.adds]:
            if file in touched:
                raise ValueError(f"{it.name} and {touched[file]} both touch {file}")
            touched[file] = it.name
    return made


def as_json(it: Irregularity) -> dict[str, Any]:
    """The irregularity as it stands in journey.json."""
    return {
        "name": it.name,
        "title": it.title,
        "what": it.what,
        "caught_by": it.caught_by,
        "findings": it.findings,
        "refusals": it.refusals,
        "replaces": [{"file": f, "as": d.poster} for f, d in sorted(it.replaces.items())],
        "adds": [{"file": f, "as": d.poster} for f, d in sorted(it.adds.items())],
        "removes": sorted(it.removes),
    }
