"""Families N and U, what has no norm and what has two units."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

from ledger.vocabulary import Kind
from tracer.book import Event
from tracer.facts import Facts
from tracer.moment import iso_day
from tracer.quantity import micro_text, nearest
from tracer.rules.core import Law, Param, Rule, Subject, Tally, circular_38
from tracer.rules.spread import median, outliers
from tracer.usage import MADE

_NO_NORM = "KXDDM"


def n8(facts: Facts, tally: Tally) -> None:
    """Supplies for which no norm can be set (KXDDM) are used as they always are, and on vouchers.

    Per such material: what was issued in a month, less returns, over what was made in it of the products
    whose form 16 names it; what was issued in a month in which none were made counts in the next in which
    some were. With six months or more, a month further than three MAD and a tenth from the median is a
    finding; the difference is what was issued beyond (or below) the usual share. Issues that name no voucher
    are a finding of their own (Art. 55.2).
    """
    products: dict[str, set[str]] = defaultdict(set)
    for norm in facts.book.norms:
        if norm.flag == _NO_NORM:
            products[norm.material].add(norm.product)
    if not products:
        return
    issued: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    acts: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in facts.of_kinds(Kind.ISSUE_PROD, Kind.RETURN_PROD):
        month = iso_day(event.occurred.start_ms, facts.book.offset)[:7]
        for leg in event.legs:
            if leg.code in products:
                sign = 1 if event.kind == Kind.ISSUE_PROD else -1
                issued[leg.code][month] += sign * leg.quantity_micro
                acts[leg.code, month].append(event)
    made: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for event in facts.of_kinds(Kind.TRANSFORM):
        month = iso_day(event.occurred.start_ms, facts.book.offset)[:7]
        for leg in event.legs:
            if leg.role in MADE:
                made[leg.code][month] += leg.quantity_micro
    for code in sorted(products):
        output: dict[str, int] = defaultdict(int)
        for product in products[code]:
            for month, q in made[product].items():
                output[month] += q
        _months(facts, tally, code, issued[code], output, acts)
        _vouchers(facts, tally, code, [e for month in sorted(issued[code]) for e in acts[code, month]])


def _months(facts: Facts, tally: Tally, code: str, issued: dict[str, int],  # noqa: PLR0917 - one material
            output: dict[str, int], acts: dict[tuple[str, str], list[Event]]) -> None:
    months = sorted(m for m, q in output.items() if q)
    least = int(tally.param("months"))
    if len(months) < least:
        tally.missing(Subject("material", code),
                      f"{least} months in which {code} could be used ({len(months)} of {least})")
        return
    used, behind = _carried(months, issued, acts, code)
    shares = [Fraction(used[m], output[m]) for m in months]
    usual, uom = median(shares), facts.uoms.get(code, "")
    strange = outliers(shares, tally.param("mad"), tally.param("share"))
    for i in strange:
        month = months[i]
        tally.amount(
            Subject("material", code), "low", nearest(usual * output[month]), used[month], uom,
            evidence=behind[month][:16],
            explanation=f"In {month} more or less of {code} was issued than is usual for what was made.")
    if not strange:
        tally.clean()


def _carried(months: list[str], issued: dict[str, int], acts: dict[tuple[str, str], list[Event]], code: str
             ) -> tuple[dict[str, int], dict[str, list[Event]]]:
    """What was issued for the work of each month, and the acts: what no work followed counts in the last."""
    used, behind = dict.fromkeys(months, 0), {m: list[Event]() for m in months}
    for month in sorted(issued):
        into = next((m for m in months if m >= month), months[-1])
        used[into] += issued[month]
        behind[into] += acts[code, month]
    return used, behind


def _vouchers(facts: Facts, tally: Tally, code: str, events: list[Event]) -> None:
    bare = [e for e in events if e.kind == Kind.ISSUE_PROD and not e.more.documents]
    if not events:
        return
    if not bare:
        tally.clean()
        return
    q = sum(leg.quantity_micro for e in bare for leg in e.legs if leg.code == code)
    tally.amount(Subject("material", code), "low", 0, q, facts.uoms.get(code, ""), evidence=bare[:16],
                 explanation=f"{micro_text(q)} of {code} was issued without a voucher.")


def u2(facts: Facts, tally: Tally) -> None:
    """One code is counted in one unit of measure on declarations and forms.

    Units in which a code stands on declaration lines and in norms. Two units are in order where a factor
    with its source (the document that states it) joins them; without, the forms say another thing than the
    declarations (forms 15, 15a and 16 ask for the unit of both factory and declaration). What cannot be
    compared for want of any factor is U1's too.
    """
    stated: dict[str, dict[str, str]] = defaultdict(dict)
    for line in sorted(facts.book.lines, key=lambda x: x.key):
        if line.cancelled is None and (line.stated_uom or line.uom):
            stated[line.code].setdefault(line.stated_uom or line.uom, f"declaration line {line.key}")
    for norm in facts.book.norms:
        if norm.flag == _NO_NORM:
            continue
        stated[norm.product].setdefault(norm.product_uom, f"norm of {norm.product}")
        stated[norm.material].setdefault(norm.material_uom, f"norm of {norm.product}")
    backed = {
        (row.code, frozenset((row.from_uom, row.to_uom))) for row in facts.book.conversions if row.source
    }
    for code, units in sorted(stated.items()):
        first, *others = units
        strange = [u for u in others
                   if not any((whose, frozenset((first, u))) in backed for whose in (code, ""))]
        if not strange:
            tally.clean()
            continue
        what = "material" if facts.is_material(code) else "product"
        said = "; ".join(f"{uom}: {where}" for uom, where in units.items() if uom in (first, *strange))
        tally.found(Subject(what, code), "low", first, ", ".join(strange),
                    explanation=f"Counted in several units without a factor that has a source: {said}.")


RULES = (
    Rule("N8", "2", "norm", "Supplies without a norm", "book", circular_38("55.2"),
         (Param("months", "6", "months", "least number that tells what is usual"),
          Param("mad", "3", "MAD", "distance from the median that is unusual"),
          Param("share", "0.10", "share", "of the median by which it must differ as well")),
         {}, n8, ("vouchers of issues",)),
    Rule("U2", "1", "unit", "Two units of measure for one code", "book",
         (*circular_38("60.2"), Law("Decree 169/2026/ND-CP Art. 12.2.c", valid_from="2026-07-01")), (),
         {}, u2),
)
