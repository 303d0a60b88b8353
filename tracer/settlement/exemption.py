"""The exemption statement: per material and import line, what was used in goods that really left.

The law exempts what was actually used in products actually exported (Decree 134/2016 Art. 10.2.dd, 12.2.d).
So per product that passed the border: quantity left, times the smaller of the declared norm and the norm
that the ledger shows, times the imported share: under SPECIFIC that of the lots which really went into what
left, where they are known, else (and under every other policy) that of all that was issued. Another yield
basis of the book (`yields`) gives another quantity per unit of product. Under VN_EXPORT_RATIO what was made
and left in the period takes its part of what production really took of imported material (Circular 38/2015
Art. 60.2.a); what left from opening stock keeps its norm. Which import line it came from follows the book's
allocation policy: SPECIFIC takes the lots that the ledger saw, the others spread the same total over
receipts, in the order of time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction

from ledger.vocabulary import Balance, Kind, LineRole, Origin, Thing
from tracer.allocation import LOOK_BACK, RANKED, Receipt, Withdrawal, attribute, vn_export_ratio
from tracer.blend import Ratio, plus
from tracer.book import Event, Leg
from tracer.currency import named
from tracer.facts import Facts
from tracer.graph import Mixture, Source
from tracer.quantity import nearest, rounded

_ELSEWHERE = (Kind.REEXPORT, Kind.REPURPOSE, Kind.SELL_INLAND, Kind.DESTROY)
_CAME_IN = (LineRole.RECEIVE, LineRole.TRANSFER_IN)
OPENING = "opening"
"""Stands for an import line where goods came from opening stock whose line the book does not know."""


@dataclass(slots=True)
class ExemptionRow:
    """One import line of one material.

    Attributes:
        import_line: key of the line, or `opening` for stock older than the book.
        quantity_micro: used in what left.
        by_export: the same by export line.
        duty_freed: in whole units of the line's currency; None where value or rate is unknown.
    """

    material: str
    uom: str
    import_line: str
    quantity_micro: int = 0
    by_export: dict[str, int] = field(default_factory=dict)
    currency: str = ""
    duty_rate: Fraction | None = None
    duty_freed: int | None = None


@dataclass(slots=True)
class MaterialExemption:
    """Totals of one material: what is claimed by the declared norm and what the law exempts.

    Attributes:
        claimed_micro: the claim supplied, else declared norm times what left, imported share.
        exempt_micro: with the smaller norm. `over_claimed` is the difference.
        imported_share: imported part of what left with the products.
        parts: what is exempt by product and export line, exact.
    """

    material: str
    uom: str
    imported_share: Fraction
    claimed_micro: int
    exempt_micro: int
    parts: dict[tuple[str, str], Fraction] = field(default_factory=dict)

    @property
    def over_claimed_micro(self) -> int:
        """Claim beyond what the law exempts."""
        return self.claimed_micro - self.exempt_micro


def norm_used(facts: Facts, product: str, material: str) -> Fraction:
    """Material of one unit of product by the yield basis; for VN_NORM the smaller of declared and ledger
    norm, in base materials, the declared one if the ledger shows none.
    """
    return facts.unit_use.get((product, material), Fraction(0))


def properly_used(facts: Facts, product: str, material: str) -> dict[str, Fraction]:
    """Imported material in what left of a product by export line, by basis and policy, exact micro-units."""
    imported = imported_left(facts, product, material)
    norm = norm_used(facts, product, material)
    output, used = facts.usage.output.get(product, 0), facts.usage.base_ledger.get((product, material))
    if facts.book.allocation != "VN_EXPORT_RATIO" or not output or used is None:
        return {line: norm * q for line, q in imported.items()}
    left = facts.exported[product]
    made = min(left, output)
    share = _share(facts, material)
    proper = vn_export_ratio(used * output * share, Fraction(made), Fraction(output))
    return _by_export(facts, product, proper + norm * (left - made) * share)


def imported_left(facts: Facts, product: str, material: str) -> dict[str, Fraction]:
    """What left of a product by export line, times the imported share of a material in it."""
    general = _share(facts, material)
    result = {}
    for line, q in facts.exits_of.get(product, {}).items():
        known, opened = _sources(facts, material, product, line)
        share = general
        if facts.book.allocation == "SPECIFIC" and known:
            whole = imported = (0, 1)
            for about, part in known:
                whole = plus(whole, part)
                imported = plus(imported, part) if about.origin == Origin.IMPORTED else imported
            share = Fraction(*imported) / Fraction(*whole) * (1 - opened) + general * opened
        result[line] = share * q
    return result


def exempt_materials(facts: Facts) -> dict[str, MaterialExemption]:
    """Per imported material: claim, legal exemption and the share of each product in it."""
    pairs = sorted({*facts.usage.base_declared, *facts.usage.base_ledger, *facts.unit_use})
    claimed: dict[str, Fraction] = defaultdict(Fraction)
    exempt: dict[str, dict[tuple[str, str], Fraction]] = defaultdict(dict)
    shares: dict[str, tuple[Fraction, Fraction]] = {}
    for product, material in pairs:
        left = facts.exported.get(product, 0)
        if not left or facts.usage.flags.get((product, material)) == "X":
            continue
        norm, imported = _claimed_norm(facts, product, material), imported_left(facts, product, material)
        of_it = sum(imported.values(), Fraction(0))
        claimed[material] += norm * of_it
        part, whole = shares.get(material, (Fraction(0), Fraction(0)))
        shares[material] = part + norm * of_it, whole + norm * left
        exempt[material].update({(product, line): q for line, q
                                 in properly_used(facts, product, material).items()})
    claims = facts.book.claims or {}  # a material without a claim of its own is claimed by the norm
    result = {}
    for material in sorted({*claimed, *claims}):
        parts = exempt.get(material, {})
        part, whole = shares.get(material, (Fraction(0), Fraction(0)))
        result[material] = MaterialExemption(
            material, facts.uoms.get(material, ""), part / whole if whole else _share(facts, material),
            claims[material] if material in claims else nearest(claimed[material]),
            nearest(sum(parts.values(), Fraction(0))), parts)
    return {m: x for m, x in result.items() if x.claimed_micro or x.exempt_micro}


def _claimed_norm(facts: Facts, product: str, material: str) -> Fraction:
    """What a claim takes for one unit: by the declared norm where that is what is claimed by, as in Vietnam;
    elsewhere by the yield basis, since that is what the papers of that law state.
    """
    if facts.book.yield_basis != "VN_NORM":
        return norm_used(facts, product, material)
    return facts.usage.base_declared.get((product, material), Fraction(0))


def exemption(facts: Facts) -> list[ExemptionRow]:
    """The statement: rows by material and import line, adding up to each material's exempt quantity
    exactly.
    """
    rows: dict[tuple[str, str], ExemptionRow] = {}
    for material, total in exempt_materials(facts).items():
        shares: dict[tuple[str, str], Fraction] = {}
        for (product, export), part in total.parts.items():
            for source, share in _by_source(facts, material, product, export, part).items():
                before = shares.get((source, export))
                shares[source, export] = share if before is None else before + share
        amounts = _reallocated(facts, material, rounded(shares))
        for (line, export), amount in amounts.items():
            if amount:
                row = rows.setdefault((material, line), ExemptionRow(material, total.uom, line))
                row.quantity_micro += amount
                row.by_export[export] = row.by_export.get(export, 0) + amount
    for row in rows.values():
        _value(facts, row)
    return [rows[key] for key in sorted(rows)]


def _share(facts: Facts, material: str) -> Fraction:
    """Imported share; a material that nobody issued is imported if any of its lots is, and one of which
    the book has no lot, inside opening stock, is what the norm's flag says: blank stands for imported.
    """
    if material in facts.imported_share:
        return facts.imported_share[material]
    return Fraction(material in facts.imported_codes or material not in facts.stocked_codes)


def _by_export(facts: Facts, product: str, quantity: Fraction) -> dict[str, Fraction]:
    """A product's part, by the export lines it left on."""
    left = facts.exits_of.get(product, {})
    total = sum(left.values())
    n, d = quantity.as_integer_ratio()
    return {line: Fraction(n * q, d * total) for line, q in left.items()} if total else {}


