"""Faults of the example book for the rules after the first release."""

from __future__ import annotations

from tracer.files.example import Files
from tracer.files.spoil import ExampleFault, add, edit, together


def _wrong_container(files: Files) -> None:
    """The container is called by another number throughout."""
    for row in files["movements"]:
        row["lot"] = row.get("lot", "").replace("TGHU5005002", "TGHU5005006")


MORE: tuple[ExampleFault, ...] = (
    ExampleFault(
        "less-received-than-declared",
        "Six hundred metres of the second fabric declaration never reached the store.",
        together(
            edit("declarations", {"declaration": "106000000002", "line": "1"}, quantity="2600"),
        ),
        "B4",
        "FAB-PES",
        "-600",
    ),
    ExampleFault(
        "adjusted-by-habit",
        "Twelve metres of lining are written off without a count.",
        together(
            add(
                "movements",
                id="A-1",
                at="2026-11-25",
                kind="ADJUST",
                role="material",
                code="LIN-PES",
                lot="LIN-01",
                quantity="-12",
                uom="MTR",
                place="factory",
                reason="recount",
            ),
            edit("counts", {"lot": "LIN-01"}, quantity="228"),
        ),
        "B8",
        "LIN-PES",
        "-12",
    ),
    ExampleFault(
        "stolen",
        "Two metres of lining are written off as stolen, after a count.",
        together(
            add(
                "movements",
                id="A-2",
                at="2026-11-25",
                kind="ADJUST",
                role="material",
                code="LIN-PES",
                lot="LIN-01",
                quantity="-2",
                uom="MTR",
                place="factory",
                reason="stolen at night",
            ),
            add(
                "counts",
                at="2026-11-20",
                stock="material",
                code="LIN-PES",
                lot="LIN-01",
                quantity="240",
                uom="MTR",
                place="factory",
            ),
            edit("counts", {"lot": "LIN-01", "at": "2026-12-31"}, quantity="238"),
        ),
        "D9",
        "dmg-garment/LIN-01",
        "2",
    ),
    ExampleFault(
        "count-in-summer",
        "A count at an inspection in July found thirty metres of lining too few.",
        add(
            "counts",
            at="2026-07-31",
            stock="material",
            code="LIN-PES",
            lot="LIN-01",
            quantity="1170",
            uom="MTR",
            place="factory",
        ),
        "B9",
        "LIN-PES",
        "-30",
    ),
    ExampleFault(
        "too-few-machines",
        "One machine is said to have made all the jackets.",
        edit("capacity", {"product": "JKT-01"}, machines="1"),
        "X3",
        "JKT-01",
        "1200",
    ),
    ExampleFault(
        "shed",
        "Lining is issued from a place that customs was never told of.",
        edit("movements", {"id": "I-3"}, place="shed"),
        "C4",
        "dmg-garment/LIN-01",
        "1",
    ),
    ExampleFault(
        "no-such-container",
        "The number of the container has a wrong check digit.",
        _wrong_container,
        "C9",
        "BL-001/TGHU5005006",
        "",
    ),
    ExampleFault(
        "sold-too-cheap",
        "The second export is declared at a price below its material.",
        edit("declarations", {"declaration": "305000000002"}, value="60000000"),
        "O4",
        "305000000002/1",
        "",
    ),
    ExampleFault(
        "factor-changes",
        "From July on a metre of fabric is said to be 1.6 square metres.",
        add(
            "conversions",
            code="FAB-PES",
            from_uom="MTR",
            to_uom="MTK",
            factor="1.6",
            valid_from="2026-07-01",
        ),
        "U5",
        "FAB-PES",
        "0.1",
    ),
    ExampleFault(
        "back-again",
        "As many jackets come in a month later as went out.",
        add(
            "declarations",
            declaration="106000000009",
            line="1",
            direction="import",
            regime="E31",
            registered_at="2026-10-15T09:00",
            code="JKT-IN",
            description="Men's jacket",
            hs="62014090",
            origin="CN",
            quantity="800",
            uom="C62",
            value="384000000",
            currency="VND",
            duty_rate="20",
            partner="Nordfjell Outdoor",
        ),
        "X6",
        "106000000009/1",
        "800",
    ),
)
