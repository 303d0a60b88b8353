"""Family O, goods that only pass through: too fast, too like, too little added, too much at once."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

from ledger.vocabulary import Kind, Origin
from tracer.book import DeclarationLine, Event
from tracer.facts import Facts
from tracer.graph import Mixture
from tracer.moment import HOUR_MS
from tracer.quantity import micro_text, ratio_text
from tracer.rules.conservation import MASS
from tracer.rules.core import Law, Param, Rule, Subject, Tally
from tracer.rules.origin import claims
from tracer.rules.prices import trade_value

_LAWS = (Law("Decision 824/QD-TTg (2019)", valid_from="2019-07-04"),)


def _lines(facts: Facts) -> list[DeclarationLine]:
    """Export lines that claim to originate here and on which something left."""
    return [
        x
        for x in sorted(facts.lines.values(), key=lambda x: x.key)
        if claims(facts, x) and facts.left_mixture.get(x.key)
    ]


def _imports(facts: Facts, line: DeclarationLine) -> Mixture:
    """What left on a line, by import line of the book."""
    result: dict[str, Fraction] = defaultdict(Fraction)
    for source, q in facts.left_mixture[line.key].items():
        about = facts.lineage.sources[source]
        if about.kind == "line" and about.origin == Origin.IMPORTED and about.name in facts.lines:
            result[about.name] += q
    return dict(result)


def o3(facts: Facts, tally: Tally) -> None:
    """Goods that claim to originate here stayed long enough to be worked on.

    Per export line: from the first receipt on the import line that most of the goods hold to the first
    loading. Less than the least time of a process (four hours by default; the trade's own time is the
    parameter) means that nothing was made of it. An opening has no receipt and is long enough.
    """
    received: dict[str, Event] = {}
    for event in facts.of_kinds(Kind.RECEIVE_FACTORY):
        if event.line not in received or event.occurred < received[event.line].occurred:
            received[event.line] = event
    loads: dict[str, Event] = {}
    for event in facts.of_kinds(Kind.EXPORT_LOAD):
        if event.line not in loads or event.occurred < loads[event.line].occurred:
            loads[event.line] = event
    limit = tally.hours_ms("hours")
    for line in _lines(facts):
        mixture, load = _imports(facts, line), loads.get(line.key)
        if not mixture or load is None:
            continue
        main = max(sorted(mixture), key=lambda key: mixture[key])
        receipt = received.get(main)
        if receipt is None:
            continue
        took = load.occurred.end_ms - receipt.occurred.start_ms  # the most that it can have been
        if took >= limit:
            tally.clean()
            continue
        tally.amount(
            Subject("line", line.key),
            "high",
            limit * 1_000 // HOUR_MS * 1_000,
            took * 1_000 // HOUR_MS * 1_000,
            "HUR",
            evidence=[receipt, load],
            explanation=f"Loaded that soon after {main} came in, which most of it is.",
        )


def o4(facts: Facts, tally: Tally) -> None:
    """Enough value was added here (regional value content, build-down).

    (FOB - value of non-originating material) / FOB, FOB being the value of the export line and
    non-originating what its goods hold of import lines, at their value. Below 40 % is a finding; the
    agreement in question may ask for more or less. Without values, or with values in several currencies of
    which one has no rate, the line is not evaluable. Products that left from opening stock hold material of
    unknown value, which counts with nothing: the content is then at most what is stated.
    """
    for line in _lines(facts):
        mixture = _imports(facts, line)
        if not mixture:
            continue
        prices = {key: trade_value(facts, facts.lines[key]) for key in mixture}
        fob = trade_value(facts, line)
        lacking = [f"factor for the norm of {n.product} on {n.material}" for n in facts.unconverted]
        lacking += [
            f"value of {key} in the book's currency"
            for key, v in sorted({line.key: fob, **prices}.items())
            if v is None
        ]
        if lacking or not fob:
            tally.missing(
                Subject("line", line.key), *(lacking or [f"value of {line.key} in the book's currency"])
            )
            continue
        left = facts.ever_left.get((line.key, line.code), 0)
        fob = fob * Fraction(left, line.quantity_micro) if line.quantity_micro else fob
        foreign = sum(
            (
                q / facts.lines[key].quantity_micro * (prices[key] or 0)
                for key, q in mixture.items()
                if facts.lines[key].quantity_micro
            ),
            Fraction(0),
        )
        content = (fob - foreign) / fob if fob else Fraction(1)
        if content >= tally.param("least"):
            tally.clean()
            continue
        loads = [e for e in facts.events if e.kind == Kind.EXPORT_LOAD and e.line == line.key]
        tally.found(
            Subject("line", line.key),
            "medium",
            ratio_text(tally.param("least")),
            ratio_text(content, 4),
            evidence=loads[:8],
            explanation=f"Of {ratio_text(fob, 0)} exported, {ratio_text(foreign, 0)} is imported material.",
        )


def o5(facts: Facts, tally: Tally) -> None:
    """What goes out does not weigh, and does not count, what came in.

    Per export line that claims this origin: weight of what left over weight of the imported material in it,
    between 0.95 and 1.02, while both are counted in the same unit and the counts lie as near: nothing but the
    papers changed. Where a weight is not known, the count decides alone. Goods with several imported
    materials are compared with all of them together. Packages are not in a book.
    """
    low, high = tally.param("low"), tally.param("high")
    for line in _lines(facts):
        mixture = _imports(facts, line)
        units = {facts.uoms.get(facts.lines[key].code, "") for key in mixture}
        own = facts.uoms.get(line.code, line.uom)
        left, came = facts.ever_left.get((line.key, line.code), 0), sum(mixture.values(), Fraction(0))
        if not mixture or units != {own} or not came or not low <= left / came <= high:
            tally.clean()
            continue
        weights = [(q, _weight(facts, facts.lines[key].code)) for key, q in mixture.items()]
        each = _weight(facts, line.code)
        if each is not None and all(w is not None for _, w in weights):
            ratio = left * each / sum((q * w for q, w in weights if w is not None), Fraction(0))
            if not low <= ratio <= high:
                tally.clean()
                continue
        loads = [e for e in facts.events if e.kind == Kind.EXPORT_LOAD and e.line == line.key]
        tally.amount(
            Subject("line", line.key),
            "medium",
            round(came),
            left,
            own,
            evidence=loads[:8],
            explanation="As much left as came in: "
            f"{', '.join(f'{micro_text(round(q))} on {key}' for key, q in sorted(mixture.items())[:4])}.",
        )


def _weight(facts: Facts, code: str) -> Fraction | None:
    uom = facts.uoms.get(code, "")
    return MASS.get(uom) or facts.factors.rate(code, uom, "KGM", facts.book.period)


RULES = (
    Rule(
        "O3",
        "2",
        "origin",
        "Too fast to have been made",
        "book",
        _LAWS,
        (Param("hours", "4", "hours", "least time of a process"),),
        {},
        o3,
        ("origin claimed on export lines",),
    ),
    Rule(
        "O4",
        "2",
        "origin",
        "Too little value added",
        "book",
        _LAWS,
        (Param("least", "0.40", "share", "regional value content that the agreement asks for"),),
        {},
        o4,
        ("origin claimed on export lines", "values of import and export lines", "exchange rates"),
    ),
    Rule(
        "O5",
        "1",
        "origin",
        "Same weight and count as came in",
        "book",
        _LAWS,
        (
            Param("low", "0.95", "ratio", "of what left to what came in"),
            Param("high", "1.02", "ratio", "the same"),
        ),
        {},
        o5,
        ("origin claimed on export lines", "weights"),
    ),
)
