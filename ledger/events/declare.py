"""DECLARE: one line of a declaration as a quota, or a paper anchored by its commitment.

A line's unit, purpose, material and quantity come from `cl:declaration`; its identifier must stand in
`epcList`. A manifest, norm, contract or document names no unit; its step says which it is.
"""

from __future__ import annotations

from ledger.errors import NotFoundError
from ledger.events.content import Declaration
from ledger.events.faults import Fault
from ledger.events.ids import NamedMaterial, UnitType, name_unit
from ledger.events.kinds import ANCHOR_STEPS
from ledger.events.lines import LineName, ReadLines, finish
from ledger.events.model import ZERO32, Line
from ledger.events.naming import Reading, mentions
from ledger.events.norm_numbers import add_numbers
from ledger.events.quantity import to_micro
from ledger.vocabulary import Balance, Step


def read_declaration(reading: Reading) -> ReadLines:
    """The line of a DECLARE, or none for a paper; materials that a norm names."""
    found = ReadLines()
    step = Step[reading.event["cl:step"]] if "cl:step" in reading.event else Step.NONE
    if reading.content.declaration is None:
        _anchor(reading, step, found)
    else:
        _line(reading, reading.content.declaration, step, found)
    finish(found, reading)
    return found


def _anchor(reading: Reading, step: Step, found: ReadLines) -> None:
    if step not in ANCHOR_STEPS:
        found.faults.append(
            Fault(
                "/cl:declaration",
                "DECLARE has neither a declaration line nor a paper to anchor.",
                "Add cl:declaration, or a cl:step of " + ", ".join(s.name for s in ANCHOR_STEPS) + ".",
            )
        )
    if step is Step.NORM and reading.content.norm is None:
        found.faults.append(Fault("/cl:norm", "the step NORM needs cl:norm.", "State product and materials."))
    if step is not Step.NORM and reading.content.norm is not None:
        found.faults.append(Fault("/cl:step", "cl:norm has the step NORM.", 'Write "cl:step": "NORM".'))
    if step not in (Step.NONE, Step.NORM) and not reading.content.papers:
        found.faults.append(
            Fault(
                "/cl:documents",
                f"the step {step.name} needs cl:documents.",
                "Name the paper by type, number and SHA-256.",
            )
        )
    _norm_materials(reading, found)


def _line(reading: Reading, declared: Declaration, step: Step, found: ReadLines) -> None:
    if step is not Step.NONE:
        found.faults.append(
            Fault("/cl:step", f"a declaration line has no step {step.name}.", "Leave it out.")
        )
    unit = name_unit(reading.ctx.network_secret, UnitType.LINE, declared.declaration, declared.line)
    named = []
    for mention in mentions(reading.event):
        resolved = reading.namer.unit(mention.uri, mention.pointer)
        if resolved is not None:
            named.append(resolved)
            if resolved.unit != unit.unit:
                found.faults.append(
                    Fault(
                        mention.pointer,
                        f"{mention.uri!r} is not the line of cl:declaration ({unit.uri}).",
                        "Post one event for each line.",
                    )
                )
    if not named:
        found.faults.append(
            Fault("/epcList", "the declaration line is not named in epcList.", f"Name {unit.uri}.")
        )
    enterprise = _enterprise(
        declared.enterprise or reading.event.get("cl:declarant", "") or reading.ctx.poster,
        reading,
        "/cl:declaration/enterprise",
        found,
    )
    material = reading.namer.material(
        enterprise,
        {"code": declared.code, "uom": declared.uom, "hs": declared.hs, "description": declared.description},
    )
    micro = to_micro(declared.quantity)  # content_faults has refused what does not fit
    if micro == 0:
        found.faults.append(
            Fault("/cl:declaration/quantity", "the quantity is zero.", "State what is declared.")
        )
    line = Line(unit.unit, material.material or ZERO32, Balance.NONE, micro, declared.purpose)
    found.pairs.append((line, LineName(unit, unit.uri, material, declared.uom, declared.quantity)))


def _norm_materials(reading: Reading, found: ReadLines) -> None:
    norm = reading.content.norm
    if norm is None:
        return
    enterprise = _enterprise(norm.enterprise or reading.ctx.poster, reading, "/cl:norm/enterprise", found)
    product = reading.namer.material(enterprise, {"code": norm.product, "uom": norm.product_uom})
    materials: list[NamedMaterial] = []
    seen: set[tuple[str, str]] = set()
    for i, row in enumerate(reading.event["cl:norm"]["lines"]):
        key = (row["material"], row["materialUom"])
        if key in seen:
            found.faults.append(
                Fault(
                    f"/cl:norm/lines/{i}/material",
                    f"{row['material']} stands twice in the norm.",
                    "Give one norm for it.",
                )
            )
        seen.add(key)
        materials.append(reading.namer.material(enterprise, {"code": key[0], "uom": key[1]}))
    found.other_materials += [product, *materials]
    if not norm.on_chain:
        return
    if "cl:book" not in reading.event:
        found.faults.append(
            Fault("/cl:book", "a norm with numbers is a norm of one book.", "Name a book of the directory.")
        )
    add_numbers(norm, product, materials, found)


def _enterprise(key: str, reading: Reading, place: str, found: ReadLines) -> str:
    try:
        return reading.ctx.directory.participant(key).id
    except NotFoundError as fault:
        found.faults.append(Fault.of(place, fault))
        return key
