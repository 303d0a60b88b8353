"""Family P, work given out: sub-contractors, what customs knew of them, what came back."""

from __future__ import annotations

from collections import defaultdict

from ledger.vocabulary import Balance, Kind, LineRole, Thing
from tracer.beside import Notice
from tracer.book import Event
from tracer.facts import Facts
from tracer.moment import DAY_MS, iso_day
from tracer.quantity import micro_text
from tracer.rules.core import Law, Param, Rule, Subject, Tally, circular_38

_HELD = (Balance.RAW, Balance.WIP, Balance.FINISHED)


def p7(facts: Facts, tally: Tally) -> None:
    """Customs knows of work that is given out, and what was given out comes back.

    Sub-contractors are the keepers of notified places of that kind (on the ledger: of other processors'
    places), and whoever a notice names. The first hand-over to one comes after the notice to customs; a late
    notice, or none, costs a fine and not the exemption. Goods that went to one and still lie there after 180
    days are to be accounted for. Where every step of all goods of the period was done outside, the condition
    of the exemption fails (Art. 10.2.b, 12.2.a), unless more than half of the sub-contractor is owned.
    """
    book = facts.book
    keepers = {p.custodian for p in book.places or () if p.kind in ("subcontractor", "factory")}
    partners = {n.partner for n in book.beside.notices or ()}
    outside = (keepers | partners) - {"", book.enterprise}
    places = {p.id: p.custodian for p in book.places or () if p.custodian in outside}
    first: dict[str, Event] = {}
    holder: dict[str, Event] = {}
    for event in facts.of_kinds(Kind.ACCEPT, Kind.TRANSFORM):
        lots = [leg.unit for leg in event.legs if leg.thing == Thing.LOT and leg.unit in facts.lots]
        who = event.actor if event.kind == Kind.ACCEPT else places.get(event.place, "")
        if event.kind == Kind.ACCEPT:
            holder.update(dict.fromkeys(lots, event))
        if who in outside and lots and (
                who not in first or event.occurred.start_ms < first[who].occurred.start_ms):
            first[who] = event
    if not first:
        return
    notices: dict[str, list[Notice]] = defaultdict(list)
    for notice in book.beside.notices or ():
        notices[notice.partner].append(notice)
    if book.beside.notices is None:
        tally.missing(Subject("book", book.id), "notices of sub-contracting (notices.csv)")
    for who, event in sorted(first.items()):
        if book.beside.notices is not None:
            _notice(facts, tally, who, event, notices[who])
    _returns(facts, tally, outside, holder)
    _all_outside(facts, tally, places, notices)


def _notice(facts: Facts, tally: Tally, who: str, event: Event, notices: list[Notice]) -> None:
    offset = facts.book.offset
    earliest = min((n.notified for n in notices), default=None)
    if earliest is not None and earliest.start_ms <= event.occurred.end_ms:
        tally.clean()
        return
    expected = iso_day(event.occurred.start_ms, offset)
    subject = Subject("event", event.id)
    if earliest is None:
        tally.found(subject, "low", expected, "never", evidence=[event],
                    explanation=f"Work was given to {who}, and customs was not told.")
        return
    days = -((event.occurred.start_ms - earliest.start_ms) // DAY_MS)
    tally.found(subject, "low", expected, iso_day(earliest.start_ms, offset), difference=str(days), uom="DAY",
                evidence=[event], explanation=f"Customs was told of {who} after the work was given out.")


def _returns(facts: Facts, tally: Tally, outside: set[str], holder: dict[str, Event]) -> None:
    limit = tally.days_ms("days")
    for lot, event in sorted(holder.items()):
        if event.actor not in outside:
            continue
        held = facts.replay.balances.get(lot, {})
        rest, about = sum(held.get(b, 0) for b in _HELD), facts.lots[lot]
        if rest <= 0 or facts.book.as_of_ms - event.occurred.end_ms <= limit:
            tally.clean()
            continue
        tally.amount(Subject("lot", lot), "medium", 0, rest, about.uom, evidence=[event],
                     duty_at_risk=facts.duty_on(about.code, rest),
                     explanation=f"{micro_text(rest)} of {about.code} is with {event.actor} still.")


def _all_outside(
    facts: Facts, tally: Tally, places: dict[str, str], notices: dict[str, list[Notice]]
) -> None:
    runs = [run.event for run in facts.runs if any(x.role == LineRole.PRODUCT for x in run.event.legs)]
    every = [run.event for run in facts.runs]
    if not runs or any(e.place not in places for e in every):
        return
    majority = tally.param("owned")
    owned = {who for who, found in notices.items() if any(n.owned and n.owned > majority for n in found)}
    if {places[e.place] for e in every} <= owned:
        tally.clean()
        return
    tally.found(Subject("book", facts.book.id), "high", "a stage of one's own", "none", evidence=every[:16],
                explanation="All stages of all goods of the period were done by sub-contractors.")


RULES = (
    Rule("P7", "1", "production", "Work given out", "book",
         (*circular_38("57, 62"), Law("Decree 134/2016/ND-CP Art. 10.2.b, 12.2.a", valid_from="2016-09-01"),
          Law("Decree 169/2026/ND-CP Art. 8.3.dd, e", valid_from="2026-07-01")),
         (Param("days", "180", "days", "in which goods come back"),
          Param("owned", "0.5", "share", "of a sub-contractor beyond which it is one's own")),
         {}, p7, ("notices of sub-contracting", "places of sub-contractors")),
)
