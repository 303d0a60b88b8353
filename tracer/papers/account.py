"""Where a thing went, figure by figure, each with its events: the account on the page that explains it.

For a material it is the full disposition of rule B6 (domain reference 4.4), and its figures add up to what
came in exactly; for a product the columns of form 15a; for a lot or a declaration line what its events moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from ledger.vocabulary import Kind
from tracer.balance import Row
from tracer.book import Event
from tracer.facts import Facts
from tracer.moment import iso_day
from tracer.quantity import grouped, largest_remainder, micro_text, nearest, ratio_text
from tracer.rules.disposition import base_norms, came_in, uncounted, unexplained
from tracer.rules.norm import consumption, norms_lacking
from tracer.stocktake import StockTake


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of an account.

    Attributes:
        side: `in` what came, `out` where it went, `rest` what is left unexplained.
        exact: micro-units before rounding.
        how: where it comes from, in words.
        events: ids of the events behind it.
    """

    key: str
    label: str
    side: str
    exact: Fraction
    how: str = ""
    events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Short:
    """A figure that is not what it should be, and by how much; positive is missing."""

    label: str
    expected: int
    observed: int
    short: int
    uom: str
    why: str
    events: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "figure": self.label,
            "expected": micro_text(self.expected),
            "observed": micro_text(self.observed),
            "short": micro_text(self.short),
            "uom": self.uom,
            "why": self.why,
            "events": list(self.events),
        }


@dataclass(slots=True)
class Account:
    """What came in and what became of it.

    Attributes:
        came, rest: micro-units; `rest` is unexplained (below zero: more is accounted for than came in).
        missing: what is missing for the account; then it has no figures.
    """

    uom: str
    figures: list[Figure] = field(default_factory=list)
    short: list[Short] = field(default_factory=list)
    came: int = 0
    rest: int = 0
    missing: list[str] = field(default_factory=list)

    def total(self, side: str, *keys: str) -> int:
        """The rounded figures of a side, of those keys (all where none is named), added up."""
        return sum(
            q for figure, q in self.rounded() if figure.side == side and (not keys or figure.key in keys)
        )

    def rounded(self) -> list[tuple[Figure, int]]:
        """Figures in micro-units: those of a side add up to it exactly."""
        result = []
        for side, total in (("in", self.came), ("out", self.came - self.rest), ("rest", self.rest)):
            own = [figure for figure in self.figures if figure.side == side]
            whole = largest_remainder([figure.exact for figure in own], total) if own else []
            result += list(zip(own, whole, strict=True))
        return result

    def to_json(self) -> list[dict[str, Any]]:
        """The figures as JSON values."""
        return [
            {
                "figure": figure.key,
                "label": figure.label,
                "side": figure.side,
                "quantity": micro_text(q),
                "uom": self.uom,
                "how": figure.how,
                "events": list(figure.events),
            }
            for figure, q in self.rounded()
        ]


def material_account(facts: Facts, material: str) -> Account:
    """The full disposition of a material."""
    account = Account(facts.uoms.get(material, ""))
    sums = consumption(facts)
    account.missing = norms_lacking(facts, material)
    if material not in sums.materials:
        account.missing.append(f"a norm that names {material}")
    if account.missing:
        return account
    rest = unexplained(facts, sums)[material]
    account.came, account.rest = nearest(came_in(facts).get(material, Fraction(0))), nearest(rest)
    figures = [f for f in (*_came(facts, material), *_went(facts, material)) if f.exact]
    figures.append(Figure("unexplained", "Unexplained", "rest", rest))
    left = sum((f.exact for f in figures if f.side == "in"), Fraction(0)) - sum(
        (f.exact for f in figures if f.side != "in"), Fraction(0)
    )
    if abs(left) >= 1:  # semi-finished goods were used otherwise than the norm of the product says
        figures.append(
            Figure("semi", "In semi-finished goods used otherwise than the norms say", "out", left)
        )
    account.figures = figures
    account.short = [
        s
        for s in _short(
            facts, material, sums.theoretical.get(material, Fraction(0)), sums.real.get(material, Fraction(0))
        )
        if s.short
    ]
    return account


