"""What was filed against what the ledger says, figure by figure.

How much a difference weighs is a practitioner's threshold, not law: of form 15 under 5 % of the ledger's
figure is for information, up to 20 % a warning, beyond severe; of what was exported 1 % and 5 %; a code that
only one side has, or another unit, is severe. Source: domain reference, 7.11 (B4).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ledger.vocabulary import MICRO
from tracer.book import Tolerances
from tracer.filed.reading import FiledForm
from tracer.quantity import micro_text, nearest, number
from tracer.tolerance import tol

_WARN, _SEVERE = Fraction(5, 100), Fraction(20, 100)
_EXPORT_WARN, _EXPORT_SEVERE = Fraction(1, 100), Fraction(5, 100)


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure that was filed otherwise than the ledger says.

    Attributes:
        row: of the sheet; None where nothing was filed.
        column: name of the figure; `code` where one side has no row, `uom` where the units differ.
        filed, ledger: as decimal text, or the units. difference: filed less ledger.
        severity: info, warn or severe.
    """

    form: str
    row: int | None
    code: str
    column: str
    filed: str | None
    ledger: str | None
    difference: str | None
    uom: str
    severity: str
    explanation: str

    def to_json(self) -> dict[str, Any]:
        """The difference by name."""
        return {name: getattr(self, name) for name in self.__slots__}


def compare(
    filed: Mapping[str, FiledForm],
    settlement: Mapping[str, Any],
    tolerances: Tolerances,
) -> list[Difference]:
    """Every difference beyond the tolerance, by form and code. A form with faults is not compared.

    Args:
        filed: see `read_filed`. settlement: the forms as `Settlement.to_json` gives them.
    """
    found: list[Difference] = []
    for key, form in sorted(filed.items()):
        if not form.faults:
            found += (
                _norms(form, settlement[key])
                if key == "form16"
                else _stock(form, settlement[key], tolerances)
            )
    return found


@dataclass(slots=True)
class _Side:
    """All rows of a code on one side, added up."""

    row: int | None
    uom: str
    amounts: dict[str, int]


def _stock(form: FiledForm, rows: Iterable[Mapping[str, Any]], tolerances: Tolerances) -> list[Difference]:
    key, columns = form.layout.key, list(form.layout.columns.values())
    ours: dict[str, _Side] = {}
    for row in rows:
        side = ours.setdefault(row["code"], _Side(None, row["uom"], defaultdict(int)))
        for column in columns:
            side.amounts[column] += nearest(number(row[column]) * MICRO)
    theirs: dict[str, _Side] = {}
    for one in form.rows:
        side = theirs.setdefault(one.code, _Side(one.row, one.uom, defaultdict(int)))
        for column in columns:
            side.amounts[column] += one.amounts[column]
    found: list[Difference] = []
    for code in sorted(ours.keys() | theirs.keys()):
        mine, said = ours.get(code), theirs.get(code)
        if said is None and mine is not None:
            if any(mine.amounts.values()):
                found.append(_one_sided(key, None, code, mine, "in the ledger, not filed"))
        elif mine is None and said is not None:
            if any(said.amounts.values()):
                found.append(_one_sided(key, said.row, code, said, "filed, not in the ledger"))
        elif mine is not None and said is not None:
            if said.uom and said.uom.upper() != mine.uom.upper():
                found.append(
                    Difference(
                        key,
                        said.row,
                        code,
                        "uom",
                        said.uom,
                        mine.uom,
                        None,
                        "",
                        "severe",
                        f"filed in {said.uom}, kept in {mine.uom}: quantities are not compared",
                    )
                )
                continue
            found += _figures(key, code, (said, mine), columns, tolerances)
    return found


def _figures(
    key: str,
    code: str,
    sides: tuple[_Side, _Side],
    columns: Iterable[str],
    tolerances: Tolerances,
) -> Iterable[Difference]:
    said, mine = sides
    for column in columns:
        filed, ledger = said.amounts[column], mine.amounts[column]
        if tol(ledger, mine.uom, tolerances).exceeded(filed - ledger):
            bounds = (_EXPORT_WARN, _EXPORT_SEVERE) if column == "exported" else (_WARN, _SEVERE)
            yield Difference(
                key,
                said.row,
                code,
                column,
                micro_text(filed),
                micro_text(ledger),
                micro_text(filed - ledger),
                mine.uom,
                _severity(filed - ledger, ledger, bounds),
                f"{column} was filed as {micro_text(filed)} {mine.uom}, the ledger has {micro_text(ledger)}",
            )


def _severity(difference: int, ledger: int, bounds: tuple[Fraction, Fraction]) -> str:
    share = Fraction(abs(difference), abs(ledger)) if ledger else Fraction(1)
    return "severe" if share > bounds[1] else "warn" if share >= bounds[0] else "info"


def _one_sided(form: str, row: int | None, code: str, side: _Side, what: str) -> Difference:
    figures = ", ".join(f"{column} {micro_text(q)}" for column, q in side.amounts.items() if q)
    return Difference(
        form,
        row,
        code,
        "code",
        code if row else None,
        None if row else code,
        None,
        side.uom,
        "severe",
        f"{what}: {figures} {side.uom}".rstrip(),
    )


def _norms(form: FiledForm, rows: Iterable[Mapping[str, Any]]) -> list[Difference]:
    """Norms of form 16 against those declared in the ledger: they are one figure told twice."""
    ours = {(row["product"], row["material"]): row for row in rows}
    theirs = {(row.code, row.material): row for row in form.rows}
    found: list[Difference] = []
    for pair in sorted(ours.keys() | theirs.keys()):
        code = f"{pair[0]} / {pair[1]}"
        mine, said = ours.get(pair), theirs.get(pair)
        if said is None or mine is None:
            what = "in the ledger, not filed" if said is None else "filed, not in the ledger"
            found.append(
                Difference(
                    "form16",
                    said.row if said else None,
                    code,
                    "code",
                    code if said else None,
                    code if mine else None,
                    None,
                    "",
                    "severe",
                    f"norm {what}",
                )
            )
            continue
        declared = nearest(number(mine["norm"] or 0) * MICRO)
        off = said.amounts["norm"] - declared
        if abs(off) > 1:  # the sixth decimal, rounded on each side
            found.append(
                Difference(
                    "form16",
                    said.row,
                    code,
                    "norm",
                    micro_text(said.amounts["norm"]),
                    micro_text(declared),
                    micro_text(off),
                    str(mine["material_uom"]),
                    _severity(off, declared, (_WARN, _SEVERE)),
                    f"filed as {micro_text(said.amounts['norm'])}, declared is {micro_text(declared)}",
                )
            )
    return found
