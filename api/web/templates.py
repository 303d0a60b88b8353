"""Jinja2 for the pages: autoescape always on, undefined names are errors."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from api.jsonio import dumps
from api.views.names import iso_s, local
from api.words import balance_words, kind_words
from ledger.vocabulary import LineRole
from tracer.currency import money
from tracer.quantity import grouped


def render(template: str, **values: Any) -> str:
    """A template with its values; an SVG made by `drawing` is passed through, everything else escaped."""
    if values.get("drawing"):
        # made by api.web.drawing, which escapes its text
        values["drawing"] = Markup(values["drawing"])  # noqa: S704
    if "e" in values and isinstance(values["e"], dict):
        values["document"] = dumps(values["e"]["epcis"], indent=2) if values["e"].get("epcis") else ""
    return _environment.get_template(template).render(**values)


def when(moment: str | int, zone: str = "") -> str:
    """A time as people write it, in the zone that the event was posted in: `2 Mar 2026, 08:15 (+07:00)`."""
    text = iso_s(moment) if isinstance(moment, int) else moment
    parsed = local(text, zone)
    if parsed is None:
        return text
    return f"{parsed.day} {parsed:%b %Y, %H:%M} ({zone_name(parsed)})"


def when_after(moment: str, before: str, zone: str = "") -> str:
    """A later time: the hour alone where it is the same day."""
    later, earlier = local(moment, zone), local(before, zone)
    if later is None or earlier is None or later.date() != earlier.date():
        return when(moment, zone)
    return f"{later:%H:%M}"


def by_role(units: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Units of an event by their part in it: what went in before what came out."""
    order = {role.name: int(role) for role in LineRole}
    groups: dict[str, list[dict[str, Any]]] = {}
    for unit in sorted(units, key=lambda u: (order.get(u["role"], 99), u["label"])):
        groups.setdefault(unit["role"], []).append(unit)
    return list(groups.items())


def zone_name(moment: datetime) -> str:
    """`UTC`, or the offset as `+07:00`."""
    offset = f"{moment:%z}"
    return "UTC" if offset == "+0000" else f"{offset[:3]}:{offset[3:]}"


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
    environment.filters.update(
        when=when, when_after=when_after, by_role=by_role, grouped=grouped, money=money, words=words,
        kind_words=kind_words,
    )
    environment.globals["balance_words"] = balance_words()
    return environment


_environment = _make()
