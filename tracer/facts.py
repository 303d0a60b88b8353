"""What several rules and the settlement need of one book, worked out once.

`Facts` adds nothing to the book: every property is a pure function of it, kept so that twelve rules do not
replay the same events twelve times.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from fractions import Fraction
from functools import cached_property
from itertools import chain

from ledger.vocabulary import Kind, LineRole, Origin
from tracer.balance import Accounts, accounts
from tracer.blend import Parts, Portion, Ratio, fractions_of, together
from tracer.book import BOXES, BookData, Count, DeclarationLine, Event, Lot, Norm
from tracer.came_back import CROSSES, Away, away, came_from
from tracer.currency import common, line_value, named
from tracer.graph import Lineage, Mixture, Source, lineage
from tracer.moment import DAY_MS
from tracer.norms import Factors, NormTable, Pair, uom_of
from tracer.quantity import nearest
from tracer.replay import Replay, in_order, replay
from tracer.stocktake import Closing, StockTake, previous_closing, stock_takes
from tracer.usage import Usage, usage
from tracer.yields import Run, gross, runs, unit_use

SHARED = ("accounts", "usage", "lineage")
"""Facts that take longest to work out, and that a settlement needs whatever the rules ask: who runs rules
beside a settlement leaves those that ask for them to it (`api.beside`)."""


class Facts:
    """One book and what follows from it."""

    def __init__(self, book: BookData, effects: Replay | None = None) -> None:
        """Facts of a book; `effects` is its replay, where the caller has it."""
        self.book = book
        self._effects = effects
        self._of_kinds: dict[tuple[Kind, ...], list[Event]] = {}
        self._by_kind: dict[Kind, list[Event]] = {}
        self.factors = Factors(book.conversions)

    @property
    def over(self) -> bool:
        """Whether the period was over, but for its last day, when nothing later was known."""
        return self.book.as_of_ms > self.book.period.end_ms - DAY_MS

    def inside(self, event: Event) -> bool:
        """Whether an event is of the period."""
        return self.book.period.start_ms <= event.occurred.start_ms <= self.book.period.end_ms

    @cached_property
    def events(self) -> list[Event]:
        """All events in the ledger's order."""
        return in_order(self.book.events)

    def of_kinds(self, *kinds: Kind) -> list[Event]:
        """Recorded events of some kinds, in the ledger's order."""
        if kinds not in self._of_kinds:
            if not self._by_kind:
                by_kind: dict[Kind, list[Event]] = defaultdict(list)
                for event in self.events:
                    if event.recorded:
                        by_kind[event.kind].append(event)
                self._by_kind = dict(by_kind)
            groups = [self._by_kind[kind] for kind in dict.fromkeys(kinds) if kind in self._by_kind]
            self._of_kinds[kinds] = in_order(chain.from_iterable(groups))
        return self._of_kinds[kinds]

    @cached_property
    def offers(self) -> dict[str, Event]:
        """Offers by id, refused ones too."""
        return {event.id: event for event in self.events if event.kind == Kind.OFFER}

    @cached_property
    def by_id(self) -> dict[str, Event]:
        """Events by id."""
        return {event.id: event for event in self.book.events}

    @cached_property
    def boxed(self) -> list[Event]:
        """Recorded events about containers or cargo, in the ledger's order."""
        return [event for event in self.events if event.recorded
                and any(leg.thing in BOXES for leg in event.legs)]

    @cached_property
    def weighed(self) -> list[Event]:
        """Recorded events with a scale's reading, in the ledger's order."""
        return [event for event in self.events if event.recorded and event.weighing is not None]

    @cached_property
    def runs(self) -> list[Run]:
        """Production runs of the period."""
        return runs(self)

    @cached_property
    def lots(self) -> dict[str, Lot]:
        """Lots by name."""
        return {lot.id: lot for lot in self.book.lots}

    @cached_property
    def lines(self) -> dict[str, DeclarationLine]:
        """Declaration lines by key."""
        return {line.key: line for line in self.book.lines}

    @cached_property
    def lots_of(self) -> dict[str, list[Lot]]:
        """Lots by code."""
        result: dict[str, list[Lot]] = defaultdict(list)
        for lot in self.book.lots:
            result[lot.code].append(lot)
        return dict(result)

    @cached_property
    def lines_of(self) -> dict[str, list[DeclarationLine]]:
        """Declaration lines by code."""
        result: dict[str, list[DeclarationLine]] = defaultdict(list)
        for line in self.book.lines:
            result[line.code].append(line)
        return dict(result)

    @cached_property
    def replay(self) -> Replay:
        """Effects of the events."""
        return self._effects or replay(self.book)

    @cached_property
    def accounts(self) -> Accounts:
        """Ledgers by code in the forms' columns."""
        return accounts(self.book, self.replay.deltas)

    @cached_property
    def counts_by_lot(self) -> dict[str, list[Count]]:
        """Counts that name a lot, by lot."""
        result: dict[str, list[Count]] = defaultdict(list)
        for count in self.book.counts:
            if count.lot:
                result[count.lot].append(count)
        return dict(result)

    @cached_property
    def stock_takes(self) -> list[StockTake]:
        """Counts of the period held against the books."""
        return stock_takes(self.book, self.replay.deltas, self.uoms)

    @cached_property
    def previous_closing(self) -> Closing | None:
        """What the period before closed with; None where nobody said."""
        return previous_closing(self.book, self.uoms)

    @cached_property
    def _converted(self) -> tuple[list[Norm], list[Norm]]:
        """Norms in the units of the lots, with the loss that is declared beside them, and norms for which no
        factor is known.
        """
        units, good, bad = uom_of(self.book), [], []
        for norm in self.book.norms:
            at = norm.valid_from or self.book.period
            materials = self.factors.rate(norm.material, norm.material_uom,
                               units.get(norm.material, norm.material_uom), at)
            products = self.factors.rate(norm.product, norm.product_uom,
                              units.get(norm.product, norm.product_uom), at)
            if materials is None or products is None:
                bad.append(norm)
            else:
                taken = gross(norm, self.book.yield_basis)
                good.append(replace(norm, norm=taken * materials / products))
        return good, bad

    @property
    def converted(self) -> list[Norm]:
        """Norms in the units of measure of the lots, for which there is a factor."""
        return self._converted[0]

    @cached_property
    def stated(self) -> NormTable:
        """Norms in force as they were stated."""
        return NormTable(self.book.norms)

    @property
    def unconverted(self) -> list[Norm]:
        """Norms in a unit of measure for which no factor is known."""
        return self._converted[1]

    @cached_property
    def norms(self) -> NormTable:
        """Norms in force, in the units of measure of the lots."""
        return NormTable(self._converted[0], self.book.groups or ())

    @cached_property
    def usage(self) -> Usage:
        """Consumption and norms of the period."""
        return usage(self.book, self.accounts, self.norms, self.stock_takes)

    @cached_property
    def unit_use(self) -> dict[Pair, Fraction]:
        """Material per unit of product by the book's yield basis, in base materials.

        Raises:
            InputError: the basis lacks what it needs.
        """
        return unit_use(self)

    @cached_property
    def lineage(self) -> Lineage:
        """The attribution matrix, legal basis."""
        return lineage(self.book, self.replay, table=self.norms)

    @cached_property
    def exits(self) -> dict[tuple[str, str], int]:
        """Quantity that really left in the period by (export line, product code): confirmed exits less
        returns. What left on a line that customs never cleared is no export that is proven (Art. 53).
        """
        result: dict[tuple[str, str], int] = defaultdict(int)
        for delta in self.replay.deltas:
            event = delta.event
            if event.kind not in CROSSES or not self.inside(event):
                continue
            line = self.lines.get(self.came_from.get(event.id, event.line))
            if line is not None and line.purpose == LineRole.EXPORT \
                    and (line.cleared is None or line.cancelled is not None):
                continue
            left = event.kind == Kind.EXIT_CONFIRM and not (line and line.purpose == LineRole.RE_EXPORT)
            if left or event.kind == Kind.FG_RETURN:
                code = self.lots[delta.lot].code if delta.lot in self.lots else ""
                result[self.came_from.get(event.id, event.line), code] -= delta.change
        return dict(result)

    @cached_property
    def came_from(self) -> dict[str, str]:
        """The export line that goods came back from, by return."""
        return came_from(self) if self.of_kinds(Kind.FG_RETURN) else {}

    @cached_property
    def exit_events(self) -> dict[str, list[Event]]:
        """Confirmed exits by line."""
        result: dict[str, list[Event]] = defaultdict(list)
        for event in self.events:
            if event.kind == Kind.EXIT_CONFIRM and event.recorded:
                result[event.line].append(event)
        return dict(result)

    @cached_property
    def ever_left(self) -> dict[tuple[str, str], int]:
        """Confirmed exits by (line, code), of whatever period."""
        result: dict[tuple[str, str], int] = defaultdict(int)
        for delta in self.replay.deltas:
            if delta.event.kind == Kind.EXIT_CONFIRM:
                result[delta.event.line, self.lots[delta.lot].code] -= delta.change
        return dict(result)

    @cached_property
    def left_parts(self) -> dict[str, Parts]:
        """What really left on each line, by source."""
        left: dict[str, list[Portion]] = defaultdict(list)
        for position, portions in self.lineage.placed.items():
            if position.state == "exported":
                left[position.line] += portions
        return {line: together(portions) for line, portions in left.items()}

    @cached_property
    def left_mixture(self) -> dict[str, Mixture]:
        """`left_parts` in fractions."""
        return {line: fractions_of(parts) for line, parts in self.left_parts.items()}

    @cached_property
    def left_by_code(self) -> dict[str, dict[str, list[tuple[Source, Ratio]]]]:
        """`left_parts` by line and by the code of each source."""
        result: dict[str, dict[str, list[tuple[Source, Ratio]]]] = {}
        sources = self.lineage.sources
        for line, parts in self.left_parts.items():
            of_line = result[line] = defaultdict(list)
            for source, q in parts.items():
                about = sources[source]
                of_line[about.code].append((about, q))
        return result

    @cached_property
    def away(self) -> Away:
        """What stayed away by line and source: `left_by_code` and `ever_left`, less what came back."""
        return away(self)

    @cached_property
    def exported(self) -> dict[str, int]:
        """`exits` by product code."""
        result: dict[str, int] = defaultdict(int)
        for (_, code), q in self.exits.items():
            result[code] += q
        return dict(result)

    @cached_property
    def imported_share(self) -> dict[str, Fraction]:
        """Imported part of what was issued to production of each material, by the lots really issued."""
        issued: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for (code, source), row in self.accounts.wip.items():
            amount = row["issued"] - row["returned"] + row["opening"]
            issued[code][0] += amount if source == "imported" else 0
            issued[code][1] += amount
        return {code: Fraction(part, whole) for code, (part, whole) in issued.items() if whole > 0}

    @cached_property
    def uoms(self) -> dict[str, str]:
        """Unit of measure of each code."""
        found = {line.code: line.uom for line in self.book.lines}
        return {**found, **uom_of(self.book)}

    @cached_property
    def exits_of(self) -> dict[str, dict[str, int]]:
        """`exits` that are not zero, by product code and line."""
        result: dict[str, dict[str, int]] = defaultdict(dict)
        for (line, code), q in self.exits.items():
            if q:
                result[code][line] = q
        return dict(result)

    @cached_property
    def receipts(self) -> dict[str, list[Event]]:
        """Receipts on import lines, by the code of the line."""
        result: dict[str, list[Event]] = defaultdict(list)
        for event in self.of_kinds(Kind.RECEIVE_FACTORY):
            if event.line in self.lines:
                result[self.lines[event.line].code].append(event)
        return dict(result)

    @cached_property
    def stocked_codes(self) -> frozenset[str]:
        """Codes of which the book has a lot."""
        return frozenset(lot.code for lot in self.book.lots)

    @cached_property
    def imported_codes(self) -> frozenset[str]:
        """Codes of which any lot was imported."""
        return frozenset(lot.code for lot in self.book.lots if lot.origin == Origin.IMPORTED)

    @cached_property
    def currency(self) -> str:
        """In which duty is worked out: that of all import lines, else the book's own."""
        imports = (line for line in self.lines.values()
                   if line.purpose == LineRole.RECEIVE and line.cancelled is None)
        return named(self.book, common(self.book, imports))

    @cached_property
    def export_currency(self) -> str:
        """In which values of products are compared: that of all export lines, else the book's own."""
        return common(self.book, (line for line in self.lines.values()
                                  if line.purpose == LineRole.EXPORT and line.cancelled is None))

    @cached_property
    def trade_currency(self) -> str:
        """In which values of imports and exports are compared: that of all lines, else the book's own."""
        return common(self.book, (
            line for line in self.lines.values() if line.cancelled is None
            and line.purpose in (LineRole.RECEIVE, LineRole.EXPORT, LineRole.RE_EXPORT)))

    def duty_of(self, line: DeclarationLine) -> Fraction | None:
        """Duty on a whole import line in `currency`; None without value or rate of duty, or without a rate of
        exchange where lines are stated in several currencies.
        """
        value = line_value(self.book, line, self.currency)
        return None if value is None or line.duty_rate is None else value * line.duty_rate

    def duty_per_unit(self, code: str) -> Fraction | None:
        """Average duty on one unit of a code, from the import lines that state value and rate; None without
        one.

        For a product: the duty on the imported base materials of its norm.
        """
        value, quantity = Fraction(0), 0
        for line in self.lines_of.get(code, ()):
            duty = self.duty_of(line)
            if line.purpose == LineRole.RECEIVE and duty is not None and line.cancelled is None:
                value += duty
                quantity += line.quantity_micro
        if quantity:
            return value / quantity
        parts = [
            (norm, self.duty_per_unit(m)) for (p, m), norm in self.usage.base_declared.items() if p == code
        ]
        known = [norm * duty for norm, duty in parts if duty is not None]
        return sum(known, Fraction(0)) if known else None

    def duty_on(self, code: str, quantity_micro: int) -> str | None:
        """Duty on a quantity in whole units of `currency` (VND has no less), as text; None where unknown."""
        duty = self.duty_per_unit(code)
        return None if duty is None else str(nearest(duty * abs(quantity_micro)))

    def is_material(self, code: str) -> bool:
        """Whether a code came in from outside rather than being made."""
        return code in self._bought

    @cached_property
    def _bought(self) -> frozenset[str]:
        return frozenset(lot.code for lot in self.book.lots if lot.origin != Origin.OWN)
