"""How products leave: declared, stuffed, trucked to the terminal, past the gate, on board, gone."""

# ruff: noqa: PLR0917 - rows of a story read best as rows
from __future__ import annotations

from journey.custody import (
    about,
    accept,
    arrive,
    close,
    eligible,
    gate_out,
    offer,
    seal_event,
    seal_of,
    truck_leg,
    weigh,
)
from journey.documents import Event, Story, drawn_from, lot, make, quantity
from journey.papers import BOOK, HOME, channel, clear, declare, document_check, duty_paid
from journey.world import (
    A42_1,
    A42_2,
    AT_PORT_OFFICE,
    AT_TERMINAL,
    CUSTOMS_INLAND,
    CUSTOMS_PORT,
    E52_1,
    E62_1,
    E62_2,
    GARMENT,
    GOODS,
    LINE,
    SPORTS,
    TERMINAL,
    TRUCK,
    X1,
    X2,
    X3,
    X4,
)

Cargo = tuple[str, str, str, int]
"""Lot, code, quantity, export line."""


def load(owner: str, at: str, declaration: str, cargo: Cargo) -> Event:
    """Finished goods are loaded for an export line: the product stock falls here."""
    name, code, amount, line = cargo
    urn = lot(owner, name)
    return make(
        "EXPORT_LOAD",
        f"load-{name}",
        at,
        HOME[owner],
        bizStep="loading",
        quantityList=[quantity(urn, amount, GOODS[code].uom)],
        cl_book=BOOK[owner],
        bizTransactionList=drawn_from(declaration, line),
        cl_lines=[{"id": urn, "balance": "FINISHED"}],
    )


def exit_(owner: str, at: str, declaration: str, cargo: Cargo) -> Event:
    """Customs confirms that the goods of an export line have left the country: exemption counts from here."""
    name, code, amount, line = cargo
    urn = lot(owner, name)
    return make(
        "EXIT_CONFIRM",
        f"exit-{name}",
        at,
        AT_PORT_OFFICE,
        bizStep="departing",
        quantityList=[quantity(urn, amount, GOODS[code].uom)],
        bizTransactionList=drawn_from(declaration, line),
        cl_lines=[{"id": urn, "balance": "LOADED"}],
    )


def stuff(
    story: Story,
    owner: str,
    declaration: str,
    container: str,
    day: str,
    hour: int,
    tag: str,
    cargo: list[Cargo],
) -> None:
    """An empty container comes to the factory, is loaded and sealed."""
    here = HOME[owner]
    story.post(
        TRUCK,
        f"bring-{tag}",
        arrive(f"bring-{container}", f"{day} {hour:02d}:00", here, container, empty=True),
        offer(f"offer-empty-{tag}", f"{day} {hour:02d}:05", here, TRUCK, owner, container),
    )
    story.post(
        owner,
        f"take-empty-{tag}",
        accept(
            f"accept-empty-{tag}",
            f"{day} {hour:02d}:10",
            here,
            TRUCK,
            owner,
            f"offer-empty-{tag}",
            container,
            into=True,
        ),
    )
    story.post(
        owner,
        f"load-{tag}",
        *[load(owner, f"{day} {hour + 2:02d}:{10 * i:02d}", declaration, c) for i, c in enumerate(cargo)],
    )
    listed = [(lot(owner, n), q, GOODS[c].uom) for n, c, q, _ in cargo]
    story.post(
        owner,
        f"seal-{tag}",
        seal_event(
            "SEAL_APPLY",
            f"seal-{container}",
            f"{day} {hour + 2:02d}:45",
            here,
            container,
            seal_of(container),
            "stuffed and sealed",
            listed,
        ),
    )


def leave(
    story: Story, declaration: str, lines: list[int], containers: tuple[str, ...], tag: str, day: str
) -> None:
    """Customs says the containers may pass; they go on board; the carrier takes them over."""
    story.post(
        CUSTOMS_PORT,
        f"eligible-{tag}",
        eligible(
            f"eligible-{tag}",
            f"{day} 08:10",
            AT_TERMINAL,
            *containers,
            lines=[(declaration, n) for n in lines],
        ),
    )
    story.post(
        TERMINAL,
        f"on-board-{tag}",
        *[
            gate_out(f"gate-out-{c}", f"{day} 11:{10 + 5 * i}", AT_TERMINAL, c)
            for i, c in enumerate(containers)
        ],
        offer(f"offer-{tag}-on-board", f"{day} 11:20", AT_TERMINAL, TERMINAL, LINE, *containers),
    )
    story.post(
        LINE,
        f"take-on-board-{tag}",
        accept(
            f"accept-{tag}-on-board",
            f"{day} 11:40",
            AT_TERMINAL,
            TERMINAL,
            LINE,
            f"offer-{tag}-on-board",
            *containers,
            into=False,
        ),
    )
    story.post(
        LINE,
        f"sailed-{tag}",
        make(
            "OBSERVE",
            f"sailed-{tag}",
            f"{day} 15:30",
            AT_TERMINAL,
            bizStep="departing",
            disposition="in_transit",
            **about(*containers),
            cl_step="LEFT",
        ),
        close(f"close-{tag}", f"{day} 15:35", AT_TERMINAL, *containers),
    )


