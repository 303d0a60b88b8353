"""On-spot exports: delivered to a buyer inside the country, joined with its import by marks in the
description of the goods (Circular 38/2015 Art. 86.5).
"""

from __future__ import annotations

import re

from ledger.vocabulary import LineRole
from tracer.book import DeclarationLine

EXPORT_MARK = "#&XKTC"
_IMPORT_MARK = re.compile(r"#&NKTC#&\s*([0-9A-Za-z-]+)", re.IGNORECASE)


def on_spot(line: DeclarationLine) -> bool:
    """Whether an export line says that its goods are delivered inside the country (Art. 86.5)."""
    return line.purpose == LineRole.EXPORT and EXPORT_MARK in line.description.upper()


def answers(line: DeclarationLine) -> str:
    """The export declaration that an on-spot import line names; empty where it names none."""
    return answered(line.description)


def answered(description: str) -> str:
    """The export declaration that the description of an import names; empty where it names none."""
    found = _IMPORT_MARK.search(description)
    return found[1] if found else ""
