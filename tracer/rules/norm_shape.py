"""Family N, shape: norms that cannot be right whatever production did."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from ledger.vocabulary import Kind, LineRole, Origin
from tracer.book import Event, Norm
from tracer.facts import Facts
from tracer.finding import Severity
from tracer.quantity import ratio_text
from tracer.rules.core import PIECE, Param, Rule, Subject, Tally, circular_38

_NO_NORM = "KXDDM"
FIXED_ASSETS = "E13"
"""Regime of an export-processing enterprise's machines."""
FLAGS = ("", "X", _NO_NORM, "TH", "SPTN")
"""What form 16's column 9 may say."""


def n5(facts: Facts, tally: Tally) -> None:
    """Norms whose shape is wrong, whatever production did.

    A norm of zero or less. A product that was exported and has no norm. A norm filed for this period for a
    product that was neither made nor in stock. A material in a norm that never came in, was never made and
    never stood in stock. A norm in another unit of measure than the declaration's, without a factor between
    them. The same material twice in one version of a norm. A semi-finished code as a material that has no
    norm of its own, so that it cannot be rolled up to base materials. A material flagged KXDDM (no norm can
    be set) that states a norm, or has one in another product. A code imported as a machine (E13, outside form
    15) that is imported or issued as material too. What may still come or be made is no finding before the
    period is over. For information only: many codes under one heading of the tariff whose names begin alike,
    which can hide one material behind several.
    """
    for norm in facts.book.norms:
        _row(facts, tally, norm)
    _versions(facts, tally)
    _products(facts, tally)
    _no_norm_can_be_set(facts, tally)
    _machines(facts, tally)
    _fragments(facts, tally)


def _behind(facts: Facts, norms: Iterable[Norm]) -> list[Event]:
    wanted = {n.declared_by for n in norms}
    return [e for e in facts.events if e.id in wanted]


def _fault(facts: Facts, tally: Tally, subject: Subject, expected: str, observed: str, *,
           norms: Iterable[Norm] = (), severity: Severity = "medium", explanation: str) -> None:
    tally.found(subject, severity, expected, observed, evidence=_behind(facts, norms)[:8],
                explanation=explanation)


def _row(facts: Facts, tally: Tally, norm: Norm) -> None:
    subject = Subject("product", norm.product)
    if norm.norm <= 0 and norm.flag != _NO_NORM:
        _fault(facts, tally, subject, "above zero", ratio_text(norm.norm), norms=[norm],
               explanation=f"The norm of {norm.product} on {norm.material} is not above zero.")
        return
    if norm.flag not in FLAGS:
        _fault(facts, tally, subject, "a flag of form 16", norm.flag, norms=[norm], severity="low",
               explanation=f"The norm of {norm.product} on {norm.material} has an unknown flag.")
        return
    if not _known(facts, norm.material):
        if not facts.over and not facts.usage.output.get(norm.product):
            return
        _fault(facts, tally, Subject("material", norm.material), "received, made or in stock", "no source",
               norms=[norm], explanation=f"{norm.material} stands in the norm of {norm.product}, but never "
               "came in, was never made and never stood in stock.")
        return
    if norm.material in facts.usage.semi and not facts.is_material(norm.material) \
            and not facts.norms.known(norm.material):
        _fault(facts, tally, Subject("material", norm.material), "base materials", "a semi-finished code",
               norms=[norm], explanation=f"{norm.material} is made in the factory and has no norm of its "
               f"own, so the norm of {norm.product} cannot be rolled up to base materials.")
        return
    _units(facts, tally, norm)


def _units(facts: Facts, tally: Tally, norm: Norm) -> None:
    at = norm.valid_from or facts.book.period
    for code, uom, what in ((norm.product, norm.product_uom, "product"),
                            (norm.material, norm.material_uom, "material")):
        declared = sorted({line.uom for line in facts.lines_of.get(code, ()) if line.uom})
        strange = [u for u in declared if facts.factors.rate(code, uom, u, at) is None]
        if strange:
            _fault(facts, tally, Subject(what, code), ", ".join(strange), uom, norms=[norm],
                   explanation=f"The norm of {norm.product} on {norm.material} counts {code} in {uom}, its "
                   f"declaration in {', '.join(strange)}, and there is no factor between them.")
            return
    tally.clean()


def _known(facts: Facts, code: str) -> bool:
    return code in facts.lots_of or code in facts.lines_of


def _versions(facts: Facts, tally: Tally) -> None:
    same: dict[tuple[str, str, int, str], list[Norm]] = defaultdict(list)
    for norm in facts.book.norms:
        start = norm.valid_from.start_ms if norm.valid_from else 0
        same[norm.product, norm.material, start, norm.declared_by].append(norm)
    for (product, material, _, _), norms in sorted(same.items()):
        if len(norms) > 1:
            stated = ", ".join(ratio_text(n.norm) for n in norms)
            _fault(facts, tally, Subject("product", product), "1 row", f"{len(norms)} rows", norms=norms,
                   explanation=f"{material} stands {len(norms)} times in one norm of {product}: {stated}.")