def export_1(story: Story) -> None:
    """Jackets and pouches to Oslo."""
    declare(story, E62_1)
    story.post(
        CUSTOMS_INLAND, "channel-x1", channel(E62_1, "2025-04-07 08:45", CUSTOMS_INLAND, "GREEN", "risk")
    )
    clear(story, E62_1, CUSTOMS_INLAND)
    cargo: list[Cargo] = [("JKT-2503-E", "JKT-M-01", "5500", 1), ("PCH-2503", "PCH-01", "1500", 2)]
    stuff(story, GARMENT, E62_1, X1, "2025-04-08", 7, "x1", cargo)
    truck_leg(
        story,
        TRUCK,
        GARMENT,
        TERMINAL,
        "x1-port",
        (X1,),
        loaded="2025-04-08 10:00",
        taken="2025-04-08 10:10",
        arrived="2025-04-08 13:30",
        received="2025-04-08 13:50",
        start=HOME[GARMENT],
        end=AT_TERMINAL,
    )
    story.post(TERMINAL, "weigh-x1", weigh(f"weigh-{X1}", "2025-04-08 14:00", AT_TERMINAL, X1))
    leave(story, E62_1, [1, 2], (X1,), "x1", "2025-04-11")
    story.post(CUSTOMS_PORT, "exit-1", *[exit_(GARMENT, "2025-04-11 18:00", E62_1, c) for c in cargo])


def export_2(story: Story) -> None:
    """Trousers and jackets to Oslo, in two containers."""
    declare(story, E62_2)
    story.post(
        CUSTOMS_INLAND,
        "channel-x2",
        channel(E62_2, "2025-10-06 08:40", CUSTOMS_INLAND, "YELLOW", "random"),
        document_check(E62_2, "2025-10-06 10:20", CUSTOMS_INLAND),
    )
    clear(story, E62_2, CUSTOMS_INLAND)
    first: list[Cargo] = [("TRS-2507-E1", "TRS-M-03", "5000", 1), ("JKT-2510-E", "JKT-M-01", "2800", 3)]
    second: list[Cargo] = [("TRS-2507-E2", "TRS-M-03", "2600", 2)]
    stuff(story, GARMENT, E62_2, X2, "2025-10-07", 7, "x2", first)
    stuff(story, GARMENT, E62_2, X3, "2025-10-07", 10, "x3", second)
    for tag, container in (("x2", X2), ("x3", X3)):
        start = "2025-10-08 07:00" if tag == "x2" else "2025-10-08 08:00"
        hour = int(start[11:13])
        truck_leg(
            story,
            TRUCK,
            GARMENT,
            TERMINAL,
            f"{tag}-port",
            (container,),
            loaded=start,
            taken=f"2025-10-08 {hour:02d}:10",
            arrived=f"2025-10-08 {hour + 3:02d}:20",
            received=f"2025-10-08 {hour + 3:02d}:40",
            start=HOME[GARMENT],
            end=AT_TERMINAL,
        )
    leave(story, E62_2, [1, 3], (X2,), "x2", "2025-10-11")
    leave(story, E62_2, [2], (X3,), "x3", "2025-10-11")
    story.post(CUSTOMS_PORT, "exit-2", *[exit_(GARMENT, "2025-10-11 16:40", E62_2, c) for c in first])
    story.post(CUSTOMS_PORT, "exit-3", *[exit_(GARMENT, "2025-10-11 16:40", E62_2, c) for c in second])


def export_sports(story: Story) -> None:
    """T-shirts of the second enterprise to Osaka."""
    declare(story, E52_1)
    story.post(
        CUSTOMS_INLAND, "channel-x4", channel(E52_1, "2025-04-21 09:20", CUSTOMS_INLAND, "GREEN", "risk")
    )
    clear(story, E52_1, CUSTOMS_INLAND)
    cargo: list[Cargo] = [("TEE-2503", "TEE-01", "4800", 1)]
    stuff(story, SPORTS, E52_1, X4, "2025-04-22", 8, "x4", cargo)
    truck_leg(
        story,
        TRUCK,
        SPORTS,
        TERMINAL,
        "x4-port",
        (X4,),
        loaded="2025-04-22 11:10",
        taken="2025-04-22 11:20",
        arrived="2025-04-22 13:40",
        received="2025-04-22 14:00",
        start=HOME[SPORTS],
        end=AT_TERMINAL,
    )
    leave(story, E52_1, [1], (X4,), "x4", "2025-04-25")
    story.post(CUSTOMS_PORT, "exit-4", *[exit_(SPORTS, "2025-04-25 17:10", E52_1, c) for c in cargo])


def changes_of_purpose(story: Story) -> None:
    """The declarations that allow 400 m of fabric and 150 jackets to stay in the country, duty paid."""
    declare(story, A42_1)
    story.post(
        CUSTOMS_INLAND, "duty-a42-1", duty_paid(A42_1, 1, "2025-05-26 09:30", CUSTOMS_INLAND, "1767840")
    )
    clear(story, A42_1, CUSTOMS_INLAND)
    declare(story, A42_2)
    story.post(
        CUSTOMS_INLAND, "duty-a42-2", duty_paid(A42_2, 1, "2025-11-18 10:00", CUSTOMS_INLAND, "12954000")
    )
    clear(story, A42_2, CUSTOMS_INLAND)
