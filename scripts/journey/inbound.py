"""How containers of material come in: discharge, yard, CFS, customs, the gate, the road to the factory."""

# ruff: noqa: PLR0917 - rows of a story read best as rows
from __future__ import annotations

from typing import Any

from journey.custody import (
    about,
    accept,
    close,
    customs_seal,
    discharge,
    eligible,
    gate_out,
    offer,
    seal_event,
    seal_of,
    truck_leg,
    weigh,
)
from journey.documents import Story, box, drawn_from, event_id, lot, make, parties, quantity
from journey.papers import anchor, channel, clear, declare, document_check
from journey.world import (
    A1,
    A2,
    A3,
    AT_CFS,
    AT_GARMENT,
    AT_SPORTS,
    AT_TERMINAL,
    AT_YARD,
    B1,
    BOOK_GARMENT,
    BOOK_SPORTS,
    C1,
    CFS,
    CUSTOMS_INLAND,
    CUSTOMS_PORT,
    E21_C,
    E31_A,
    E31_B,
    GARMENT,
    GOODS,
    LINE,
    SPORTS,
    TERMINAL,
    TRUCK,
    YARD,
    uri,
)


def receive(
    label: str,
    at: str,
    owner: str,
    name: str,
    code: str,
    amount: str,
    container: str,
    declaration: str,
    line: int,
) -> dict[str, Any]:
    """Material arrives in the factory: a new raw lot, drawn from its import line, out of a container."""
    urn = lot(owner, name)
    book, place = (BOOK_GARMENT, AT_GARMENT) if owner == GARMENT else (BOOK_SPORTS, AT_SPORTS)
    goods = GOODS[code]
    return make(
        "RECEIVE_FACTORY",
        label,
        at,
        place,
        action="ADD",
        bizStep="receiving",
        disposition="in_progress",
        **about(container),
        quantityList=[quantity(urn, amount, goods.uom)],
        bizLocation=place,
        bizTransactionList=drawn_from(declaration, line),
        cl_book=book,
        cl_lines=[
            {"id": urn, "role": "OUTPUT", "balance": "RAW", "material": goods.as_material()},
            {"id": box(container), "role": "CONTAINER"},
        ],
    )


def shipment_a(story: Story) -> None:
    """Three containers of fabric, lining, wadding and zips: terminal, yard, CFS warehouse, factory."""
    story.post(
        LINE,
        "manifest-a",
        anchor(
            "MANIFEST",
            "manifest-0217N",
            "2025-02-08 16:00",
            AT_TERMINAL,
            "MANIFEST",
            "RED-DELTA-STAR-0217N",
            LINE,
        ),
    )
    declare(story, E31_A)
    story.post(
        CUSTOMS_INLAND, "channel-a", channel(E31_A, "2025-02-10 08:55", CUSTOMS_INLAND, "YELLOW", "risk")
    )
    boxes = (A1, A2, A3)
    discharge(
        story,
        TERMINAL,
        AT_TERMINAL,
        boxes,
        tag="a",
        offered="2025-02-12 07:20",
        taken="2025-02-12 07:45",
        at=["2025-02-12 06:30", "2025-02-12 06:42", "2025-02-12 06:51"],
        weighed="2025-02-12 08:30",
    )
    correct_weight(story)
    move_to_yard(story)
    story.post(CUSTOMS_INLAND, "documents-a", document_check(E31_A, "2025-02-17 15:00", CUSTOMS_INLAND))
    truck_leg(
        story,
        TRUCK,
        YARD,
        CFS,
        "a-cfs",
        boxes,
        loaded="2025-02-17 08:00",
        taken="2025-02-17 08:20",
        arrived="2025-02-17 10:05",
        received="2025-02-17 10:30",
        start=AT_YARD,
        end=AT_CFS,
    )
    clear(story, E31_A, CUSTOMS_INLAND)
    story.post(
        CUSTOMS_PORT,
        "eligible-a",
        eligible("eligible-a", "2025-02-18 16:00", AT_CFS, *boxes, lines=[(E31_A, n) for n in (1, 2, 3, 4)]),
    )
    story.post(
        CFS,
        "gate-out-a",
        *[gate_out(f"gate-out-{c}", f"2025-02-19 07:{10 + 6 * i}", AT_CFS, c) for i, c in enumerate(boxes)],
    )
    truck_leg(
        story,
        TRUCK,
        CFS,
        GARMENT,
        "a-factory",
        boxes,
        loaded="2025-02-19 07:24",
        taken="2025-02-19 07:30",
        arrived="2025-02-19 10:40",
        received="2025-02-19 11:10",
        start=AT_CFS,
        end=AT_GARMENT,
    )
    story.post(
        GARMENT,
        "open-a",
        *[
            seal_event(
                "SEAL_BREAK",
                f"open-{c}",
                f"2025-02-20 08:{10 * i:02d}",
                AT_GARMENT,
                c,
                seal_of(c),
                "opened to unload",
            )
            for i, c in enumerate(boxes)
        ],
    )
    story.post(
        GARMENT,
        "receive-a",
        receive(
            "receive-FAB-2502-1",
            "2025-02-20 10:00",
            GARMENT,
            "FAB-2502-1",
            "FAB-PES-150",
            "10000",
            A1,
            E31_A,
            1,
        ),
        receive(
            "receive-FAB-2502-2",
            "2025-02-20 11:00",
            GARMENT,
            "FAB-2502-2",
            "FAB-PES-150",
            "6000",
            A2,
            E31_A,
            1,
        ),
        receive(
            "receive-LIN-2502", "2025-02-20 11:30", GARMENT, "LIN-2502", "LIN-PES-110", "9000", A2, E31_A, 2
        ),
        receive(
            "receive-PAD-2502", "2025-02-20 14:00", GARMENT, "PAD-2502", "PAD-PES-100", "8000", A3, E31_A, 3
        ),
        receive(
            "receive-ZIP-2502", "2025-02-20 14:40", GARMENT, "ZIP-2502", "ZIP-NY-60", "30000", A3, E31_A, 4
        ),
    )
    story.post(GARMENT, "close-a", close("close-a", "2025-02-21 16:00", AT_GARMENT, *boxes))


