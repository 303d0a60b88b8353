"""A paper as PDF: the tables of a document over pages A4 across, the head repeated, page n of m.

Takes the same layouts and the same JSON as the workbook (`settlement.workbook`). The font goes with the file,
so Vietnamese reads the same everywhere. The same document gives the same bytes: no clock, no random name.
Columns with numbers are as wide as their longest number, which is never broken or shortened; text is wrapped.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from reportlab.lib.pagesizes import A4, landscape
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from ledger.errors import TooLargeError
from tracer.quantity import grouped
from tracer.settlement.sheets import Column, SheetLayout, head

PAGES_MAX: Final = 5_000
"""Pages of one paper; who has more reads the workbook or the JSON."""
TEXT_MAX: Final = 1_500
"""Characters of a text that are printed in one cell; the rest is in the JSON, and ... says so."""
_FOLDER = Path(__file__).parent / "fonts"
_PLAIN, _BOLD = "CargoLedger", "CargoLedger-Bold"
_WIDTH, _HEIGHT = landscape(A4)
_MARGIN, _FOOT = 34.0, 40.0
_SIZE, _LEAD, _PAD = 7.5, 9.5, 4.0
_NUMBER = re.compile(r"(-?)(\d+)(\.\d+)?", re.ASCII)
_WORD_MAX = 72.0
"""Points up to which a column is as wide as its longest word; ids and hashes are longer, and are broken."""
_GREY, _RULE, _FILL = 0.35, 0.65, 0.93
_LOOKS = {"title": (_BOLD, 13.0, 17.0, 0.0), "plain": (_PLAIN, 9.0, 12.5, 0.0),
          "strong": (_BOLD, 9.0, 12.5, 0.0), "note": (_PLAIN, 8.0, 11.0, _GREY)}
"""Font, size, line height and grey of a line of text by its style."""


Part = tuple[Mapping[str, Any], Sequence[SheetLayout]]
"""A document's JSON values, and what is printed of it, in order."""


def paper(parts: Sequence[Part], report: Mapping[str, Any], title: str) -> bytes:
    """Documents of one book as PDF, each layout from a new page on unless it follows another.

    Args:
        parts: documents (`Settlement.to_json` or those of another paper) with their layouts.
        report: `check.Report.to_json` of the same book and period.
        title: of the file.

    Raises:
        TooLargeError: it would have more than `PAGES_MAX` pages.
    """
    made = BytesIO()
    pages = _Pages(made, title, str(parts[0][0]["enterprise"]) if parts else "")
    for document, sheets in parts:
        for layout in sheets:
            rows = list(layout.rows(document, report))
            if not layout.optional or rows:
                _part(pages, layout, rows, document, report)
    pages.close()
    return made.getvalue()


def _part(pages: _Pages, layout: SheetLayout, rows: Sequence[Mapping[str, Any]], document: Mapping[str, Any],
          report: Mapping[str, Any]) -> None:
    period = document["period"]
    if layout.follows:
        pages.room(6 * _LEAD)
        pages.text(layout.title, "strong")
        for style, text in layout.prose:
            pages.text(text, style)
    else:
        pages.begin(layout, f"{document['enterprise']}, {document['book']}, "
                            f"{period['from']} to {period['to']}")
        for style, text in head(layout, document, report):
            pages.text(text, style)
    if layout.columns:
        pages.table(layout, rows)
    for text in layout.foot:
        pages.text(text, "plain")


