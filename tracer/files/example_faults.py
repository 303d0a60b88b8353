"""One fault at a time, laid into the example book: what was done, and what a check must then say.

Each fault names the finding it must set off, with its quantity, and the other rules that rightly fire with
it.
"""

from __future__ import annotations

from ledger.errors import NotFoundError
from tracer.files.example_more_faults import MORE
from tracer.files.spoil import Change, ExampleFault, add, edit, together

__all__ = ["FAULTS", "Change", "ExampleFault", "add", "edit", "fault", "together"]

FAULTS: tuple[ExampleFault, ...] = (
    ExampleFault(
        "padded-norm",
        "The norm of fabric per jacket is declared 12 % too high.",
        edit("norms", {"product": "JKT-01", "material": "FAB-PES"}, norm="2.688"),
        "N1",
        "FAB-PES",
        "-345.6",
        companions=frozenset({"N6", "N2", "B6"}),
    ),
    ExampleFault(
        "short-stock",
        "Forty metres of lining are not on the shelf.",
        edit("counts", {"lot": "LIN-01"}, quantity="200"),
        "B2",
        "LIN-PES",
        "-40",
        companions=frozenset({"B6"}),
    ),
    ExampleFault(
        "phantom-export",
        "More jackets are declared and loaded than were ever made.",
        together(
            add(
                "declarations",
                declaration="305000000003",
                line="1",
                direction="export",
                regime="E62",
                registered_at="2026-12-21T09:00",
                cleared_at="2026-12-21T11:00",
                code="JKT-01",
                description="Men's jacket",
                hs="62014090",
                origin="VN",
                quantity="200",
                uom="C62",
                value="96000000",
                currency="VND",
                duty_rate="0",
                partner="Nordfjell Outdoor",
            ),
            add(
                "movements",
                id="L-6",
                at="2026-12-22",
                kind="EXPORT_LOAD",
                code="JKT-01",
                lot="JKT-02",
                quantity="200",
                uom="C62",
                declaration="305000000003",
                line="1",
                place="factory",
                document="PXK-05",
            ),
        ),
        "X1",
        "JKT-01",
        "60",
        companions=frozenset({"L1"}),
    ),
    ExampleFault(
        "double-use",
        "A lot of fabric that is almost used up is issued to production a second time.",
        add(
            "movements",
            id="I-11",
            at="2026-10-12",
            kind="ISSUE_PROD",
            code="FAB-PES",
            lot="FAB-01",
            quantity="1240",
            uom="MTR",
            product="JKT-01",
            place="factory",
            document="PXK-06",
        ),
        "L1",
        "dmg-garment/FAB-01",
        "790",
    ),
    ExampleFault(
        "undeclared-inland-sale",
        "Fifty jackets are sold inland without a new declaration.",
        together(
            add(
                "movements",
                id="S-3",
                at="2026-12-03",
                kind="SELL_INLAND",
                code="JKT-01",
                lot="JKT-02",
                quantity="50",
                uom="C62",
                place="factory",
                partner="Cho Dong Xuan",
                document="HD-230",
            ),
            edit("counts", {"lot": "JKT-02"}, quantity="50"),
        ),
        "D5",
        "dmg-garment/JKT-02",
        "50",
        companions=frozenset({"B2", "B6"}),
    ),
    ExampleFault(
        "missing-factor",
        "Norms are in square metres and stock in metres, and no factor between them is given.",
        edit("conversions", {"code": "FAB-PES", "to_uom": "MTK"}, drop="yes"),
        "N1",
        "FAB-PES",
        "",
        verdict="not_evaluable",
        companions=frozenset({"N5", "U2"}),
    ),
    ExampleFault(
        "lot-under-hold",
        "The container of fabric is under a hold of customs when the terminal lets it go.",
        add(
            "movements",
            id="G-4",
            at="2026-02-04T18:00",
            kind="HOLD",
            role="container",
            lot="BL-001/TGHU5005002",
            place="port",
            actor="customs",
            reason="scan shows another load",
        ),
        "C1",
        "BL-001/TGHU5005002",
        "1",
        companions=frozenset({"T1"}),
    ),
    ExampleFault(
        "never-left",
        "The second export was cleared and loaded, and never seen leaving.",
        edit("declarations", {"declaration": "305000000002"}, exit_confirmed_at=""),
        "X4",
        "305000000002/1",
        "-800",
    ),
    ExampleFault(
        "issued-before-receipt",
        "Lining is issued to production on a day before it came.",
        edit("movements", {"id": "I-3"}, at="2026-02-03"),
        "T4",
        "dmg-garment/LIN-01",
        "-72",
        companions=frozenset({"B1"}),
    ),
    ExampleFault(
        "loss-left-out",
        "The process loss of the second cutting is not written down.",
        edit("movements", {"id": "T-20"}, drop="yes"),
        "B5",
        "RUN-2",
        "-5.895",
    ),
    *MORE,
)


def fault(name: str) -> ExampleFault:
    """The fault of that name.

    Raises:
        NotFoundError: there is none.
    """
    for each in FAULTS:
        if each.name == name:
            return each
    raise NotFoundError(f"no fault {name!r} is known.", remedy=f"Known: {', '.join(f.name for f in FAULTS)}.")