def correct_weight(story: Story) -> None:
    """A reading of the weighbridge was keyed in wrongly, is corrected, and the right one is posted."""
    wrong = weigh("weigh-again-" + A2, "2025-02-12 08:50", AT_TERMINAL, A2, gross="9640")
    right = weigh("weigh-right-" + A2, "2025-02-12 08:50", AT_TERMINAL, A2)
    story.post(TERMINAL, "weigh-again-a2", wrong)
    voided = dict(story.find("weigh-again-a2").events[0])
    voided["errorDeclaration"] = {
        "declarationTime": "2025-02-12T09:30:00+07:00",
        "reason": "incorrect_data",
        "correctiveEventIDs": [event_id(TERMINAL, "2025-02-12", "weigh-right-" + A2)],
    }
    story.post(TERMINAL, "correct-weight-a2", voided, right)


def move_to_yard(story: Story) -> None:
    """The yard takes two containers, refuses the third (no slot left) and takes it in the afternoon."""
    day = "2025-02-13"
    story.post(
        TERMINAL,
        "hand-a-to-truck",
        offer("offer-a-to-truck", f"{day} 08:00", AT_TERMINAL, TERMINAL, TRUCK, A1, A2, A3),
    )
    story.post(
        TRUCK,
        "take-a",
        accept(
            "accept-a",
            f"{day} 08:25",
            AT_TERMINAL,
            TERMINAL,
            TRUCK,
            "offer-a-to-truck",
            A1,
            A2,
            A3,
            into=False,
        ),
    )
    story.post(
        TRUCK, "deliver-a-yard", offer("offer-a-yard", f"{day} 09:40", AT_YARD, TRUCK, YARD, A1, A2, A3)
    )
    story.post(
        YARD,
        "take-in-a-yard",
        *[
            accept(
                f"accept-{c}",
                f"{day} 10:05",
                AT_YARD,
                TRUCK,
                YARD,
                "offer-a-yard",
                c,
                into=True,
                seals=seal_of(c),
            )
            for c in (A1, A2)
        ],
    )
    story.post(
        YARD,
        "refuse-a3",
        make(
            "REFUSE",
            "refuse-a3",
            f"{day} 10:15",
            AT_YARD,
            **about(A3),
            **parties(uri(TRUCK), uri(YARD)),
            cl_reference=event_id(TRUCK, day, "offer-a-yard"),
            cl_reason="no free slot before the afternoon",
        ),
    )
    story.post(TRUCK, "deliver-a3-yard", offer("offer-a3-yard", f"{day} 14:10", AT_YARD, TRUCK, YARD, A3))
    story.post(
        YARD,
        "take-in-a3-yard",
        accept(
            f"accept-{A3}",
            f"{day} 14:30",
            AT_YARD,
            TRUCK,
            YARD,
            "offer-a3-yard",
            A3,
            into=True,
            seals=seal_of(A3),
        ),
    )