class _Pages:
    """The canvas and where on it the next line goes."""

    def __init__(self, target: BytesIO, title: str, author: str) -> None:
        for name, file in ((_PLAIN, "DejaVuSansCondensed.ttf"), (_BOLD, "DejaVuSansCondensed-Bold.ttf")):
            if name not in pdfmetrics.getRegisteredFontNames():
                pdfmetrics.registerFont(TTFont(name, str(_FOLDER / file)))
        self.canvas: Any = Canvas(target, pagesize=(_WIDTH, _HEIGHT), invariant=1, pageCompression=1,
                                  lang="en")
        self.canvas.setTitle(title)
        self.canvas.setAuthor(author)
        self.canvas.setCreator("CargoLedger")
        self.known = frozenset(pdfmetrics.getFont(_PLAIN).face.charToGlyph)
        self.pages: list[dict[str, Any]] = []
        self.name, self.about, self.first, self.replaced = "", "", False, 0
        self.y = 0.0
        self.heading: Callable[[], None] | None = None

    def begin(self, layout: SheetLayout, about: str) -> None:
        """A new part, on a new page and in the table of contents of the viewer."""
        if self.name:
            self.turn()
        self.name, self.about, self.heading = self.clean(layout.name), self.clean(about), None
        self.y = _HEIGHT - _MARGIN
        self.first = True

    def text(self, text: str, style: str = "plain") -> None:
        """A paragraph over the whole width."""
        font, size, lead, grey = _LOOKS[style]
        if not text:
            self.y -= lead / 2
        for line in wrapped(self.clean(text), font, size, _WIDTH - 2 * _MARGIN) if text else ():
            self.room(lead)
            self.canvas.setFillGray(grey)
            self.canvas.setFont(font, size)
            self.canvas.drawString(_MARGIN, self.y - size, line)
            self.y -= lead

    def table(self, layout: SheetLayout, rows: Sequence[Mapping[str, Any]]) -> None:
        """A table; its head stands on every page that it goes on to."""
        cells = [[self.cell(column, row.get(column.key)) for column in layout.columns] for row in rows]
        widths = _widths(layout.columns, cells)
        titles = [wrapped(self.clean(c.heading), _BOLD, _SIZE, w - 2 * _PAD)
                  for c, w in zip(layout.columns, widths, strict=True)]
        numbers = [[f"({c.number})"] if c.number else [] for c in layout.columns]

        def heading() -> None:
            self.row(titles, widths, layout.columns, fill=True)
            if layout.numbered:
                self.row(numbers, widths, layout.columns, fill=True)

        self.room((max(map(len, titles), default=1) + 4) * _LEAD)
        self.heading = heading
        heading()
        for row in cells:
            lines = [[text] if numeric else wrapped(text, _PLAIN, _SIZE, width - 2 * _PAD)
                     for (text, numeric), width in zip(row, widths, strict=True)]
            self.row(lines, widths, layout.columns)
        self.heading = None
        if not rows:
            self.text(layout.empty, "note")
        self.y -= 6

    def cell(self, column: Column, value: Any) -> tuple[str, bool]:
        """A value as printed, and whether it is a number."""
        text = "" if value is None else str(value)
        if column.numeric and _NUMBER.fullmatch(text):
            return grouped(text), True
        if len(text) > TEXT_MAX:
            text = text[:TEXT_MAX - 4] + " ..."
        return self.clean(text), False

    def row(self, lines: Sequence[Sequence[str]], widths: Sequence[float], columns: Sequence[Column], *,
            fill: bool = False) -> None:
        """One row; what does not fit on the page goes on under the head on the next."""
        start, tallest = 0, max(1, *map(len, lines))
        while start < tallest:
            if not fill:
                self.room(_LEAD + _PAD)
            fit = tallest if fill else max(1, int((self.y - _FOOT - _MARGIN / 2 - _PAD) // _LEAD))
            if fit < tallest - start and start == 0 and tallest * _LEAD < _HEIGHT / 3:
                self.turn()
                continue
            part = [one[start:start + fit] for one in lines]
            self.draw(part, widths, columns, max(1, *map(len, part)) * _LEAD + _PAD, fill=fill)
            start += fit

    def draw(self, lines: Sequence[Sequence[str]], widths: Sequence[float], columns: Sequence[Column],
             height: float, *, fill: bool) -> None:
        canvas, x, top = self.canvas, _MARGIN, self.y
        canvas.setStrokeGray(_RULE)
        canvas.setLineWidth(0.4)
        if fill:
            canvas.setFillGray(_FILL)
            canvas.rect(_MARGIN, top - height, sum(widths), height, stroke=0, fill=1)
        canvas.setFillGray(0)
        canvas.setFont(_BOLD if fill else _PLAIN, _SIZE)
        for column, texts, width in zip(columns, lines, widths, strict=True):
            for place, text in enumerate(texts):
                y = top - _LEAD * place - _SIZE - _PAD / 2
                if column.numeric:
                    canvas.drawRightString(x + width - _PAD, y, text)
                else:
                    canvas.drawString(x + _PAD, y, text)
            x += width
        canvas.line(_MARGIN, top - height, _MARGIN + sum(widths), top - height)
        self.y = top - height

    def room(self, height: float) -> None:
        """Make room for so much, on the next page where this one has none."""
        if self.y - height < _FOOT + _MARGIN / 2:
            self.turn()

    def turn(self) -> None:
        """End the page; a table that goes on has its head again."""
        self.keep()
        if len(self.pages) >= PAGES_MAX:
            raise TooLargeError(f"the paper has more than {PAGES_MAX} pages.",
                                remedy="Take a shorter period, --xlsx or --json.")
        self.canvas._startPage()
        self.y = _HEIGHT - _MARGIN
        if self.heading is not None:
            self.heading()

    def keep(self) -> None:
        """Lay the page aside until it is known how many there are."""
        self.pages.append({**self.canvas.__dict__, "_about": (self.name, self.about, self.first)})
        self.first = False

    def close(self) -> None:
        """Number the pages and write the file."""
        if self.replaced:
            self.text(f"{self.replaced} characters that this font does not have stand as \ufffd; "
                      "the JSON of this paper has them.", "note")
        self.keep()
        for number, state in enumerate(self.pages, 1):
            name, about, first = state.pop("_about")
            self.canvas.__dict__.update(state)
            if first:
                self.canvas.bookmarkPage(f"part-{number}")
                self.canvas.addOutlineEntry(name, f"part-{number}", 0, closed=False)
            self.canvas.setFillGray(_GREY)
            self.canvas.setFont(_PLAIN, 7.5)
            self.canvas.drawString(_MARGIN, _FOOT - 8, f"{name} · {about}")
            self.canvas.drawRightString(_WIDTH - _MARGIN, _FOOT - 8, f"page {number} of {len(self.pages)}")
            self.canvas.showPage()
        self.canvas.save()

    def clean(self, text: str) -> str:
        """Text with what the font can show; line breaks stay."""
        plain = unicodedata.normalize("NFC", text)
        if all(ord(c) in self.known or c == "\n" for c in plain):
            return plain
        shown = [c if ord(c) in self.known or c == "\n" else "\ufffd" for c in plain.replace("\t", " ")]
        self.replaced += shown.count("\ufffd") - plain.count("\ufffd")
        return "".join(shown)


def _widths(columns: Sequence[Column], cells: Sequence[Sequence[tuple[str, bool]]]) -> list[float]:
    """Width of each column: numbers whole, words and headings as far as usual, the rest in proportion."""
    room = _WIDTH - 2 * _MARGIN
    least = []
    for place, column in enumerate(columns):
        longest = max((row[place][0] for row in cells if row[place][1]), key=len, default="")
        words = [word for part in column.heading.split("\n") for word in part.split()]
        heading = max((_measure(word, _BOLD, _SIZE) for word in words), default=0.0)
        number = _measure(longest, _PLAIN, _SIZE)
        word = max((word for row in cells if not row[place][1] for word in row[place][0].split()), key=len,
                   default="")
        text = min(_measure(word, _PLAIN, _SIZE), _WORD_MAX)
        least.append(max(number, text, min(heading, _WORD_MAX)) + 2 * _PAD + 0.5)
    wanted = [max(low, 3.8 * column.width) for low, column in zip(least, columns, strict=True)]
    if sum(wanted) <= room:
        return [w * room / sum(wanted) for w in wanted]
    spare = max(0.0, room - sum(least))
    more = [w - low for w, low in zip(wanted, least, strict=True)]
    shared = sum(more) or 1.0
    widths = [low + spare * m / shared for low, m in zip(least, more, strict=True)]
    return [w * min(1.0, room / sum(widths)) for w in widths]


@lru_cache(maxsize=50_000)
def _measure(text: str, font: str, size: float) -> float:
    width: float = pdfmetrics.stringWidth(text, font, size)
    return width


def wrapped(text: str, font: str, size: float, width: float) -> list[str]:
    """Lines of a text that are at most so wide; a word that is wider is broken."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if _measure(longer, font, size) <= width:
                line = longer
                continue
            if line:
                lines.append(line)
            *whole, line = _broken(word, font, size, width)
            lines += whole
        lines.append(line)
    return lines


def _broken(word: str, font: str, size: float, width: float) -> Iterator[str]:
    """A word in pieces that fit; ids and hashes are the usual case."""
    while _measure(word, font, size) > width and len(word) > 1:
        fit = next((n for n in range(len(word) - 1, 1, -1) if _measure(word[:n], font, size) <= width), 1)
        yield word[:fit]
        word = word[fit:]
    yield word
