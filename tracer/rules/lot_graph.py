"""Families L and T, the graph of lots: citations, orphans, circles, doubles, and goods that grow old."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from itertools import pairwise

import networkx as nx

from ledger.vocabulary import MICRO, Balance, Kind, LineRole, Thing
from tracer.book import DeclarationLine, Event
from tracer.facts import Facts
from tracer.moment import DAY_MS
from tracer.quantity import ratio_text
from tracer.rules.core import PIECE, Law, Param, Rule, Subject, Tally, circular_38
from tracer.rules.outcome import in_unit_of
from tracer.usage import MADE, lot_legs

_MADE = (*MADE, LineRole.SCRAP, LineRole.OUTPUT)
_PARTS = frozenset({Kind.SPLIT, Kind.MERGE, Kind.TRANSFER})
"""By these a lot goes on under another name."""
_LEDGER = (Law("Law 54/2014/QH13 Art. 59.1", valid_from="2015-01-01"), *circular_38("60.2.a"))


def l3(facts: Facts, tally: Tally) -> None:
    """What is re-exported against an import line is at most that line, and one declaration cites one.

    The re-export lines that cite a line, added up in its unit of measure, against its quantity. A re-export
    declaration whose lines cite lines of two import declarations, where these are temporary imports (regimes
    G...): Art. 82.2.c allows one.
    """
    citing: dict[str, list[DeclarationLine]] = defaultdict(list)
    cited: dict[str, set[str]] = defaultdict(set)
    for line in sorted(facts.lines.values(), key=lambda x: x.key):
        if line.purpose == LineRole.RE_EXPORT and line.original and line.cancelled is None:
            citing[line.original].append(line)
            original = facts.lines.get(line.original)
            if original is not None and original.regime.upper().startswith("G"):
                cited[line.key.rpartition("/")[0]].add(line.original.rpartition("/")[0])
    for key, lines in sorted(citing.items()):
        original = facts.lines.get(key)
        if original is None:
            continue  # L6
        total = sum(in_unit_of(facts, original, x) for x in lines if x.code == original.code)
        tolerance = tally.tol(original.quantity_micro, original.uom)
        if total > original.quantity_micro and tolerance.exceeded(total - original.quantity_micro):
            tally.amount(
                Subject("line", key),
                "high",
                original.quantity_micro,
                total,
                original.uom,
                tolerance=tolerance,
                evidence=[facts.by_id[x.cleared_by] for x in lines if x.cleared_by in facts.by_id],
                duty_at_risk=facts.duty_on(original.code, total - original.quantity_micro),
                explanation="More was re-exported against it than it had.",
            )
        else:
            tally.clean()
    for declaration, originals in sorted(cited.items()):
        if len(originals) > 1:
            lines = [x for x in facts.lines.values() if x.key.rpartition("/")[0] == declaration]
            tally.amount(
                Subject("line", min(x.key for x in lines)),
                "medium",
                MICRO,
                len(originals) * MICRO,
                PIECE,
                evidence=[facts.by_id[x.cleared_by] for x in lines if x.cleared_by in facts.by_id],
                explanation=f"{declaration} cites temporary imports {', '.join(sorted(originals))}.",
            )


def l5(facts: Facts, tally: Tally) -> None:
    """Every lot came from somewhere.

    A lot of the book that no opening, receipt, production, split, merge or transfer made, and that does not
    exist elsewhere on the ledger. A lot that only some act names is L6's.
    """
    for lot in sorted(facts.lots):
        if lot in facts.replay.created_by or lot in facts.book.elsewhere:
            tally.clean()
            continue
        events = [e for e in facts.events if e.recorded and any(leg.unit == lot for leg in e.legs)]
        if not events and not any(c.lot == lot for c in facts.book.counts):
            continue  # asked for and refused, or only heard of
        tally.found(
            Subject("lot", lot),
            "medium",
            "a creating event",
            "none",
            evidence=events[:8],
            explanation=f"{lot} of {facts.lots[lot].code} is in the books, and nothing made it.",
        )


def l7(facts: Facts, tally: Tally) -> None:
    """No lot is made of itself.

    Rework makes a new lot; a lot that is, through whatever steps, an input of its own making is written in a
    circle. One finding for each circle that a production step is part of: a part split off and merged back
    is the same goods again.
    """
    graph: nx.DiGraph[str] = nx.DiGraph()
    made: dict[str, Event] = {}
    changed: set[tuple[str, str]] = set()
    acts = facts.of_kinds(Kind.TRANSFORM, Kind.SPLIT, Kind.MERGE)
    born = facts.replay.created_by
    if all(born.get(leg.unit) is e for e in acts for leg in lot_legs(e, *_MADE)) and all(
            _before(born.get(leg.unit), e) for e in acts for leg in lot_legs(e, LineRole.INPUT)):
        tally.clean(len(born))  # every lot was made once, of lots that were there: there is no circle
        return
    for event in acts:
        outputs = [leg.unit for leg in lot_legs(event, *_MADE)]
        for leg in lot_legs(event, LineRole.INPUT):
            for unit in outputs:
                graph.add_edge(leg.unit, unit)
                if event.kind == Kind.TRANSFORM:
                    changed.add((leg.unit, unit))
                made.setdefault(unit, event)
    circles = [sorted(c) for c in nx.strongly_connected_components(graph) if len(c) > 1]
    circles += [[unit] for unit in nx.nodes_with_selfloops(graph)]
    circles = [c for c in circles if any(a in c and b in c for a, b in changed)]
    tally.clean(graph.number_of_nodes() - sum(len(c) for c in circles))
    for circle in sorted(circles):
        tally.amount(
            Subject("lot", circle[0]),
            "high",
            0,
            len(circle) * MICRO,
            PIECE,
            evidence=[made[u] for u in circle if u in made],
            explanation=f"Made of itself: {', '.join(circle[:8])}.",
        )


def _before(birth: Event | None, event: Event) -> bool:
    """Whether a lot was there before an act; one that nothing made is in no circle."""
    return birth is None or (birth.seq, birth.id) < (event.seq, event.id)


def l8(facts: Facts, tally: Tally) -> None:
    """One act is told once.

    Two recorded acts of one kind, by one poster, about the same things in the same quantities and for the
    same line, within 60 seconds of each other. Acts with a date alone cannot be told apart and are left out.
    The difference is the quantity told again.
    """
    told: dict[tuple[object, ...], list[Event]] = defaultdict(list)
    for event in facts.of_kinds(*_MOVING):
        if event.occurred.start_ms == event.occurred.end_ms and event.legs:
            leg = min(event.legs, key=lambda x: (x.unit, x.quantity_micro))
            told[event.kind, event.line, leg.unit, leg.quantity_micro, len(event.legs)].append(event)
    limit = int(tally.param("seconds") * 1_000)
    for events in told.values():
        events.sort(key=lambda e: (e.occurred.start_ms, e.seq))
        tally.clean()
        for before, event in pairwise(events):
            lots = [leg for leg in event.legs if leg.thing == Thing.LOT]
            if event.occurred.start_ms - before.occurred.end_ms > limit or not lots \
                    or _said(before) != _said(event):
                tally.clean()
                continue
            tally.amount(
                Subject("lot", lots[0].unit),
                "medium",
                0,
                sum(x.quantity_micro for x in lots),
                lots[0].uom,
                evidence=[before, event],
                explanation=f"The same {event.kind.name} was told twice.",
            )


def _said(event: Event) -> tuple[object, ...]:
    """What an act says, beside when."""
    return event.actor, event.reference, sorted(
        (leg.unit, leg.role, leg.balance, leg.quantity_micro) for leg in event.legs)


_MOVING = (
    Kind.ISSUE_PROD,
    Kind.RETURN_PROD,
    Kind.TRANSFORM,
    Kind.EXPORT_LOAD,
    Kind.REEXPORT,
    Kind.REPURPOSE,
    Kind.SELL_INLAND,
    Kind.SCRAP_OUT,
    Kind.DESTROY,
    Kind.ADJUST,
)


def _came(facts: Facts, lot: str, known: dict[str, tuple[int, Event] | None]) -> tuple[int, Event] | None:
    """When the oldest of what a lot came from came in, and the act; None where nothing did."""
    waiting = [lot]
    while waiting:
        name = waiting[-1]
        made = facts.replay.created_by.get(name)
        if name in known or made is None:
            known.setdefault(name, None)
            waiting.pop()
        elif made.kind in (Kind.RECEIVE_FACTORY, Kind.OPENING):
            at = made.occurred.end_ms
            known[name] = (max(at, facts.book.period.start_ms) if made.kind == Kind.OPENING else at), made
            waiting.pop()
        else:
            legs = made.legs if made.kind in _PARTS else ()
            parents = [leg.unit for leg in legs if leg.thing == Thing.LOT and leg.role == LineRole.INPUT]
            open_ones = [parent for parent in parents if parent not in known and parent not in waiting]
            if open_ones:
                waiting += open_ones
                continue
            found = [one for one in map(known.get, parents) if one is not None]
            known[name] = min(found, key=lambda one: (one[0], one[1].seq), default=None)
            waiting.pop()
    return known[lot]


def t2(facts: Facts, tally: Tally) -> None:
    """Imported material does not lie longer than one and a half production cycles.

    Per imported lot with stock left at the date of the run: its age since it came in (since the period began,
    for an opening) against the production cycle times 1.5. The cycle is a parameter, a year by default: the
    law speaks of an enterprise whose cycle passed without an export, and asks for an explanation first
    (Decree 08/2015 Art. 40.1.a). A lot split off, moved to another contract or merged is as old as the oldest
    of what it came from.
    """
    limit = tally.param("cycle") * tally.param("times")
    came: dict[str, tuple[int, Event] | None] = {}
    for lot in sorted(facts.lots.values(), key=lambda x: x.id):
        held = facts.replay.balances.get(lot.id, {}).get(Balance.RAW, 0)
        if held <= 0 or not facts.is_material(lot.code) or lot.origin.name != "IMPORTED":
            continue
        began = _came(facts, lot.id, came)
        if began is None:
            continue
        start, made = began
        age = Fraction(facts.book.as_of_ms - start, DAY_MS)
        if age <= limit:
            tally.clean()
            continue
        tally.amount(
            Subject("lot", lot.id),
            "medium",
            0,
            held,
            lot.uom,
            evidence=[made],
            duty_at_risk=facts.duty_on(lot.code, held),
            explanation=f"In the store for {int(age)} days, of a cycle of {ratio_text(limit, 0)} at most.",
        )


RULES = (
    Rule(
        "L3",
        "2",
        "lineage",
        "Re-exported beyond the import line",
        "book",
        circular_38("82.2.c"),
        (),
        {},
        l3,
        ("re-export lines with the original they cite",),
    ),
    Rule("L5", "1", "lineage", "Lot that nothing made", "book", _LEDGER, (), {}, l5),
    Rule("L7", "1", "lineage", "Lot made of itself", "book", _LEDGER, (), {}, l7),
    Rule(
        "L8",
        "2",
        "lineage",
        "Act told twice",
        "book",
        _LEDGER,
        (Param("seconds", "60", "seconds", "between the two"),),
        {},
        l8,
        ("times, not dates alone",),
    ),
    Rule(
        "T2",
        "2",
        "time",
        "Production cycle passed",
        "book",
        (Law("Decree 08/2015/ND-CP Art. 40.1.a", valid_from="2015-03-15"), *circular_38("59.4")),
        (
            Param("cycle", "365", "days", "length of the production cycle"),
            Param("times", "1.5", "cycles", "that material may lie"),
        ),
        {},
        t2,
    ),
)
