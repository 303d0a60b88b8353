"""Family S: the seal that was there at one point is there at the next."""

from __future__ import annotations

from collections import defaultdict

from ledger.vocabulary import MICRO, Kind, Outcome, Step, Thing
from tracer.book import Event
from tracer.facts import Facts
from tracer.rules.core import PIECE, Law, Rule, Subject, Tally

_READS = (
    Kind.ARRIVE,
    Kind.OBSERVE,
    Kind.OFFER,
    Kind.ACCEPT,
    Kind.REFUSE,
    Kind.GATE_OUT,
    Kind.RECEIVE_FACTORY,
)


def s1(facts: Facts, tally: Tally) -> None:
    """The seals on a container are the same from point to point unless a break and a new seal were recorded.

    Every event of the unit that states seal numbers is a reading, in the order in which things happened; a
    SEAL_BREAK takes the numbers it names (or all) away, a SEAL_APPLY adds its own. A reading that differs
    from the seals then known is a finding; after it the new numbers are taken as known, so one change is
    one finding. A reading in an act that the ledger refused still counts: somebody read that seal.
    """
    by_unit: dict[tuple[str, Thing], list[Event]] = defaultdict(list)
    for event in facts.events:
        breaks = event.kind == Kind.OBSERVE and event.step == Step.SEAL_BREAK
        if event.kind not in _READS or not (event.seals or breaks) or event.outcome == Outcome.PENDING:
            continue
        for leg in event.legs:
            if leg.thing in (Thing.CONTAINER, Thing.CARGO):
                by_unit[leg.unit, leg.thing].append(event)
    for (unit, thing), events in sorted(by_unit.items()):
        known: set[str] = set()
        last: Event | None = None
        for event in sorted(events, key=lambda e: (e.occurred.start_ms, e.seq)):
            read = set(event.seals)
            if event.kind == Kind.OBSERVE and event.step == Step.SEAL_BREAK:
                known = known - read if read else set()
            elif event.kind == Kind.OBSERVE and event.step == Step.SEAL_APPLY:
                known |= read
            elif last is None or read == known:
                known = read
                tally.clean()
            else:
                was, now = ", ".join(sorted(known)) or "none", ", ".join(sorted(read))
                tally.amount(
                    Subject(thing.name.lower(), unit), "high", 0, MICRO, PIECE, evidence=[last, event],
                    explanation=f"Seal {was} became {now} between {last.place or last.actor} and "
                                f"{event.place or event.actor} without a recorded break and new seal.")
                known = read
            last = event


RULES = (
    Rule(
        "S1",
        "1",
        "seal",
        "Seal changed without a record",
        "custody",
        (
            Law("Law 54/2014/QH13 Art. 64.4, 65"),
            Law("Circular 38/2015/TT-BTC Art. 50.2, 52b (amended by 39/2018)"),
            Law("Decree 169/2026/ND-CP Art. 13.3, 13.6", valid_from="2026-07-01"),
        ),
        (),
        {},
        s1,
    ),
)
