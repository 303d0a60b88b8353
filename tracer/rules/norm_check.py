"""Family N, the norm itself: against the ledger, its past, its peers, and where the material came from."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

from ledger.vocabulary import Kind
from tracer.book import Event, Norm, PeerNorm
from tracer.facts import Facts
from tracer.finding import Severity
from tracer.norms import Pair
from tracer.quantity import nearest, ratio_text
from tracer.rules.core import Param, Rule, Subject, Tally, circular_38
from tracer.rules.norm import norms_lacking
from tracer.rules.spread import deviation, median, outliers
from tracer.usage import MADE, lot_legs


def n2(facts: Facts, tally: Tally) -> None:
    """Each declared norm is held against the norm that the ledger shows, as a whole and lot by lot.

    The ledger's norm is (issued - recovered - change of work in progress) / output, of one product and one
    material (form 16 column 8). The finding states what the norm implies for the output and what it really
    took. Where the period as a whole agrees, each production run is held against the others: a run more than
    three MAD and 5 % away from their median means that an averaged norm hides lots. Materials flagged KXDDM
    have no norm; a semi-finished code without a norm of its own carries its materials forward (N1).
    """
    use = facts.usage
    per_run = _per_run(facts)
    for (product, material), norm in sorted(use.declared.items()):
        output = use.output.get(product, 0)
        if not output or use.flags.get((product, material)) == "KXDDM" or norms_lacking(facts, material):
            continue
        expected, real = nearest(norm * output), nearest(use.used.get((product, material), Fraction(0)))
        uom, subject = facts.uoms.get(material, ""), Subject("product", product)
        tolerance = tally.tol(expected, uom, "rel")
        if tolerance.exceeded(real - expected):
            severe = expected and abs(Fraction(real - expected, expected)) > tally.param("severe")
            tally.amount(
                subject,
                "high" if severe else "medium",
                expected,
                real,
                uom,
                tolerance=tolerance,
                evidence=_behind(facts, product, material)[:16],
                duty_at_risk=facts.duty_on(material, real - expected),
                explanation=f"The norm of {product} on {material} is declared as {ratio_text(norm)}; the "
                f"ledger shows {ratio_text(Fraction(real, output))}.",
            )
        elif not _lots(tally, (product, material), per_run.get((product, material), []), uom):
            tally.clean()


def _behind(facts: Facts, product: str, material: str) -> list[Event]:
    norms = {n.declared_by for n in facts.book.norms if (n.product, n.material) == (product, material)}
    made = [
        e
        for e in facts.events
        if e.recorded and e.kind == Kind.TRANSFORM and any(leg.code == product for leg in lot_legs(e, *MADE))
    ]
    return [e for e in facts.events if e.id in norms] + made


def _per_run(facts: Facts) -> dict[Pair, list[tuple[Fraction, int, Event]]]:
    """Material per unit of product by run; only runs of one product, whose inputs need no sharing."""
    result: dict[Pair, list[tuple[Fraction, int, Event]]] = defaultdict(list)
    for run in facts.runs:
        if len(run.outputs) == 1:
            ((product, output),) = run.outputs.items()
            for code, quantity in run.inputs.items():
                if output:
                    result[product, code].append((quantity / output, output, run.event))
    return result


def _lots(tally: Tally, pair: Pair, found: list[tuple[Fraction, int, Event]], uom: str) -> bool:
    if len(found) < int(tally.param("runs")):
        return False
    values = [ratio for ratio, _, _ in found]
    strange = outliers(values, tally.param("mad"), tally.param("scatter"))
    for i in strange:
        ratio, output, event = found[i]
        tally.amount(
            Subject("event", event.id),
            "low",
            nearest(median(values) * output),
            nearest(ratio * output),
            uom,
            evidence=[event],
            explanation=f"An averaged norm hides this lot: {pair[0]} took {ratio_text(ratio)} "
            f"of {pair[1]}, the others {ratio_text(median(values))}.",
        )
    return bool(strange)


def n3(facts: Facts, tally: Tally) -> None:
    """A norm is held against its own past.

    The norm in force in the period, against the versions filed before it: more than three standard deviations
    from their mean warns, five are severe; so do a jump of 20 % and of 50 % against the last version.
    Fewer than three earlier versions tell nothing: not evaluable. Versions in several units of measure are
    compared in the unit of the lots, by the factor of the day from which each holds. Of two versions from one
    day the one declared later counts; rows of one version add up.
    """
    table: dict[Pair, dict[int, dict[tuple[int, str], Fraction]]] = defaultdict(lambda: defaultdict(dict))
    for norm in facts.converted:
        if norm.flag != "KXDDM":
            start = norm.valid_from.start_ms if norm.valid_from else 0
            rows = table[norm.product, norm.material][start]
            declared = norm.declared_ms, norm.declared_by
            rows[declared] = rows.get(declared, Fraction(0)) + norm.norm
    for norm in facts.unconverted:
        table.pop((norm.product, norm.material), None)
    short = 0
    for (product, material), versions in sorted(table.items()):
        latest = [(start, max(rows)) for start, rows in sorted(versions.items())]
        known = [(versions[start][declared], declared[1]) for start, declared in latest
                 if start <= facts.book.period.end_ms]
        past = [value for value, _ in known[:-1]]
        if len(past) < int(tally.param("periods")):
            short += 1
            continue
        now, mean = known[-1][0], sum(past, Fraction(0)) / len(past)
        variance = sum(((x - mean) ** 2 for x in past), Fraction(0)) / (len(past) - 1)
        jump = abs(now / past[-1] - 1) if past[-1] else Fraction(0)
        severity = _degree(tally, (now - mean) ** 2, variance, jump)
        if severity is None:
            tally.clean()
            continue
        events = [e for e in facts.events if e.id == known[-1][1]]
        tally.found(
            Subject("product", product),
            severity,
            ratio_text(past[-1]),
            ratio_text(now),
            difference=ratio_text(now - past[-1]),
            uom=facts.uoms.get(material, ""),
            evidence=events,
            explanation=f"The norm of {product} on {material} is {ratio_text(now)}; its last {len(past)} "
            f"versions have a mean of {ratio_text(mean)}.",
        )
    if short:
        tally.missing(
            Subject("book", facts.book.id), f"norms of three earlier periods ({short} of {len(table)})"
        )


def _degree(tally: Tally, square: Fraction, variance: Fraction, jump: Fraction) -> Severity | None:
    """How far out: by standard deviations where the past varied at all, and by the jump."""
    for severity, sigmas, share in (("high", "severe_sigma", "severe_jump"), ("medium", "sigma", "jump")):
        beyond = variance and square > tally.param(sigmas) ** 2 * variance
        if beyond or jump > tally.param(share):
            return "high" if severity == "high" else "medium"
    return None


def n4(facts: Facts, tally: Tally) -> None:
    """A norm is held against those of other firms for like products and materials.

    Same six digits of the tariff for product and material, at least five firms (more are better: practice
    asks for thirty). Norms in other units of measure are compared by the factors of the book, and left out
    where there are none. The norm in force in the period counts. Further from the median of the firms than
    3.5 times 1.4826 MAD is a finding.
    Peers' norms come from customs as figures without names. They also serve where customs may use another
    firm's norm (Art. 60.4.b.2).
    """
    book = facts.book
    if book.peers is None:
        tally.missing(Subject("book", book.id), "norms of peers (peers.csv)")
        return
    hs = {**{line.code: line.hs for line in book.lines if line.hs}, **book.hs}
    norms = {(n.product, n.material): n for product in facts.norms.products
             for n in facts.stated.effective(product, book.period) if n.flag != "KXDDM"}
    short = 0
    for (product, material), norm in sorted(norms.items()):
        mine = (hs.get(product, "")[:6], hs.get(material, "")[:6])
        others = [x for p in book.peers if (p.product_hs[:6], p.material_hs[:6]) == mine
                  and (x := _peer(facts, norm, p)) is not None]
        spread = deviation(others) if others else Fraction(0)
        if not all(mine) or len(others) < int(tally.param("peers")) or not spread:
            short += 1
            continue
        middle = median(others)
        z = (norm.norm - middle) / spread
        if abs(z) <= tally.param("z"):
            tally.clean()
            continue
        tally.found(
            Subject("product", product),
            "medium",
            ratio_text(middle),
            ratio_text(norm.norm),
            difference=ratio_text(norm.norm - middle),
            uom=norm.material_uom,
            evidence=_behind(facts, product, material)[:4],
            explanation=f"The norm of {product} on {material} lies {ratio_text(z, 1)} deviations from the "
            f"median of {len(others)} firms.",
        )
    if short:
        tally.missing(
            Subject("book", book.id), f"tariff codes and five peers that differ ({short} of {len(norms)})"
        )


def _peer(facts: Facts, norm: Norm, peer: PeerNorm) -> Fraction | None:
    """A peer's norm in the units of measure of one's own; None without a factor."""
    at = norm.valid_from or facts.book.period
    materials = facts.factors.rate(norm.material, peer.material_uom, norm.material_uom, at)
    products = facts.factors.rate(norm.product, peer.product_uom, norm.product_uom, at)
    return None if materials is None or not products else peer.norm * materials / products


_RUNS = Param("runs", "4", "runs", "least number that tells what is usual")
_MAD = Param("mad", "3", "MAD", "distance from the median that is unusual")

RULES = (
    Rule(
        "N2",
        "3",
        "norm",
        "Declared norm against the ledger's",
        "book",
        circular_38("55"),
        (
            Param("rel", "0.005", "share", "relative tolerance of the norm"),
            Param("severe", "0.20", "share", "of the declared norm that is severe (practitioner's default)"),
            _RUNS,
            _MAD,
            Param("scatter", "0.05", "share", "of the median that a run must differ by as well"),
        ),
        {},
        n2,
        ("norms",),
    ),
    Rule(
        "N3",
        "2",
        "norm",
        "Norm against its own past",
        "book",
        circular_38("55"),
        (
            Param("periods", "3", "versions", "before this one, at least"),
            Param("sigma", "3", "standard deviations", "that warn"),
            Param("severe_sigma", "5", "standard deviations", "that are severe"),
            Param("jump", "0.20", "share", "against the last version that warns (practitioner's default)"),
            Param("severe_jump", "0.50", "share", "that is severe (practitioner's default)"),
        ),
        {},
        n3,
        ("norms of three earlier periods",),
    ),
    Rule(
        "N4",
        "2",
        "norm",
        "Norm against peers",
        "book",
        circular_38("60.4.b.2"),
        (Param("peers", "5", "firms", "at least"), Param("z", "3.5", "deviations", "from the peers' median")),
        {},
        n4,
        ("norms of peers", "tariff codes"),
    ),
)
