"""A workbook with filed forms 15, 15a and 16: which sheet, which column, which figure.

A form is found by its row of column numbers. The identity of the form must hold on 98 % of its rows, within
max(0.01, one millionth of the closing stock); else its columns are not what they seem, and nothing of it is
compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from ledger.errors import InputError
from ledger.vocabulary import MICRO
from tracer.files.sheets import xlsx_sheets
from tracer.quantity import nearest, number

IDENTITY_SHARE = Fraction(98, 100)
"""Of the rows, on which the identity must hold."""
_NUMBERED = re.compile(r"\(?\s*([0-9]{1,2})\s*([a-z]?)\s*\)?", re.ASCII)
_AMOUNT = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)
_HEADING_ROWS = 12  # above the numbers, in which headings may stand
_ROWS_MAX = 200_000


@dataclass(frozen=True, slots=True)
class Layout:
    """What the columns of a form are.

    Attributes:
        key: by which the settlement names the form. words: in the text above it, one of which tells it.
        last: the highest column number. columns: name of each numbered column with an amount.
        less: columns that the identity subtracts; what is left of opening and received is closing.
        labels: for columns that change places, words of their heading.
    """

    key: str
    words: tuple[str, ...]
    last: int
    columns: Mapping[str, str]
    less: tuple[str, ...] = ()
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


FORM15 = Layout(
    "form15",
    ("15/bcqt", "bcqt-nvl", "form 15:"),
    12,
    {
        "5": "opening",
        "6": "received",
        "7": "re_exported",
        "8": "repurposed",
        "9": "issued",
        "10": "other_issue",
        "11": "closing",
    },
    ("re_exported", "repurposed", "issued", "other_issue"),
)
FORM15A = Layout(
    "form15a",
    ("15a/bcqt", "bcqt-sp", "form 15a"),
    11,
    {
        "5": "opening",
        "6": "received",
        "7": "repurposed",
        "8": "exported",
        "9": "other_issue",
        "10": "closing",
    },
    ("repurposed", "exported", "other_issue"),
    {
        "repurposed": ("mục đích", "purpose", "tiêu hủy"),
        "exported": ("lượng xuất khẩu", "exported"),
        "other_issue": ("xuất kho khác", "xuất khác", "other"),
    },
)
FORM16 = Layout("form16", ("16/đmtt", "form 16", "định mức"), 9, {"8": "norm"})
_FORMS = (FORM15A, FORM15, FORM16)


@dataclass(frozen=True, slots=True)
class FiledRow:
    """A row as filed; amounts in micro-units (norms too), by column name."""

    row: int
    code: str
    name: str
    uom: str
    amounts: Mapping[str, int]
    material: str = ""


@dataclass(slots=True)
class FiledForm:
    """A form as filed.

    Attributes:
        sheet: its name. columns: letters of the columns read, by name.
        proven: rows on which the identity holds, of `rows`. broken: those on which it does not.
        unread: cells that are no numbers; their rows are left out.
        faults: what keeps it from being compared.
    """

    layout: Layout
    sheet: str
    columns: dict[str, list[str]]
    rows: list[FiledRow]
    proven: int = 0
    broken: list[int] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def read_filed(path: Path) -> dict[str, FiledForm]:
    """The forms in a workbook, by their key in a settlement.

    Raises:
        InputError: no workbook, or none of the forms is in it.
    """
    found: dict[str, FiledForm] = {}
    for name, rows in xlsx_sheets(path):
        form = _form(name, rows)
        if form is not None and form.layout.key not in found:
            found[form.layout.key] = form
    if not found:
        raise InputError(
            f"{path.name} has none of the forms 15, 15a and 16.",
            remedy="A form is known by its row of column numbers, (1) (2) (3) ..., below the headings.",
        )
    return found


def _form(name: str, rows: Iterator[tuple[int, list[str]]]) -> FiledForm | None:
    above: list[list[str]] = []
    for place, cells in rows:
        numbers = _numbers(cells)
        if numbers is None:
            above.append(cells)
            if place > 200:
                return None
            continue
        layout = _layout(numbers, above)
        if layout is None:
            return None
        return _read(name, layout, numbers, above[-_HEADING_ROWS:], rows)
    return None


def _numbers(cells: Sequence[str]) -> dict[str, int] | None:
    """Positions of the numbered columns, if this is the row that numbers them: 1 to 9 at least, in order."""
    found: dict[str, int] = {}
    for place, cell in enumerate(cells):
        match = _NUMBERED.match(cell.strip().lower())
        if match:  # "(11) = (5) + (6) - ..." begins with its number
            found.setdefault(match[1] + match[2], place)
    there = [found.get(str(n), found.get(f"{n}a", -1)) for n in range(1, 10)]
    return found if min(there) >= 0 and there == sorted(there) else None


def _layout(numbers: Mapping[str, int], above: Sequence[Sequence[str]]) -> Layout | None:
    """Which form: by the words above it, else by how many columns it has."""
    text = " ".join(" ".join(cells) for cells in above).lower()
    for layout in _FORMS:
        if any(word in text for word in layout.words):
            return layout
    last = max(int(re.sub("[a-z]", "", number)) for number in numbers)
    return next((layout for layout in _FORMS if layout.last == last), None)


def _read(
    name: str,
    layout: Layout,
    numbers: Mapping[str, int],
    above: Sequence[Sequence[str]],
    rows: Iterator[tuple[int, list[str]]],
) -> FiledForm:
    places = {column: _places(number, numbers) for number, column in layout.columns.items()}
    faults = [
        f"there is no column ({number})." for number, column in layout.columns.items() if not places[column]
    ]
    if layout.labels:
        faults += _by_label(layout, places, above)
    form = FiledForm(
        layout, name, {c: [_letter(p) for p in at] for c, at in places.items()}, [], faults=faults
    )
    text = {key: numbers[str(n)] for n, key in enumerate(("no", "code", "name", "uom", "material"), 1)}
    for place, cells in rows:
        if place > _ROWS_MAX:
            form.faults.append(f"it has more than {_ROWS_MAX} rows.")
            break
        row = _row(place, cells, text, places, form)
        if row is not None:
            form.rows.append(row)
    if not form.faults:
        _prove(form)
    return form


def _places(number: str, numbers: Mapping[str, int]) -> list[int]:
    """Where a numbered column stands; where it is split into (6a), (6b) ..., all of its parts."""
    if number in numbers:
        return [numbers[number]]
    return [place for other, place in numbers.items() if re.fullmatch(f"{number}[a-z]", other)]


def _by_label(layout: Layout, places: dict[str, list[int]], above: Sequence[Sequence[str]]) -> list[str]:
    """Give columns that change places between enterprises to those whose heading says so."""
    movable = [place for column in layout.labels for place in places[column]]
    headings = {
        place: " ".join(cells[place] for cells in above if place < len(cells)).lower() for place in movable
    }
    found: dict[str, int] = {}
    for column, words in layout.labels.items():
        at = [place for place in movable if any(word in headings[place] for word in words)]
        if len(at) == 1:
            found[column] = at[0]
    if "exported" not in found or len(set(found.values())) != len(found):
        return ["no single column among those subtracted is headed as exported."]
    left = [place for place in movable if place not in found.values()]
    for column in layout.labels:
        places[column] = [found[column] if column in found else left.pop(0)]
    return []


def _row(
    place: int,
    cells: Sequence[str],
    text: Mapping[str, int],
    places: Mapping[str, list[int]],
    form: FiledForm,
) -> FiledRow | None:
    """A row with a code and an amount; headings of groups, totals and signatures have none."""

    def cell(at: int) -> str:
        return cells[at].strip() if at < len(cells) else ""

    code = cell(text["code"])
    if not code or not any(cell(at) for columns in places.values() for at in columns):
        return None
    amounts: dict[str, int] = {}
    for column, columns in places.items():
        total = 0
        for at in columns:
            said = cell(at)
            if said and not _AMOUNT.fullmatch(said):
                form.unread.append(f"row {place}, column {_letter(at)}: {said[:40]!r} is no number.")
                return None
            total += nearest(number(said) * MICRO) if said else 0
        amounts[column] = total
    material = cell(text["material"]) if form.layout is FORM16 else ""
    return FiledRow(place, code, cell(text["name"]), cell(text["uom"]), amounts, material)


def _prove(form: FiledForm) -> None:
    """Hold each row to the form's identity. Source: domain reference, 4.3."""
    if not form.layout.less:
        return  # form 16 has no identity: its columns stand by their numbers alone
    for row in form.rows:
        had = row.amounts["opening"] + row.amounts["received"]
        left = had - sum(row.amounts[column] for column in form.layout.less)
        closing = row.amounts["closing"]
        if abs(left - closing) <= max(MICRO // 100, abs(closing) // 1_000_000):
            form.proven += 1
        else:
            form.broken.append(row.row)
    if form.proven < IDENTITY_SHARE * (len(form.rows) + len(form.unread)):
        form.faults.append(
            f"opening and received less {', '.join(form.layout.less)} is closing on {form.proven} of "
            f"{len(form.rows) + len(form.unread)} rows only; if its formulas were never worked out, or its "
            "numbers are text, open it, make numbers of them and save it again."
        )


def _letter(place: int) -> str:
    """Column letters of a position from 0, as a program for tables shows them."""
    text, place = "", place + 1
    while place:
        place, rest = divmod(place - 1, 26)
        text = chr(65 + rest) + text
    return text