def _by_source(facts: Facts, material: str, product: str, export: str, quantity: Fraction) -> Mixture:
    """A part, by the import lines that the ledger saw in what left on an export line.

    Products that were in stock when the book was opened hold material that no line of the book can be named
    for.
    """
    mixture: dict[str, Ratio] = {}
    whole = total = (0, 1)
    sources, opened = _sources(facts, material, product, export)
    for about, q in sources:
        whole = plus(whole, q)
        if about.origin == Origin.IMPORTED:
            name = source_line(facts, about)
            mixture[name] = plus(mixture.get(name, (0, 1)), q)
            total = plus(total, q)
    if not total[0]:
        return {OPENING: quantity}
    known = quantity
    if opened:  # both parts have an imported share of their own
        of_known = Fraction(*total) / Fraction(*whole) * (1 - opened)
        known *= of_known / (of_known + _share(facts, material) * opened)
    (of, by), (n, d) = known.as_integer_ratio(), total
    parts = {line: Fraction(of * x * d, by * y * n) for line, (x, y) in mixture.items()}
    parts[OPENING] = parts.get(OPENING, Fraction(0)) + quantity - known
    return parts


def source_line(facts: Facts, source: Source) -> str:
    """The line of import or transfer from another contract that a source came in on, else `opening`."""
    known = source.kind in ("line", "transferred") and source.name in facts.lines
    return source.name if known else OPENING


