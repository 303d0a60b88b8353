"""What a paper needs that no event says: numbers of authorisations, rulings, identities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ledger.errors import InputError

PARTICULARS: dict[str, str] = {
    "authorisation": "number of the authorisation for inward processing",
    "holder_id": "registration number of its holder (EORI)",
    "office": "supervising customs office",
    "discharge_months": "period for discharge, in months from the acceptance of each declaration",
    "claimant_id": "identification number of the drawback claimant",
    "ruling": "number of the manufacturing ruling",
    "claim": "number of the drawback claim",
}
"""Every particular, and what it means."""


def known(given: Mapping[str, str]) -> dict[str, str]:
    """Particulars that say something.

    Raises:
        InputError: one that no paper knows, or months that are no number.
    """
    for key in given:
        if key not in PARTICULARS:
            raise InputError(
                f"{key!r} is no particular of a paper.", remedy=f"Known: {', '.join(PARTICULARS)}."
            )
    said = {key: value.strip() for key, value in given.items() if value.strip()}
    months = said.get("discharge_months", "1")
    if not (months.isascii() and months.isdecimal() and 0 < int(months) <= 600):
        raise InputError(
            f"a period for discharge of {months!r} months.", remedy="Write a whole number, such as 6."
        )
    return said


def fields(given: Mapping[str, str], wanted: tuple[str, ...]) -> tuple[list[dict[str, Any]], list[str]]:
    """The fields of a paper, and the names of those that are missing."""
    rows = [
        {
            "field": key,
            "meaning": PARTICULARS[key],
            "value": given.get(key, ""),
            "note": "" if given.get(key) else "MISSING",
        }
        for key in wanted
    ]
    return rows, [f"{row['field']} ({row['meaning']})" for row in rows if row["note"]]