def _came(facts: Facts, material: str) -> Iterator[Figure]:
    books = facts.accounts
    stock = [row for (code, _), row in books.materials.items() if code == material]
    line = [row for (code, _), row in books.wip.items() if code == material]
    returned = sum(row["returned"] for row in line) if stock else 0
    lines = sorted({e.line for e in facts.receipts.get(material, ()) if _inside(facts, e)})
    yield Figure(
        "opening",
        "In store at the beginning",
        "in",
        sum_of(stock, "opening"),
        events=ids_of(stock, "opening"),
    )
    yield Figure(
        "opening_wip",
        "In production at the beginning",
        "in",
        sum_of(line, "opening"),
        events=ids_of(line, "opening"),
    )
    yield Figure(
        "received",
        "Received",
        "in",
        sum_of(stock, "received") - returned,
        how=f"on {_listed(lines)}" if lines else "",
        events=tuple(
            i
            for i in ids_of(stock, "received")
            if i not in facts.by_id or facts.by_id[i].kind != Kind.RETURN_PROD
        ),
    )
    for product, norm, rows in _holding(facts, material):
        held = sum_of(rows, "opening")
        if any("received" in row.columns for row in rows):
            held += sum_of(rows, "received") - facts.usage.output.get(product, 0)
        if held > 0:
            yield Figure(
                "opening_products",
                f"Inside {product} that was there or came back",
                "in",
                norm * held,
                how=_times(facts, product, nearest(held), norm),
                events=ids_of(rows, "opening"),
            )


def _went(facts: Facts, material: str) -> Iterator[Figure]:
    books, taken = facts.accounts, uncounted(facts)
    stock = [row for (code, _), row in books.materials.items() if code == material]
    line = [row for (code, _), row in books.wip.items() if code == material]
    for column, label in (
        ("re_exported", "Re-exported as it came"),
        ("repurposed", "Purpose changed, sold inland or destroyed"),
        ("other_issue", "Issued otherwise"),
    ):
        yield Figure(column, label, "out", sum_of(stock, column), events=ids_of(stock, column))
    yield Figure(
        "wip_other",
        "Taken out of production otherwise",
        "out",
        sum_of(line, "other_issue"),
        events=ids_of(line, "other_issue"),
    )
    for product, norm, rows in _holding(facts, material):
        for column, label in (
            ("exported", "Left in {}"),
            ("repurposed", "In {} sold inland or destroyed"),
            ("other_issue", "In {} issued otherwise"),
        ):
            q = sum_of(rows, column)
            if q:
                yield Figure(
                    f"products_{column}",
                    label.format(product),
                    "out",
                    norm * q,
                    how=_times(facts, product, nearest(q), norm),
                    events=ids_of(rows, column),
                )
        kind = "product" if any("exported" in row.columns for row in rows) else "semi"
        closing = sum((Fraction(row.closing) for row in rows), Fraction(0)) - taken.get((kind, product), 0)
        if closing:
            yield Figure(
                "products_closing",
                f"Inside {product} at the end",
                "out",
                norm * closing,
                how=_times(facts, product, nearest(closing), norm) + counted_words(facts, kind, product),
                events=_counts(facts, kind, product) or all_events(rows),
            )
    wip = (
        sum_of(line, "opening")
        + sum_of(line, "issued")
        - sum_of(line, "returned")
        - sum_of(line, "other_issue")
        - facts.usage.net.get(material, Fraction(0))
    )
    yield Figure(
        "closing_wip",
        "In production at the end",
        "out",
        wip,
        how="as counted" if facts.usage.wip_source.get(material) == "counted" else "by the books",
        events=_counts(facts, "wip", material) or all_events(line),
    )
    closing = sum((Fraction(row.closing) for row in stock), Fraction(0)) - taken.get(
        ("material", material), 0
    )
    yield Figure(
        "closing",
        "In store at the end",
        "out",
        closing,
        how=counted_words(facts, "material", material).lstrip(", ") or "by the books",
        events=_counts(facts, "material", material) or all_events(stock),
    )