def _sources(facts: Facts, material: str, product: str, export: str
             ) -> tuple[list[tuple[Source, Ratio]], Fraction]:
    """The material of an export line by where it came from, and the share of it for which that is not known:
    it was inside products or semi-finished goods that were in stock when the book was opened.
    """
    of_line = facts.away.held.get(export, {})
    opened = (0, 1)
    for _, q in of_line.get(product, ()):
        opened = plus(opened, q)
    left = facts.away.quantity.get((export, product), 0)
    known = of_line.get(material, []) if material != product else []
    share = Fraction(*opened) / left if left and opened[0] else Fraction(0)
    inside, use = Fraction(0), facts.usage
    for code, parts in of_line.items():
        norm = use.base_declared.get((code, material)) or use.base_ledger.get((code, material))
        if norm and code not in (material, product):
            inside += norm * sum((Fraction(*q) for _, q in parts), Fraction(0))
    if inside:
        seen = sum((Fraction(*q) for _, q in known), Fraction(0))
        share += (1 - share) * inside / (inside + seen)
    return known, share


def _reallocated(
    facts: Facts, material: str, amounts: dict[tuple[str, str], int]
) -> dict[tuple[str, str], int]:
    """The same totals by export line, spread over receipts where the policy is not SPECIFIC."""
    if facts.book.allocation == "SPECIFIC":
        return amounts
    by_export: dict[str, int] = defaultdict(int)
    for (_, export), q in amounts.items():
        by_export[export] += q
    withdrawals = withdrawals_of(facts, material, by_export, facts.book.allocation)
    found = attribute(facts.book.allocation, receipts_of(facts, material), withdrawals,
                      facts.book.turnover_days)
    result: dict[tuple[str, str], int] = {
        (line, export): q for (line, export), q in found.cells.items() if export in by_export}
    for export, rest in found.uncovered.items():
        if export in by_export:
            result[OPENING, export] = result.get((OPENING, export), 0) + rest
    return result


def withdrawals_of(facts: Facts, material: str, by_export: dict[str, int], policy: str) -> list[Withdrawal]:
    """What left by export line, and for policies that count them what went elsewhere."""
    result = [Withdrawal(export, _left_ms(facts, export), q) for export, q in by_export.items()]
    if policy in ("FIFO", "LIFO", "LOW_TO_HIGH"):
        result += _other_withdrawals(facts, material)
    return result


def _other_withdrawals(facts: Facts, material: str) -> list[Withdrawal]:
    """What went elsewhere than into exports uses receipts up as well: the material itself re-exported, sold,
    destroyed, repurposed or handed on to another contract, and products of it.
    """
    used: dict[str, Fraction] = defaultdict(Fraction)
    on_board: dict[tuple[str, str], list[tuple[str, int]]] = defaultdict(list)
    for event in facts.of_kinds(*_ELSEWHERE, Kind.UNLOAD):
        for leg in event.legs:
            holds, loads = _holds(facts, leg.unit, leg.balance, material), on_board[leg.unit, event.line]
            back = leg.quantity_micro if event.kind is Kind.UNLOAD else 0
            while back and loads:  # what is taken off again never went: the last first
                name, loaded = loads.pop()
                off = min(loaded, back)
                used[name] -= holds * off
                back -= off
                if loaded > off:
                    loads.append((name, loaded - off))
            if event.kind is not Kind.UNLOAD:
                used[event.id] += holds * leg.quantity_micro
                if event.kind is Kind.REEXPORT:
                    loads.append((event.id, leg.quantity_micro))
    for event, leg in _transferred(facts, inward=False):
        used[event.id] += _holds(facts, leg.unit, leg.balance, material) * leg.quantity_micro
    return [Withdrawal(f"other:{name}", event.occurred.end_ms, nearest(q), export=False)
            for name, q in used.items()
            if q and (event := facts.by_id[name]).occurred.start_ms >= facts.book.period.start_ms]


