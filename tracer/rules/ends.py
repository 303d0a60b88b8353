"""Family D, books and ends: the book of scrap, scrap that is no scrap, contracts that are over."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

from ledger.vocabulary import MICRO, Kind, Origin, Thing
from tracer.beside import ScrapBook
from tracer.blend import Ratio, plus, together
from tracer.book import Event
from tracer.currency import own_of
from tracer.facts import Facts
from tracer.moment import iso_day
from tracer.quantity import micro_text, nearest, ratio_text
from tracer.rules.core import Law, Param, Rule, Subject, Tally, circular_38
from tracer.rules.prices import import_price, in_own_currency

_COLUMNS = {"opening": "opening", "generated": "generated", "sold": "taken_out", "destroyed": "destroyed",
            "recycled": "other_issue"}
"""Columns of the book of scrap, and of the ledger of scrap that the events give."""
_HELD = ("in_store", "in_production")
"""States of the lineage in which material is a rest."""


def d2(facts: Facts, tally: Tally) -> None:
    """The enterprise's book of scrap adds up, and says what the events say.

    Per code, all its rows together: opening and generated less sold, destroyed and recycled is closing; and
    each column against the movements of the period (recycled: what left the scrap by other ways). One finding
    for a code, with the first figure that differs. Scrap that moved and stands in no row is a finding too.
    What a count finds of scrap is B2's.
    """
    rows = facts.book.beside.scrap_book
    if rows is None:
        tally.missing(Subject("book", facts.book.id), "book of scrap (scrap_book.csv)")
        return
    ledger: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for (code, _), moved_row in facts.accounts.scrap.items():
        for column in (*_COLUMNS.values(), "closing"):
            ledger[code][column] += moved_row[column]
    book: dict[str, ScrapBook] = {}
    for row in sorted(rows, key=lambda r: r.code):
        before = book.get(row.code)
        book[row.code] = row if before is None else ScrapBook(row.code, *(
            getattr(before, name) + getattr(row, name) for name in (*_COLUMNS, "closing")))
    for said in book.values():
        own, uom = ledger.pop(said.code, defaultdict(int)), facts.uoms.get(said.code, "")
        rest = said.opening + said.generated - said.sold - said.destroyed - said.recycled
        pairs = [("closing by its own columns", rest, said.closing)]
        pairs += [(name, own[column], getattr(said, name)) for name, column in _COLUMNS.items()]
        pairs.append(("closing", own["closing"], said.closing))
        wrong = [(name, was, now) for name, was, now in pairs if tally.tol(was, uom).exceeded(now - was)]
        if not wrong:
            tally.clean()
            continue
        name, was, now = wrong[0]
        others = f" So do {', '.join(n for n, _, _ in wrong[1:])}." if wrong[1:] else ""
        tally.amount(Subject("material", said.code), "medium", was, now, uom, tolerance=tally.tol(was, uom),
                     explanation=f"Book of scrap and movements differ in {name}.{others}")
    for code, own in sorted(ledger.items()):
        moved = own["opening"] + own["generated"]
        if moved:
            tally.amount(Subject("material", code), "low", moved, 0, facts.uoms.get(code, ""),
                         explanation="This scrap stands in no row of the book of scrap.")


def d4(facts: Facts, tally: Tally) -> None:
    """Scrap is sold as scrap.

    What was got for a unit of scrap against the import price of the material that it came of: 60 % of it and
    more is the price of good material. A scrap code that was itself imported has its own price, any other
    the average of the inputs of its run in its unit of measure, weighted by quantity. A sale without a
    price, or a material without a value, is not evaluable. The difference is the price got for a unit less
    that limit.
    """
    sales: dict[str, list[tuple[Event, int]]] = defaultdict(list)
    for event in facts.of_kinds(Kind.SCRAP_OUT):
        whole = sum(leg.quantity_micro for leg in event.legs if leg.thing == Thing.LOT)
        for leg in event.legs:
            if leg.thing == Thing.LOT and leg.quantity_micro:
                sales[leg.code].append((event, whole))
    for code, sold in sorted(sales.items()):
        if any(event.more.value is None for event, _ in sold):
            tally.missing(Subject("material", code), f"price of scrap {code} (value of SCRAP_OUT)")
        found = [(event, whole) for event, whole in sold if event.more.value is not None]
        price = _material_price(facts, code, [e for e, _ in found])
        if not found:
            continue
        if price is None:
            tally.missing(Subject("material", code), f"value of the imports that {code} came of")
            continue
        limit = price * tally.param("share")
        for event, whole in {e.id: (e, q) for e, q in found}.values():
            if event.more.value is None:
                continue
            got = in_own_currency(facts, event.more.value, event.more.currency, event.occurred)
            if got is None:
                tally.missing(Subject("event", event.id), f"rate of {event.more.currency} (rates.csv)")
                continue
            each = got * MICRO / whole
            if each < limit:
                tally.clean()
                continue
            tally.found(Subject("event", event.id), "medium", ratio_text(limit, 2), ratio_text(each, 2),
                        difference=ratio_text(each - limit, 2), uom=own_of(facts.book), evidence=[event],
                        duty_at_risk=facts.duty_on(code, whole),
                        explanation=f"{micro_text(whole)} of {code} went at "
                                    f"{ratio_text(each * 100 / price, 0)} % of the import price.")


def _material_price(facts: Facts, code: str, sales: list[Event]) -> Fraction | None:
    """Price of one unit of what a scrap came of."""
    own = import_price(facts, code)
    if own is not None:
        return own
    total = quantity = Fraction(0)
    by_event = {run.event.id: run for run in facts.runs}
    lots = sorted({leg.unit for event in sales for leg in event.legs})
    for lot in lots:
        made = facts.replay.created_by.get(lot)
        run = by_event.get(made.id) if made is not None else None
        for material, put_in in run.inputs.items() if run is not None else ():
            price = import_price(facts, material)
            if price is not None and facts.uoms.get(material) == facts.uoms.get(code):
                total += price * put_in
                quantity += put_in
    return total / quantity if quantity else None


def d6(facts: Facts, tally: Tally) -> None:
    """What is left of a processing contract finds its end within thirty days.

    Contracts that ended more than thirty days before the date of the run: material received on their lines
    that still lies in store or on the line, of joined lots its part. It is to be sold, re-exported, carried
    over to another contract, given away or destroyed (Art. 64). A contract settled late, of which nothing is
    left, is a low finding. Lines name their contract; with one contract alone, lines of the processing
    regimes (E21, E23) that name none are of it.
    """
    contracts = facts.book.beside.contracts
    if contracts is None:
        if facts.book.regime.upper() == "GC" or any(line.contract for line in facts.book.lines):
            tally.missing(Subject("book", facts.book.id), "contracts and their ends (contracts.csv)")
        return
    only = contracts[0].contract if len(contracts) == 1 else ""
    lines: dict[str, set[str]] = defaultdict(set)
    for line in facts.book.lines:
        name = line.contract or (only if line.regime.upper() in ("E21", "E23") else "")
        lines[name].add(line.key)
    rest = _rest(facts)
    for contract in sorted(contracts, key=lambda c: c.contract):
        due = contract.ends.end_ms + tally.days_ms("days")
        if not lines[contract.contract]:
            tally.missing(Subject("book", facts.book.id), f"declaration lines of {contract.contract}")
            continue
        if facts.book.as_of_ms <= due:
            tally.clean()  # pending
            continue
        left: dict[str, int] = defaultdict(int)
        for key in lines[contract.contract]:
            for code, q in rest[key].items():
                left[code] += q
        ended = iso_day(contract.ends.end_ms, facts.book.offset)
        found = [(code, q) for code, q in sorted(left.items())
                 if q > 0 and tally.tol(0, facts.uoms.get(code, "")).exceeded(q)]
        for code, q in found:
            tally.amount(Subject("material", code), "medium", 0, q, facts.uoms.get(code, ""),
                         duty_at_risk=facts.duty_on(code, q),
                         explanation=f"Left of contract {contract.contract}, which ended on {ended}.")
        late = contract.settled is not None and contract.settled.start_ms > due
        if not found and late and contract.settled is not None:
            days = (contract.settled.start_ms - contract.ends.end_ms) // 86_400_000
            allowed = int(tally.param("days"))
            tally.found(Subject("book", facts.book.id), "low", str(allowed), str(days),
                        difference=str(days - allowed), uom="DAY",
                        explanation=f"Contract {contract.contract} was settled late.")
        elif not found:
            tally.clean()


def _rest(facts: Facts) -> dict[str, dict[str, int]]:
    """What of each import line lies in store or on the line as it came, by code: lots that were joined hold
    their lines in proportion.
    """
    exact: dict[tuple[str, str], Ratio] = {}
    sources = facts.lineage.sources
    for position, portions in facts.lineage.placed.items():
        lot = facts.lots.get(position.lot)
        if position.state not in _HELD or lot is None or lot.origin is Origin.OWN:
            continue
        for source, q in together(portions).items():
            about = sources[source]
            if about.kind in ("line", "transferred"):
                key = about.name, about.code
                exact[key] = plus(exact.get(key, (0, 1)), q)
    result: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for (line, code), q in exact.items():
        result[line][code] += nearest(Fraction(*q))
    return result


RULES = (
    Rule("D2", "2", "outcome", "Book of scrap", "book", circular_38("64.1, 71, 75.7"), (), {}, d2,
         ("book of scrap",)),
    Rule("D4", "2", "outcome", "Good material sold as scrap", "book",
         (Law("Decree 134/2016/ND-CP Art. 10.4, 12.4", valid_from="2016-09-01"),
          Law("Decree 169/2026/ND-CP Art. 15.1.g", valid_from="2026-07-01")),
         (Param("share", "0.60", "share", "of the import price that scrap never fetches"),), {}, d4,
         ("prices of scrap sold", "values of import lines")),
    Rule("D6", "2", "outcome", "Left when a contract ended", "book",
         (*circular_38("64"), Law("Decree 169/2026/ND-CP Art. 8.3.d", valid_from="2026-07-01")),
         (Param("days", "30", "days", "after the end of the contract"),), {}, d6,
         ("ends of contracts", "contracts of declaration lines")),
)