def shipment_b(story: Story) -> None:
    """One container in the red channel: held, opened and sealed anew by customs, straight to the factory."""
    declare(story, E31_B)
    story.post(
        CUSTOMS_INLAND, "channel-b", channel(E31_B, "2025-05-12 09:20", CUSTOMS_INLAND, "RED", "random")
    )
    discharge(
        story,
        TERMINAL,
        AT_TERMINAL,
        (B1,),
        tag="b",
        offered="2025-05-14 05:20",
        taken="2025-05-14 05:40",
        at=["2025-05-14 04:50"],
        weighed="2025-05-14 06:15",
    )
    story.post(
        CUSTOMS_PORT,
        "hold-b1",
        make(
            "HOLD",
            "hold-b1",
            "2025-05-14 08:00",
            AT_TERMINAL,
            bizStep="holding",
            **about(B1),
            cl_reason="selected for physical inspection (red channel)",
        ),
    )
    story.post(
        CUSTOMS_PORT,
        "inspect-b1",
        seal_event(
            "SEAL_BREAK", "break-b1", "2025-05-15 09:00", AT_TERMINAL, B1, seal_of(B1), "physical inspection"
        ),
        make(
            "OBSERVE",
            "inspect-b1",
            "2025-05-15 10:40",
            AT_TERMINAL,
            bizStep="inspecting",
            **about(B1),
            disposition="conformant",
            cl_step="INSPECT",
            cl_reason="goods agree with the declaration",
        ),
        seal_event(
            "SEAL_APPLY", "seal-b1", "2025-05-15 10:55", AT_TERMINAL, B1, customs_seal(), "sealed by customs"
        ),
    )
    story.post(
        CUSTOMS_PORT,
        "unhold-b1",
        make(
            "UNHOLD",
            "unhold-b1",
            "2025-05-16 14:00",
            AT_TERMINAL,
            **about(B1),
            cl_reason="inspection ended without remark",
        ),
    )
    clear(story, E31_B, CUSTOMS_INLAND)
    story.post(
        CUSTOMS_PORT,
        "eligible-b",
        eligible("eligible-b", "2025-05-16 16:50", AT_TERMINAL, B1, lines=[(E31_B, n) for n in (1, 2, 3)]),
    )
    story.post(
        TERMINAL,
        "gate-out-b",
        gate_out(f"gate-out-{B1}", "2025-05-17 07:05", AT_TERMINAL, B1, customs_seal()),
    )
    truck_leg(
        story,
        TRUCK,
        TERMINAL,
        GARMENT,
        "b-factory",
        (B1,),
        loaded="2025-05-17 07:08",
        taken="2025-05-17 07:12",
        arrived="2025-05-17 10:20",
        received="2025-05-17 10:45",
        start=AT_TERMINAL,
        end=AT_GARMENT,
        seals=lambda _: customs_seal(),
    )
    story.post(
        GARMENT,
        "open-b",
        seal_event(
            "SEAL_BREAK", f"open-{B1}", "2025-05-19 08:00", AT_GARMENT, B1, customs_seal(), "opened to unload"
        ),
    )
    story.post(
        GARMENT,
        "receive-b",
        receive(
            "receive-FAB-2505", "2025-05-19 10:00", GARMENT, "FAB-2505", "FAB-PES-150", "8000", B1, E31_B, 1
        ),
        receive(
            "receive-LIN-2505", "2025-05-19 11:00", GARMENT, "LIN-2505", "LIN-PES-110", "4000", B1, E31_B, 2
        ),
        receive(
            "receive-ZIP-2505", "2025-05-19 11:20", GARMENT, "ZIP-2505", "ZIP-NY-60", "6000", B1, E31_B, 3
        ),
    )
    story.post(GARMENT, "close-b", close("close-b", "2025-05-20 16:00", AT_GARMENT, B1))


def shipment_c(story: Story) -> None:
    """One container of knitted fabric for the second enterprise."""
    declare(story, E21_C)
    story.post(
        CUSTOMS_INLAND, "channel-c", channel(E21_C, "2025-03-04 10:30", CUSTOMS_INLAND, "GREEN", "risk")
    )
    discharge(
        story,
        TERMINAL,
        AT_TERMINAL,
        (C1,),
        tag="c",
        offered="2025-03-05 13:20",
        taken="2025-03-05 13:40",
        at=["2025-03-05 13:00"],
        weighed="2025-03-05 14:10",
    )
    clear(story, E21_C, CUSTOMS_INLAND)
    story.post(
        CUSTOMS_PORT,
        "eligible-c",
        eligible("eligible-c", "2025-03-06 14:30", AT_TERMINAL, C1, lines=[(E21_C, 1)]),
    )
    story.post(TERMINAL, "gate-out-c", gate_out(f"gate-out-{C1}", "2025-03-07 06:40", AT_TERMINAL, C1))
    truck_leg(
        story,
        TRUCK,
        TERMINAL,
        SPORTS,
        "c-factory",
        (C1,),
        loaded="2025-03-07 06:44",
        taken="2025-03-07 06:50",
        arrived="2025-03-07 09:00",
        received="2025-03-07 09:20",
        start=AT_TERMINAL,
        end=AT_SPORTS,
    )
    story.post(
        SPORTS,
        "open-c",
        seal_event(
            "SEAL_BREAK", f"open-{C1}", "2025-03-07 13:00", AT_SPORTS, C1, seal_of(C1), "opened to unload"
        ),
    )
    story.post(
        SPORTS,
        "receive-c",
        receive(
            "receive-KNT-2503", "2025-03-07 14:00", SPORTS, "KNT-2503", "FAB-KNT-180", "6000", C1, E21_C, 1
        ),
    )
    story.post(SPORTS, "close-c", close("close-c", "2025-03-08 09:00", AT_SPORTS, C1))