def _transferred(facts: Facts, *, inward: bool) -> list[tuple[Event, Leg]]:
    """Lots handed over between contracts, into the book or out of it."""
    return [(event, leg) for event in facts.of_kinds(Kind.TRANSFER) for leg in event.legs
            if leg.thing == Thing.LOT and (leg.role == LineRole.OUTPUT) == inward]


def _holds(facts: Facts, name: str, balance: Balance, material: str) -> Fraction:
    """Imported material in one unit of a lot."""
    lot = facts.lots.get(name)
    if lot is None or balance in (Balance.SCRAP, Balance.WIP):
        return Fraction(0)
    if lot.code == material:
        return facts.accounts.blends.get(name, Fraction(lot.origin == Origin.IMPORTED))
    use = facts.usage
    if (lot.code, material) in use.base_declared or (lot.code, material) in use.base_ledger:
        return norm_used(facts, lot.code, material) * _share(facts, material)
    return Fraction(0)


def receipts_of(facts: Facts, material: str) -> list[Receipt]:
    """Opening stock and receipts of an imported material, by import line, with the duty on one unit."""
    quantity: dict[str, int] = defaultdict(int)
    for (code, source), row in facts.accounts.materials.items():
        if code == material and source == "imported":
            quantity[OPENING] += row["opening"]
    for event in facts.receipts.get(material, ()):
        if event.occurred.start_ms >= facts.book.period.start_ms:
            quantity[event.line] += sum(leg.quantity_micro for leg in event.legs if leg.code == material)
    for event, leg in _transferred(facts, inward=True):
        lot = facts.lots.get(leg.unit)
        if lot and lot.code == material and lot.origin == Origin.IMPORTED \
                and event.occurred.start_ms >= facts.book.period.start_ms:
            quantity[event.line if event.line in facts.lines else OPENING] += leg.quantity_micro
    receipts = []
    for name, q in quantity.items():
        line = facts.lines.get(name)
        duty = facts.duty_of(line) if line and line.quantity_micro else None
        duty = duty / line.quantity_micro if line and duty is not None else None
        accepted = line.registered.start_ms if line and line.registered else 0
        receipts.append(Receipt(name, accepted, q, duty))
    return receipts


def unranked(facts: Facts, rows: Iterable[ExemptionRow]) -> list[str]:
    """Of a statement by a low-to-high policy: what was taken although nobody knows its rank (`allocation`).

    Of a material that came in on one line alone there is nothing to rank. What no receipt covered, which the
    two methods with a look-back put under opening stock, was not ranked either.
    """
    policy = facts.book.allocation
    if not policy.startswith(RANKED):
        return []
    known: dict[str, dict[str, Fraction | None]] = {}
    said = []
    for row in rows:
        if row.material not in known:
            receipts = receipts_of(facts, row.material)
            known[row.material] = {r.line: r.duty_per_unit for r in receipts if r.quantity_micro}
        duties, line = known[row.material], row.import_line
        if len(duties) < 2 or line not in duties or duties[line] is not None:
            continue
        if line != OPENING:
            lacking = "value and rate" if row.duty_freed is None else "exchange rate"
            effect = "frees nothing for it" if row.duty_freed is None else "may free too much by it"
            what = f"{line} of {row.material} ({lacking})"
        elif policy not in LOOK_BACK:
            what, effect = f"opening stock of {row.material}", "frees nothing for it"
        else:
            continue
        said.append(f"duty on {what}: {policy} cannot rank it, takes it first and {effect}")
    return said


def _left_ms(facts: Facts, export: str) -> int:
    """When goods first left on an export line in the period."""
    return min((e.occurred.end_ms for e in facts.exit_events.get(export, ())
                if e.occurred.start_ms >= facts.book.period.start_ms), default=facts.book.period.end_ms)


def _value(facts: Facts, row: ExemptionRow) -> None:
    line = facts.lines.get(row.import_line)
    if line is None or line.purpose not in _CAME_IN or line.value is None or not line.quantity_micro:
        return
    row.currency, row.duty_rate = named(facts.book, line.currency), line.duty_rate
    if line.duty_rate is not None:
        row.duty_freed = nearest(line.value * line.duty_rate * row.quantity_micro / line.quantity_micro)
