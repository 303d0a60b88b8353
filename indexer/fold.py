# ruff: noqa: S608 - the SQL made here holds names of our columns and whole numbers, nothing else
"""State as of a time: the changes that had occurred, put together in the ledger's order.

The ledger's own order is that of recording. A hold that is posted after a handover, but was set before it,
stands in the present row beside the new custodian; as of the time between the two there must be the hold and
the old custodian. So a row is not looked up as of a time: it is put together, column by column, from what
each event changed (`row_before` has how the row was before each of them).

The fold, as of T and as known at block B:

1. *When a change holds.* From the `occurredAt` of the event that made it. What an APPROVE executes is the act
   of the event that it names: it holds from when that occurred, and is known from the APPROVE's block on.
2. *Which changes count.* Those recorded by B that hold at T. In the ledger's order, whatever the order in
   which they occurred: custody is in chain order (event model, section 3).
3. *A row is there* once the event that made it counts.
4. *Amounts add up* (balances, loaded, drawn, exited, returned): the sum of what the changes that count added
   and took. It is below zero where something is said to have been used before it came: that is shown.
5. *All else is the last word* (custodian, place, status, offer, inside, a line's declared quantity): the
   value that the last change that counts gave to the column, where it changed it. Holds are one such column
   for each authority's bit.
6. *A correction changes no state* (event model, section 3): an act that moved stock or custody stands until
   ADJUST or REASSIGN puts it right, and what these do holds from when they say. But what customs voids gives
   no last word any more from the block on in which that is known; amounts and the row itself stay, as an
   ADJUST counts from them. The same rule as the tracer's (`tracer.voids`): nobody takes back his own custody
   by declaring it wrong.
7. Heads are as known at B.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import BigInteger, Boolean, Column, Integer, Table

from indexer.columns import U64
from indexer.journal import SHAPES, Shape, nothing, table_of
from indexer.models import LineState, Lot, LotLoaded, Unit

_AMOUNTS: dict[str, frozenset[str]] = {
    table_of(Unit).name: frozenset(),
    table_of(Lot).name: frozenset(f"{name}_micro" for name in (
        "raw", "wip", "finished", "scrap", "short", "loaded")),
    table_of(LotLoaded).name: frozenset({"quantity_micro"}),
    table_of(LineState).name: frozenset({"drawn_micro", "exited_micro", "returned_micro"}),
}
"""Columns that add up, of the tables that are folded."""

_HOLD_BITS = 16
_HALF = 10**10  # SQLite adds 64 bits with a sign: 20 digits are added in two halves
_SAFE = 922_337_202  # upper halves up to this fit together with any lower half


@dataclass(frozen=True, slots=True)
class Dialect:
    """What differs between the engines.

    Attributes:
        schema: of our tables, quoted, with its dot.
        sqlite: else PostgreSQL.
    """

    schema: str
    sqlite: bool

    def of(self, shape: Shape) -> str:
        """Condition that a row of the journal, named by `{}`, is of the row `t` of a table."""
        single = len(shape.keys) == 1 and shape.keys[0] not in shape.kept
        key = "t." + shape.keys[0] if single else \
            " || '|' || ".join(f"CAST(t.{column} AS TEXT)" for column in shape.keys)
        return f"{{0}}.of_table = '{shape.table.name}' AND {{0}}.key = {key}"

    def kept(self, before: str, column: Column[object]) -> str:
        """A column of a before-image."""
        if self.sqlite:
            said = f"json_extract({before}, '$.{column.name}')"
        else:
            kind = next(word for cls, word in (
                (Boolean, "boolean"), (U64, "numeric(20, 0)"), (BigInteger, "bigint"), (Integer, "integer"),
                (object, "text")) if isinstance(column.type, cls))
            said = f"({before}::jsonb ->> '{column.name}')::{kind}"
        if column.nullable:
            return said
        none = nothing(column)
        default = "''" if none == "" else ("0" if self.sqlite else "false") if none is False else "0"
        return f"COALESCE({said}, {default})"

    def differ(self, one: str, other: str) -> str:
        """Whether two values differ, empty ones counted as equal."""
        return f"{one} {'IS NOT' if self.sqlite else 'IS DISTINCT FROM'} {other}"


@dataclass(frozen=True, slots=True)
class Moment:
    """A place in the ledger's order, and if asked a time.

    Attributes:
        block_number, seq: the last block and event that are known.
        register_block: the last block by the time, for what has no time of occurrence.
        as_of_ms: the last millisecond that counts; None for no bound.
    """

    block_number: int
    seq: int
    register_block: int
    as_of_ms: int | None

    def occurs(self, sql: Dialect, event: str) -> str:
        """Condition that what an event changed is known and holds; see the module, 1 and 2."""
        own = f"{event}.occurred_at_ms"
        act = f"(SELECT p.occurred_at_ms FROM {sql.schema}event p WHERE p.event_id = {event}.reference)"
        when = f"CASE WHEN {event}.kind = 'APPROVE' THEN COALESCE({act}, {own}) ELSE {own} END"
        return f"{event}.seq <= {self.seq} AND {when} <= {self.as_of_ms}"


@dataclass(frozen=True, slots=True)
class Fold:
    """SQL of the folded tables, as of a time.

    Most rows have changed in the order in which things occurred: these are looked up (`w`, the row as it was
    before the first change that does not count). Only where a change that does not count, or that customs
    voided, stands before one that counts (`x`) is the row put together column by column.

    Attributes:
        customs: numbers of the participants that are customs.
    """

    sql: Dialect
    moment: Moment
    customs: tuple[int, ...]

    def body(self, table: Table) -> str:
        """The query behind the view of a table that changes with events."""
        shape = SHAPES[table.name]
        of, journal, event = self.sql.of(shape), f"{self.sql.schema}row_before", f"{self.sql.schema}event"
        occurs, voided = self.moment.occurs(self.sql, "e"), self._voided("e")

        def version(name: str, place: str) -> str:
            return f" LEFT JOIN {journal} {name} ON {of.format(name)} AND {name}.place = ({place})"

        def of_change(name: str, said: str, condition: str) -> str:
            return (f"SELECT {said} FROM {journal} {name} JOIN {event} e ON e.seq = {name}.place "
                    f"WHERE {of.format(name)} AND {condition}")

        after = f"SELECT min(b.place) FROM {journal} b WHERE {of.format('b')} AND b.place > "
        early = of_change("d", "min(d.place)", f"d.place <= l.place AND (NOT ({occurs}) OR {voided})")
        columns = ", ".join(self._column(shape, column) for column in table.columns)
        return (
            f'SELECT {columns} FROM {self.sql.schema}"{table.name}" t'
            + version("l", of_change("a", "max(a.place)", occurs)) + version("w", after + "l.place")
            + version("x", early) + version("h", after + str(self.moment.seq))
            + f" WHERE EXISTS ({of_change('m', '1', f'm.before IS NULL AND {occurs}')})")

    def _column(self, shape: Shape, column: Column[object]) -> str:
        name = column.name
        if name in shape.keys:
            return f"t.{name}"
        if name == "head":
            later = self.sql.kept("h.before", column)
            return f"CASE WHEN h.place IS NULL THEN t.{name} ELSE {later} END AS {name}"
        amounts = _AMOUNTS[shape.table.name]
        fold = self._sum if name in amounts else self._bits if name == "holds" else self._last
        plain = f"CASE WHEN w.place IS NULL THEN t.{name} ELSE {self.sql.kept('w.before', column)} END"
        return f"CASE WHEN x.place IS NULL THEN {plain} ELSE {fold(shape, column)} END AS {name}"

    def _last(self, shape: Shape, column: Column[object]) -> str:
        """The last word on a column."""
        before, after = self._sides(column)
        return (f"(SELECT {after} FROM {self._changes(shape)} z WHERE {self._says(before, after)} "
                "ORDER BY z.place DESC LIMIT 1)")

    def _bits(self, shape: Shape, column: Column[object]) -> str:
        """The last word on each bit."""
        before, after = (f"({side} & b.bit)" for side in self._sides(column))
        bits = " UNION ALL ".join(f"SELECT {1 << place} AS bit" for place in range(_HOLD_BITS))
        last = (f"SELECT {after} FROM {self._changes(shape)} z WHERE {self._says(before, after)} "
                "ORDER BY z.place DESC LIMIT 1")
        return f"COALESCE((SELECT sum(b.bit) FROM ({bits}) b WHERE ({last}) <> 0), 0)"

    def _sum(self, shape: Shape, column: Column[object]) -> str:
        """What was added less what was taken; exact beyond 63 bits."""
        before, after = self._sides(column)
        source = f"FROM {self._changes(shape)} z WHERE z.occurs = 1"
        if not self.sql.sqlite:
            return f"(SELECT COALESCE(sum({after} - {before}), 0) {source})"

        def half(side: str, *, upper: bool) -> str:
            digits = "1, 10" if upper else "11"
            whole = f"{side} / {_HALF}" if upper else f"{side} % {_HALF}"
            return (f"CASE WHEN typeof({side}) = 'text' THEN CAST(substr({side}, {digits}) AS INTEGER) "
                    f"ELSE {whole} END")

        high, low = (f"COALESCE(sum(({half(after, upper=u)}) - ({half(before, upper=u)})), 0)"
                     for u in (True, False))
        # the lower half made less than one unit of the upper, with the sign of the whole
        carried = (f"SELECT high + low / {_HALF} AS high, low % {_HALF} AS low "
                   f"FROM (SELECT {high} AS high, {low} AS low {source})")
        borrow = "(high > 0 AND low < 0) - (high < 0 AND low > 0)"
        signed = (f"SELECT high - ({borrow}) AS high, low + {_HALF} * ({borrow}) AS low FROM ({carried})")
        return (f"(SELECT CASE WHEN abs(high) <= {_SAFE} THEN high * {_HALF} + low "
                f"ELSE printf('%010d%010d', high, abs(low)) END FROM ({signed}))")

    def _changes(self, shape: Shape) -> str:
        """All changes of the row `t`, each with how it was before and, but for the last, after it."""
        return (
            "(SELECT y.place, y.before, lead(y.before) OVER (ORDER BY y.place) AS later, "
            f"CASE WHEN {self.moment.occurs(self.sql, 'e')} THEN 1 ELSE 0 END AS occurs, "
            f"CASE WHEN {self._voided('e')} THEN 1 ELSE 0 END AS voided "
            f"FROM {self.sql.schema}row_before y JOIN {self.sql.schema}event e ON e.seq = y.place "
            f"WHERE {self.sql.of(shape).format('y')})")

    def _sides(self, column: Column[object]) -> tuple[str, str]:
        """A column before and after the change `z`."""
        later = self.sql.kept("z.later", column)
        return (self.sql.kept("z.before", column),
                f"(CASE WHEN z.later IS NULL THEN t.{column.name} ELSE {later} END)")

    def _says(self, before: str, after: str) -> str:
        """Whether the change `z` counts and gave this value."""
        return (f"z.occurs = 1 AND (z.before IS NULL OR (z.voided = 0 AND {self.sql.differ(before, after)}))")

    def _voided(self, event: str) -> str:
        """Whether customs voided an event, or that which it executes, as far as is known.

        Nobody but its poster and customs may correct an event. The kind is compared in a way that keeps the
        engine from looking through all corrections.
        """
        numbers = ", ".join(map(str, self.customs)) or "-1"
        events = f"{self.sql.schema}event"
        executed = f"CASE WHEN {event}.kind = 'APPROVE' THEN {event}.reference END"
        return (
            f"EXISTS (SELECT 1 FROM {events} c JOIN {events} o ON o.event_id = c.reference "
            f"WHERE c.reference IN ({event}.event_id, {executed}) AND c.kind || '' = 'CORRECT' "
            f"AND c.outcome = 0 AND c.seq <= {self.moment.seq} "
            f"AND (c.participant <> o.participant OR c.participant IN ({numbers})))")