def _products(facts: Facts, tally: Tally) -> None:
    period = facts.book.period
    made = {lot.code for lot in facts.book.lots if lot.origin == Origin.OWN}
    exported = {leg.code for e in facts.events if e.kind == Kind.EXPORT_LOAD and e.recorded
                for leg in e.legs if leg.code}
    exported |= {line.code for line in facts.book.lines if line.purpose == LineRole.EXPORT
                 and line.book in ("", facts.book.id) and line.cleared is not None and line.cancelled is None}
    for product in sorted(exported - {n.product for n in facts.book.norms}):
        if facts.is_material(product) or product in _co_products(facts):
            continue
        if not facts.book.norms:
            tally.missing(Subject("product", product), f"norm of {product}")
            continue
        loads = [e for e in facts.events if e.kind == Kind.EXPORT_LOAD and e.recorded
                 and any(leg.code == product for leg in e.legs)]
        tally.found(Subject("product", product), "medium", "a norm", "none", evidence=loads[:8],
                    explanation=f"{product} was exported and no norm was declared for it.")
    for product in facts.norms.products if facts.over else ():
        mine = [n for n in facts.book.norms if n.product == product and n.valid_from is not None
                and period.start_ms <= n.valid_from.start_ms <= period.end_ms]
        if mine and product not in made and product not in exported:
            _fault(facts, tally, Subject("product", product), "made or in stock", "never made", norms=mine,
                   severity="low", explanation=f"A norm was filed for {product}, which was never made.")


def _co_products(facts: Facts) -> set[str]:
    """Codes made beside a main product: they count as part of it and need no norm."""
    return {leg.code for e in facts.events if e.kind == Kind.TRANSFORM and e.recorded
            for leg in e.legs if leg.role == LineRole.CO_PRODUCT}


def _no_norm_can_be_set(facts: Facts, tally: Tally) -> None:
    flagged: dict[str, list[Norm]] = defaultdict(list)
    for norm in facts.book.norms:
        if norm.flag == _NO_NORM:
            flagged[norm.material].append(norm)
    for material, norms in sorted(flagged.items()):
        others = [n for n in facts.book.norms if n.material == material and n.flag != _NO_NORM]
        stated = [n for n in norms if n.norm > 0]
        if others or stated:
            where = f"has a norm in {others[0].product}" if others else "states a norm"
            _fault(facts, tally, Subject("material", material), "no norm", where, norms=[*norms, *others],
                   explanation=f"{material} is flagged KXDDM, yet {where}: what is embodied in a product "
                   "has a norm.")


def _machines(facts: Facts, tally: Tally) -> None:
    """What came in as a fixed asset is in no form 15: as material it would be out of sight."""
    imports = [x for x in facts.book.lines if x.purpose == LineRole.RECEIVE and x.cancelled is None]
    machines = {x.code: x for x in imports if x.regime.upper() == FIXED_ASSETS}
    issued = {leg.code: e for e in facts.of_kinds(Kind.ISSUE_PROD) for leg in e.legs} if machines else {}
    for code, line in sorted(machines.items()):
        other = next((x for x in imports if x.code == code and x.regime.upper() != FIXED_ASSETS), None)
        if other is None and code not in issued:
            tally.clean()
            continue
        behind = [issued[code]] if code in issued else []
        tally.found(Subject("material", code), "medium", f"a machine ({line.key})",
                    f"material ({other.key if other else 'issued to production'})", evidence=behind,
                    explanation=f"{code} came in as a machine under {line.regime}, and is material as well.")


def _fragments(facts: Facts, tally: Tally) -> None:
    groups: dict[tuple[str, str], set[str]] = defaultdict(set)
    for line in facts.book.lines:
        words = (line.description or facts.book.descriptions.get(line.code, "")).lower().split()
        if line.purpose == LineRole.RECEIVE and len(line.hs) >= 4 and words:
            groups[line.hs[:4], words[0]].add(line.code)
    limit = int(tally.param("fragments"))
    for (heading, stem), codes in sorted(groups.items()):
        if len(codes) >= limit:
            tally.found(Subject("book", facts.book.id), "info", f"fewer than {limit}", str(len(codes)),
                        uom=PIECE, explanation=f"{len(codes)} codes under heading {heading} whose names "
                        f"begin with “{stem}”: {', '.join(sorted(codes)[:12])}.")


RULES = (
    Rule("N5", "3", "norm", "Norms of the wrong shape", "book", circular_38("55"),
         (Param("fragments", "10", "codes",
                "under one heading with one word in front (practitioner's default)"),),
         {}, n5, ("norms", "tariff codes of import lines, for the note on fragments")),
)
