"""Names as people type them: letters of another script that look Latin, capitals, blanks and dashes."""

from __future__ import annotations

import re
import unicodedata

_LATIN = str.maketrans("АВЕЅІЈКМНОРСТУХаеѕіјорсухΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "ABESIJKMHOPCTYXaesijopcyxABEZHIKMNOPTYXo")
"""Cyrillic and Greek letters that are drawn as Latin ones."""
_CONTAINER = re.compile(r"[A-Z]{3}[UJZ][0-9]{7}")


def latin(text: str) -> str:
    """A text with wide and foreign letters as the Latin ones that they are drawn as."""
    return unicodedata.normalize("NFKC", text).translate(_LATIN)


def bare(text: str) -> str:
    """Letters and digits alone, in capitals: what stays of a number however it is written."""
    return "".join(c for c in latin(latin(text).upper()) if c.isalnum())


def container_name(name: str) -> str:
    """A container, `consignment/number`, with its number in the form of ISO 6346 where it has that form."""
    consignment, slash, number = name.rpartition("/")
    plain = bare(number)
    return f"{consignment}{slash}{plain}" if _CONTAINER.fullmatch(plain) else name
