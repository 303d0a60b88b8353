"""Family O: goods that claim an origin they did not get here."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

from ledger.vocabulary import MICRO, Kind, LineRole, Origin, Step
from tracer.book import DeclarationLine, Event
from tracer.facts import Facts
from tracer.quantity import ratio_text
from tracer.rules.conservation import MASS
from tracer.rules.core import Law, Param, Rule, Subject, Tally
from tracer.rules.prices import trade_price, trade_value
from tracer.usage import MADE, lot_legs

_KILOGRAM = "KGM"
_SIMPLE = (Step.REPACK, Step.LABEL, Step.MOVE, Step.STORE)
"""Operations that never confer origin, whatever they are recorded as."""
_LAWS = (Law("Decision 824/QD-TTg (2019)", valid_from="2019-07-04"),)


def claims(facts: Facts, line: DeclarationLine) -> bool:
    """Whether an export line claims that the goods originate here."""
    exports = line.purpose in (LineRole.EXPORT, LineRole.RE_EXPORT)
    here = line.origin == facts.book.jurisdiction or bool(line.certificate)
    return exports and here and line.cancelled is None and line.book in ("", facts.book.id)


def o1(facts: Facts, tally: Tally) -> None:
    """Goods that claim to originate here were made here, not only moved, repacked or labelled.

    For every export line that claims the origin of this country or has a certificate of origin, the lots
    loaded for it are followed back through splits, merges, repacking and labelling. Where the way leads to an
    imported lot without a transformation, what was loaded of it is the difference.
    """
    parents = _parents(facts)
    loaded: dict[str, list[tuple[str, int, Event]]] = defaultdict(list)
    for event in facts.events:
        if event.recorded and event.kind in (Kind.EXPORT_LOAD, Kind.REEXPORT):
            for leg in event.legs:
                if leg.unit in facts.lots:
                    loaded[event.line].append((leg.unit, leg.quantity_micro, event))
    for line in sorted(facts.lines.values(), key=lambda x: x.key):
        if not claims(facts, line) or not loaded[line.key]:
            continue
        same = [(lot, q, e) for lot, q, e in loaded[line.key] if _imported(facts, parents, lot)]
        if not same:
            tally.clean()
            continue
        total = sum(q for _, q, _ in same)
        tally.amount(
            Subject("line", line.key), "critical", 0, total, line.uom,
            evidence=[e for _, _, e in same][:16], duty_at_risk=None,
            explanation=f"Claims origin {line.origin or 'by certificate ' + line.certificate}, but "
                        f"{', '.join(sorted({lot for lot, _, _ in same})[:6])} came in as imported goods and "
                        "no transformation lies between.")


def _parents(facts: Facts) -> dict[str, set[str]]:
    """Lots that a lot is the same goods as."""
    result: dict[str, set[str]] = defaultdict(set)
    for event in facts.events:
        simple = event.kind == Kind.TRANSFORM and event.step in _SIMPLE
        if event.recorded and (simple or event.kind in (Kind.SPLIT, Kind.MERGE)):
            inputs = {leg.unit for leg in lot_legs(event, LineRole.INPUT)}
            for leg in lot_legs(event, *MADE, LineRole.OUTPUT, LineRole.NONE):
                result[leg.unit] |= inputs - {leg.unit}
    return result


def _imported(facts: Facts, parents: dict[str, set[str]], lot: str) -> bool:
    pending, seen = [lot], {lot}
    while pending:
        unit = pending.pop()
        about = facts.lots.get(unit)
        if about is not None and about.origin == Origin.IMPORTED:
            return True
        new = parents.get(unit, set()) - seen
        seen |= new
        pending += sorted(new)
    return False


def o2(facts: Facts, tally: Tally) -> None:
    """Goods that claim to originate here changed their tariff classification on the way.

    For every export line with such a claim: an imported material of the product in the same subheading
    (six digits; four by parameter where the applicable rule of origin says so) means that there was no
    change of classification. Where that material is 95 % or more of the product's weight (of its value in one
    currency, where weights are not known), nothing else was added: critical. Otherwise medium. Without the
    tariff code of the product or of an imported material the line is not evaluable.
    """
    digits = int(tally.param("digits"))
    codes = _tariff(facts)
    base: dict[str, dict[str, Fraction]] = defaultdict(dict)
    for (product, material), norm in _norms(facts).items():
        base[product][material] = norm
    for line in sorted(facts.lines.values(), key=lambda x: x.key):
        if not claims(facts, line) or facts.is_material(line.code):
            continue
        inputs = {m: norm for m, norm in base.get(line.code, {}).items() if norm
                  and facts.imported_share.get(m, Fraction(1)) > 0 and facts.is_material(m)
                  and facts.usage.flags.get((line.code, m)) != "X"}
        subject = Subject("line", line.key)
        own = line.hs or codes.get(line.code, "")
        lacking = [f"tariff code of {c}" for c in (*([] if own else [line.code]),
                                                   *sorted(m for m in inputs if not codes.get(m)))]
        if not inputs:
            lacking.append(f"norm of {line.code}")
        if lacking:
            tally.missing(subject, *lacking)
            continue
        same = sorted(m for m in inputs if codes[m][:digits] == own[:digits])
        if same:
            _unchanged(facts, tally, line, {m: inputs[m] for m in same}, own[:digits])
        else:
            tally.clean()


def _unchanged(facts: Facts, tally: Tally, line: DeclarationLine, same: dict[str, Fraction],
               heading: str) -> None:
    share, by = _share(facts, line, same)
    limit = tally.param("share")
    whole = share is not None and share >= limit
    known = f"{ratio_text(share * 100, 1)} % of the product's {by}" if share is not None \
        else "a share that is not known (no weight, no value)"
    norms = {n.declared_by for n in facts.book.norms if n.product == line.code and n.material in same}
    loads = [e for e in facts.events if e.kind == Kind.EXPORT_LOAD and e.line == line.key]
    evidence = [e for e in facts.events if e.id in norms] + loads
    tally.found(
        Subject("line", line.key), "critical" if whole else "medium", f"another code than {heading}", heading,
        evidence=evidence[:16],
        explanation=f"{', '.join(same)}, imported under {heading} like the product itself, is {known}.")


def _share(facts: Facts, line: DeclarationLine, same: dict[str, Fraction]) -> tuple[Fraction | None, str]:
    """Share of the materials in one unit of the product, by weight, else by value."""
    own = _weight(facts, line.code, facts.uoms.get(line.code, line.uom))
    parts = [(q, _weight(facts, m, facts.uoms.get(m, ""))) for m, q in same.items()]
    if own and all(w is not None for _, w in parts):
        return sum((q * w for q, w in parts if w is not None), Fraction(0)) / own, "weight"
    prices = [(q, trade_price(facts, (x for x in facts.lines_of.get(m, ()) if x.purpose == LineRole.RECEIVE)))
              for m, q in same.items()]
    value = trade_value(facts, line)
    if value and line.quantity_micro and all(p is not None for _, p in prices):
        unit = value * MICRO / line.quantity_micro
        return sum((q * p for q, p in prices if p is not None), Fraction(0)) / unit, "value"
    return None, ""


def _weight(facts: Facts, code: str, uom: str) -> Fraction | None:
    return MASS.get(uom) or facts.factors.rate(code, uom, _KILOGRAM, facts.book.period)


def _norms(facts: Facts) -> dict[tuple[str, str], Fraction]:
    """Base materials of products: what production took, else what was declared."""
    return {**facts.usage.base_declared, **facts.usage.base_ledger}


def _tariff(facts: Facts) -> dict[str, str]:
    found = {line.code: line.hs for line in sorted(facts.book.lines, key=lambda x: x.key) if line.hs}
    return {**found, **facts.book.hs}


RULES = (
    Rule("O1", "1", "origin", "Origin claimed without a transformation", "book", _LAWS, (), {}, o1,
         ("origin claimed on export lines",)),
    Rule("O2", "2", "origin", "Origin claimed without a change of tariff classification", "book", _LAWS,
         (Param("digits", "6", "digits", "of the tariff code that must change"),
          Param("share", "0.95", "share", "of weight or value in the same code that is critical")),
         {}, o2, ("origin claimed on export lines", "tariff codes of products and imported materials",
                  "norms", "weights or values, for the share")),
)