def _short(facts: Facts, material: str, theoretical: Fraction, real: Fraction) -> Iterator[Short]:
    """The parts that the unexplained quantity is made of."""
    uom = facts.uoms.get(material, "")
    norms = {n.declared_by for n in facts.book.norms if n.material == material and n.declared_by}
    runs = [
        e.id
        for e in facts.of_kinds(Kind.TRANSFORM)
        if _inside(facts, e) and any(leg.code == material for leg in e.legs)
    ]
    over = nearest(real - theoretical)
    yield Short(
        "taken by production against the declared norms",
        nearest(theoretical),
        nearest(real),
        over,
        uom,
        "More was taken than the norms explain: a norm is too low, or material went elsewhere."
        if over > 0
        else "Less was taken than the norms say: a norm is too high, or production was not recorded.",
        tuple(dict.fromkeys([i for i in sorted(norms) if i in facts.by_id] + runs)),
    )
    norm_of = base_norms(facts)
    for take in facts.stock_takes:
        missing = take.expected_micro - take.counted_micro
        if take.missing or take.stock == "wip" or not missing:
            continue
        ids = tuple(c.event for c in take.counts if c.event in facts.by_id)
        word = "was not found" if missing > 0 else "was found beyond the books"
        day = iso_day(take.at_ms, facts.book.offset)
        if (take.stock, take.code) == ("material", material):
            yield Short(
                f"counted in store on {day}",
                take.expected_micro,
                take.counted_micro,
                missing,
                uom,
                f"It {word}.",
                ids,
            )
        elif take.stock in ("product", "semi") and (take.code, material) in norm_of:
            norm = norm_of[take.code, material]
            yield Short(
                f"inside {take.code} counted on {day}",
                nearest(norm * take.expected_micro),
                nearest(norm * take.counted_micro),
                nearest(norm * missing),
                uom,
                f"{_q(missing)} {take.uom} of {take.code} {word}; each holds {ratio_text(norm)} {uom}.",
                ids,
            )


def _holding(facts: Facts, material: str) -> Iterator[tuple[str, Fraction, list[Row]]]:
    """Products and semi-finished goods that hold a material: code, material in one unit, their rows."""
    books = facts.accounts
    for (product, part), norm in sorted(base_norms(facts).items()):
        if part != material or not norm:
            continue
        for table in (books.products, books.semi_finished):
            rows = [row for (code, _), row in table.items() if code == product]
            if rows:
                yield product, norm, rows


def sum_of(rows: Iterable[Row], column: str) -> Fraction:
    """A column over several rows."""
    return Fraction(sum(row[column] for row in rows))


def ids_of(rows: Iterable[Row], column: str) -> tuple[str, ...]:
    """The events behind a column."""
    return tuple(dict.fromkeys(i for row in rows for i in row.events.get(column, ())))


def all_events(rows: Iterable[Row]) -> tuple[str, ...]:
    """Every event behind the closing stock that the books give."""
    return tuple(dict.fromkeys(i for row in rows for ids in row.events.values() for i in ids))


def _inside(facts: Facts, event: Event) -> bool:
    return facts.book.period.start_ms <= event.occurred.start_ms <= facts.book.period.end_ms


def _takes(facts: Facts, stock: str, code: str) -> list[StockTake]:
    return [t for t in facts.stock_takes if (t.stock, t.code) == (stock, code) and not t.missing]


def take_ids(facts: Facts, take: StockTake) -> tuple[str, ...]:
    """The events of a stock-take."""
    return tuple(c.event for c in take.counts if c.event in facts.by_id)


def _counts(facts: Facts, stock: str, code: str) -> tuple[str, ...]:
    return tuple(i for take in _takes(facts, stock, code) for i in take_ids(facts, take))


def counted_words(facts: Facts, stock: str, code: str) -> str:
    """On which days it was counted, as the end of a sentence; empty where nobody did."""
    days = sorted({iso_day(t.at_ms, facts.book.offset) for t in _takes(facts, stock, code)})
    return f", as counted on {' and '.join(days)}" if days else ""


def _times(facts: Facts, product: str, quantity: int, norm: Fraction) -> str:
    return f"{_q(quantity)} {facts.uoms.get(product, '')} × {ratio_text(norm)}"


def _q(quantity: int) -> str:
    return grouped(micro_text(abs(quantity)))


def _listed(names: list[str]) -> str:
    word = "import line" if len(names) == 1 else f"{len(names)} import lines:"
    return f"{word} {', '.join(names[:4])}{' and others' if len(names) > 4 else ''}"
