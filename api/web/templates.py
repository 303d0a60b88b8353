"""Jinja2 for the pages: autoescape always on, undefined names are errors."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from api.jsonio import dumps
from api.views.names import iso_s
from api.words import balance_words, kind_words

_ZONE = re.compile(r"([+-])(\d\d):(\d\d)")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def render(template: str, **values: Any) -> str:
    """A template with its values; an SVG made by `drawing` is passed through, everything else escaped."""
    if values.get("drawing"):
        values["drawing"] = Markup(values["drawing"])  # noqa: S704 - made by api.web.drawing, which escapes its text
    if "e" in values and isinstance(values["e"], dict):
        values["document"] = dumps(values["e"]["epcis"], indent=2) if values["e"].get("epcis") else ""
    return _environment.get_template(template).render(**values)


def when(moment: str | int, zone: str = "") -> str:
    """A time as people write it, in the zone that the event was posted in: `2 Mar 2026, 08:15 (+07:00)`."""
    text = iso_s(moment) if isinstance(moment, int) else moment
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return text
    match = _ZONE.fullmatch(zone)
    if match:
        offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
        parsed = parsed.astimezone(timezone(-offset if match[1] == "-" else offset))
    else:
        parsed = parsed.astimezone(UTC)
    return f"{parsed.day} {parsed:%b %Y, %H:%M} ({zone if match else 'UTC'})"


def grouped(text: Any) -> str:
    """A decimal string with its thousands apart: `12,000.5`; what is no number stays as it is."""
    plain = str(text)
    if not _NUMBER.fullmatch(plain):
        return plain
    whole, dot, rest = plain.partition(".")
    return f"{int(whole):,}" + dot + rest if whole not in ("-0", "-00") else plain


def words(name: Any) -> str:
    """A name of the vocabulary in lower case: `CO_PRODUCT` as `co-product`, `NONE` as nothing."""
    text = str(name)
    return "" if text == "NONE" else text.lower().replace("_", "-")


def _make() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(when=when, grouped=grouped, words=words, kind_words=kind_words)
    environment.globals["balance_words"] = balance_words()
    return environment


_environment = _make()
