"""A fault laid in at less than its size: between the clean book and the spoilt one, by a share.

Most faults are some quantity too much or too little. At a share of one half, half of it is: what the fault
changed stands half-way between the clean cell and the spoilt one, of a row that it added the quantity is
half, of one that it took away half is left. `NEUTRAL` says what stands where nothing is wrong for cells that
a clean book leaves empty (weights, say), and for those of added rows that are no quantity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from book_maker.clerk import PERIOD_END
from book_maker.looking import BookFault, Look, Row, later, plain, weight_of
from tracer.files.example import Files
from tracer.files.example_faults import ExampleFault
from tracer.files.tables import TABLES

_WORDS = frozenset({"text", "name", "moment", "uom", "currency", "choice"})
_FORMS = {table.name: {column.name: column.form for column in table.columns} for table in TABLES}
_PLACES = Decimal("0.000001")
Neutral = tuple[str, dict[str, str], str, str]
"""Table, the cells by which its rows are known, column, and the cell with which nothing is wrong."""


@dataclass(frozen=True)
class Shrinkable:
    """A fault that was laid in, and the cells that have a size.

    Attributes:
        files: rows with the fault in them. cells: (table, place of the row, column): clean and spoilt cell.
        dropped: (table, row) that the fault took out and that has a quantity.
    """

    files: Files
    cells: dict[tuple[str, int, str], tuple[str, str]]
    dropped: list[tuple[str, Row]]

    @property
    def has_size(self) -> bool:
        """Whether it can be laid in smaller at all."""
        return bool(self.cells or self.dropped)

    def at(self, share: Decimal) -> Files:
        """The rows with the fault at a share of its size, above 0 and at most 1."""
        files = {name: [dict(row) for row in rows] for name, rows in self.files.items()}
        if share == 1:
            return files
        for (table, place, column), (clean, spoilt) in self.cells.items():
            files[table][place][column] = _between(_FORMS[table][column], clean, spoilt, share)
        for table, row in self.dropped:
            left = _between("quantity", row["quantity"], "0", share)
            files[table].append({**row, "quantity": left})
        return files


def shrinkable(fault: ExampleFault, look: Look) -> Shrinkable:
    """Lay a fault into the rows of a clean book; what of it has a size."""
    clean_files = {name: [dict(row) for row in rows] for name, rows in look.files.items()}
    if isinstance(fault, BookFault) and fault.around is not None:
        fault.around(clean_files)
    look = Look(clean_files, look.document)
    copies = {name: [dict(row) for row in rows] for name, rows in clean_files.items()}
    before = {id(copy): row for name, rows in copies.items()
              for copy, row in zip(rows, clean_files[name], strict=True)}
    kept = [row for rows in copies.values() for row in rows]  # alive, so that no other row gets its id
    fault.change(copies)
    told = list(NEUTRAL[fault.name](look, copies)) if fault.name in NEUTRAL else []
    cells: dict[tuple[str, int, str], tuple[str, str]] = {}
    present: set[int] = set()
    for table, rows in copies.items():
        for place, row in enumerate(rows):
            present.add(id(row))
            clean = before.get(id(row))
            if fault.name not in WHOLE and not told:
                for column in row:
                    pair = _pair(table, column, row, clean)
                    if pair is not None:
                        cells[table, place, column] = pair
            for named, match, column, neutral in told:
                if named == table and match.items() <= row.items() and row.get(column, "") != neutral:
                    cells[table, place, column] = (neutral, row[column])
    left = {id(before[i]) for i in present if i in before}
    dropped = [] if fault.name in WHOLE else [
        (table, row) for table, rows in look.files.items() for row in rows
        if row.get("quantity") and id(row) not in left]
    del kept
    return Shrinkable({name: [dict(r) for r in rows] for name, rows in copies.items()}, cells, dropped)


def _pair(table: str, column: str, row: Row, clean: Row | None) -> tuple[str, str] | None:
    form = _FORMS.get(table, {}).get(column, "text")  # book.toml is no table
    if clean is None:
        return ("0", row[column]) if form in ("quantity", "signed") and column == "quantity" else None
    was = clean.get(column, "")
    changed = bool(was) and bool(row[column]) and was != row[column]
    return (was, row[column]) if changed and (form not in _WORDS or form == "moment") else None


def _between(form: str, clean: str, spoilt: str, share: Decimal) -> str:
    if form == "moment":
        one, other = datetime.fromisoformat(clean), datetime.fromisoformat(spoilt)
        seconds = int((other - one).total_seconds() * float(share))
        return (one + timedelta(seconds=seconds)).isoformat(timespec="seconds")
    value = Decimal(clean) + (Decimal(spoilt) - Decimal(clean)) * share
    value = value.quantize(_PLACES)
    if clean == "0" and not value:  # a row of nothing is none
        value = _PLACES.copy_sign(Decimal(spoilt))
    return plain(value)


WHOLE = frozenset({
    "wrong-unit", "told-twice", "lot-under-hold", "left-of-contract", "inland-on-paper", "circle",
    "outside-norm", "certificate-twice", "number-twice", "never-arrived"})
"""Faults that are there or not: less of them would be another fault."""


def _weighed(fault_id: dict[str, str], tare: int) -> Callable[[Look, Files], Iterator[Neutral]]:
    """A row that was weighed weighs what its quantity does."""

    def neutral(look: Look, files: Files) -> Iterator[Neutral]:
        for row in files["movements"]:
            if row.get("gross_kg") and fault_id.items() <= row.items():
                net = Decimal(row["quantity"]) * weight_of(look, row["code"])
                yield "movements", {"id": row["id"]}, "gross_kg", plain(tare + net)

    return neutral


def _gate_weight(_: Look, files: Files) -> Iterator[Neutral]:
    first = next(r for r in files["movements"] if r.get("gross_kg") and r["kind"] == "ARRIVE")
    yield "movements", {"kind": "GATE_OUT", "lot": first["lot"]}, "gross_kg", first["gross_kg"]


def _third_tare(_: Look, files: Files) -> Iterator[Neutral]:
    first, *_others, last = [r for r in files["movements"] if r.get("tare_kg")]
    for column in ("gross_kg", "tare_kg"):
        yield "movements", {"id": last["id"]}, column, first[column]


def _two_holders(look: Look, files: Files) -> Iterator[Neutral]:
    row = next(r for r in files["movements"] if r["id"] == "SECOND")
    gate = look.rows("movements", kind="GATE_OUT", lot=row["lot"])[0]
    yield "movements", {"id": "SECOND"}, "at", gate["at"]


def _told_late(_: Look, files: Files) -> Iterator[Neutral]:
    row = next(r for r in files["movements"] if r.get("recorded_at"))
    yield "movements", {"id": row["id"]}, "recorded_at", row["at"]


def _stayed(_: Look, files: Files) -> Iterator[Neutral]:
    came = next(r["at"] for r in files["movements"] if r["id"] == "P17")
    for name, time in (("Q17", "07:05"), ("R17", "09:26")):
        yield "movements", {"id": name}, "at", f"{later(came, 3)}T{time}"


def _told_after(_: Look, files: Files) -> Iterator[Neutral]:
    day = next(r["at"][:10] for r in files["movements"] if r["id"] == "SUB-1")
    yield "notices", {"partner": "stitch-house"}, "notified", day


def _seal_silent(_: Look, files: Files) -> Iterator[Neutral]:
    *_others, before, last = files["seal_readings"]
    yield "seal_readings", {"at": last["at"]}, "at", before["at"][:11] + "10:00"


def _counted_early(look: Look, files: Files) -> Iterator[Neutral]:
    row = files["counts"][-1]
    whole = look.rows("counts", stock="material", lot=row["lot"])[0]
    yield "counts", {"at": row["at"], "lot": row["lot"]}, "quantity", whole["quantity"]


def _norm_jumps(look: Look, files: Files) -> Iterator[Neutral]:
    added = files["norms"][-1]
    now = look.rows("norms", product=added["product"], material=added["material"])[0]
    for row in files["norms"][-3:]:
        yield "norms", {k: row[k] for k in ("product", "material", "valid_from")}, "norm", now["norm"]


def _peers(_: Look, files: Files) -> Iterator[Neutral]:
    for row in files["peers"]:
        yield "peers", dict(row), "norm", plain(Decimal(row["norm"]) * 2)


def _machines(look: Look, files: Files) -> Iterator[Neutral]:
    first = files["capacity"][0]
    made = look.total(kind="TRANSFORM", side="out", code=first["product"])
    yield "capacity", {"product": first["product"]}, "rate", plain((made / 2_000).quantize(_PLACES))


def _scrap_book(look: Look, files: Files) -> Iterator[Neutral]:
    row = files["scrap_book"][0]
    left = look.total(kind="SCRAP_OUT", code=row["code"])
    yield "scrap_book", {"code": row["code"]}, "sold", plain(left)
    yield "scrap_book", {"code": row["code"]}, "closing", plain(Decimal(row["generated"]) - left)


def _scrap_price(_: Look, files: Files) -> Iterator[Neutral]:
    row = max((r for r in files["movements"] if r.get("value")),
              key=lambda r: Decimal(r["value"]) / Decimal(r["quantity"]))
    yield "movements", {"id": row["id"]}, "value", plain(Decimal(row["value"]) / 8)


def _at(row: str, at: str) -> Callable[[Look, Files], Iterator[Neutral]]:
    return lambda _look, _files: iter([("movements", {"id": row}, "at", at)])


def _flown(_: Look, files: Files) -> Iterator[Neutral]:
    row = next(r for r in files["movements"] if r["id"] == "FLY")
    yield "movements", {"id": "FLY"}, "at", f"{later(row['at'], 2)}T07:23"


def _factor(match: dict[str, str], neutral: str) -> Callable[[Look, Files], Iterator[Neutral]]:
    return lambda _look, _files: iter([("conversions", match, "factor", neutral)])


NEUTRAL: dict[str, Callable[[Look, Files], Iterator[Neutral]]] = {
    "unclaimed": _at("LEFT", f"{PERIOD_END}T23:59"), "no-answer": _at("OFFERED", f"{PERIOD_END}T23:59"),
    "too-fast": _at("F-6", "2026-07-14T20:00"), "flown": _flown, "two-holders": _two_holders,
    "told-late": _told_late, "stayed": _stayed, "told-after": _told_after, "seal-silent": _seal_silent,
    "counted-early": _counted_early, "lighter-behind-seal": _gate_weight,
    "lighter-at-gate": _gate_weight, "another-tare": _third_tare, "light-load": _weighed({}, 8_000),
    "heavy-receipt": _weighed({}, 8_000), "ticket": _weighed({"id": "BURN"}, 5_000),
    "thin-oil": lambda _l, _f: iter([("movements", {"id": "DIP"}, "gross_kg", "10920")]),
    "norm-jumps": _norm_jumps, "unlike-peers": _peers, "too-few-machines": _machines,
    "scrap-book-short": _scrap_book, "good-as-scrap": _scrap_price,
    "there-and-back": _factor({"from_uom": "GRM", "to_uom": "KGM"}, "0.001"),
    "factor-changes": _factor({"to_uom": "LBR", "factor": "2.3"}, "2.2"),
}
