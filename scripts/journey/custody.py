"""Events about containers and lots that change hands: arrival, handover, seals, weights, the gate."""

# ruff: noqa: PLR0917 - rows of a story read best as rows
from __future__ import annotations

from typing import Any

from journey.documents import BTT_LINE, Event, box, event_id, line_urn, make, parties, quantity
from journey.world import CONSIGNMENT, CUSTOMS_SEAL_B, GROSS_KG, LINE, SEALS, TARE_KG, uri


def seal(number: str, source: str = "CAR") -> list[dict[str, str]]:
    """`cl:seals` with one bolt seal; source CAR = carrier, CUS = customs (DCSA codes)."""
    return [{"number": number, "type": "BLT", "source": source}]


def seal_of(container: str) -> list[dict[str, str]]:
    """The carrier's seal of a container."""
    return seal(SEALS[container])


def customs_seal() -> list[dict[str, str]]:
    """The seal that customs put on container B1 after opening it."""
    return seal(CUSTOMS_SEAL_B, "CUS")


def about(*containers: str) -> dict[str, Any]:
    """The fields that name containers of one consignment."""
    consignments = {CONSIGNMENT[c] for c in containers}
    if len(consignments) != 1:
        raise ValueError("containers of one event belong to one consignment here")
    return {"epcList": [box(c) for c in containers], "cl_consignment": consignments.pop()}


def arrive(label: str, at: str, place: str, container: str, *, empty: bool = False) -> Event:
    """A container comes under custody of the poster at a place."""
    lines = [{"id": box(container), "role": "EMPTY_CONTAINER" if empty else "CONTAINER"}]
    return make(
        "ARRIVE",
        label,
        at,
        place,
        bizStep="arriving" if empty else "unloading",
        disposition="in_progress",
        **about(container),
        bizLocation=place,
        cl_step=None if empty else "DISCHARGE",
        cl_lines=lines,
        cl_seals=None if empty else seal_of(container),
    )


def offer(label: str, at: str, place: str, giver: str, taker: str, *containers: str) -> Event:
    """The custodian offers containers to one party."""
    return make(
        "OFFER",
        label,
        at,
        place,
        bizStep="staging_outbound",
        disposition="in_progress",
        **about(*containers),
        **parties(uri(giver), uri(taker)),
    )


def accept(
    label: str,
    at: str,
    place: str,
    giver: str,
    taker: str,
    offered: str,
    *containers: str,
    into: bool,
    seals: list[dict[str, str]] | None = None,
) -> Event:
    """The offeree takes containers over, into the place where it stands or (`into` false) onto its vehicle.

    Args:
        offered: label of the OFFER of the same day.
    """
    return make(
        "ACCEPT",
        label,
        at,
        place,
        bizStep="accepting",
        disposition="in_progress" if into else "in_transit",
        **about(*containers),
        bizLocation=place if into else None,
        **parties(uri(giver), uri(taker)),
        cl_reference=event_id(giver, at[:10], offered),
        cl_seals=seals,
    )


def weigh(label: str, at: str, place: str, container: str, gross: str | None = None) -> Event:
    """A weighbridge reading."""
    report = [{"type": "Mass", "value": int(gross or GROSS_KG[container]), "uom": "KGM"}]
    return make(
        "OBSERVE",
        label,
        at,
        place,
        bizStep="inspecting",
        **about(container),
        cl_step="WEIGH",
        sensorElementList=[
            {"sensorMetadata": {"deviceID": f"{place}:weighbridge-1"}, "sensorReport": report}
        ],
        cl_tareKg=TARE_KG,
    )


def seal_event(
    step: str,
    label: str,
    at: str,
    place: str,
    container: str,
    seals: list[dict[str, str]],
    reason: str,
    lots: list[tuple[str, str, str]] | None = None,
) -> Event:
    """A seal is broken or applied (`step` SEAL_BREAK or SEAL_APPLY).

    Args:
        lots: what was stuffed before sealing: (lot URN, quantity, unit).
    """
    return make(
        "OBSERVE",
        label,
        at,
        place,
        bizStep="inspecting" if step == "SEAL_BREAK" else "packing",
        disposition="container_open" if step == "SEAL_BREAK" else "container_closed",
        **about(container),
        quantityList=[quantity(*x) for x in lots or []],
        cl_step=step,
        cl_seals=seals,
        cl_reason=reason,
    )


def gate_out(
    label: str, at: str, place: str, container: str, seals: list[dict[str, str]] | None = None
) -> Event:
    """A container leaves customs supervision through the gate."""
    return make(
        "GATE_OUT",
        label,
        at,
        place,
        bizStep="departing",
        disposition="in_transit",
        **about(container),
        cl_seals=seals or seal_of(container),
    )


def eligible(label: str, at: str, place: str, *containers: str, lines: list[tuple[str, int]]) -> Event:
    """Customs: the containers may pass the supervision area (message 04), by these declaration lines."""
    cited = [{"type": BTT_LINE, "bizTransaction": line_urn(*x)} for x in lines]
    return make(
        "ELIGIBLE",
        label,
        at,
        place,
        **about(*containers),
        cl_supportedBy=[c["bizTransaction"] for c in cited],
    )


def close(label: str, at: str, place: str, *containers: str) -> Event:
    """The journey of the containers ends."""
    return make("CLOSE", label, at, place, **about(*containers), bizStep="decommissioning")


def truck_leg(
    story: Any,
    truck: str,
    giver: str,
    taker: str,
    tag: str,
    containers: tuple[str, ...],
    *,
    loaded: str,
    taken: str,
    arrived: str,
    received: str,
    start: str,
    end: str,
    seals: Any = seal_of,
) -> None:
    """A truck fetches containers at `start` and hands them over at `end`, each container with its seal.

    Args:
        tag: short name of the containers, used in labels.
        loaded, taken, arrived, received: times of offer and acceptance at both ends.
        seals: gives the seal list of a container.
    """
    out, in_ = f"offer-{tag}-to-truck", f"offer-{tag}-by-truck"
    story.post(giver, f"hand-{tag}-to-truck", offer(out, loaded, start, giver, truck, *containers))
    story.post(
        truck,
        f"take-{tag}",
        accept(f"accept-{tag}", taken, start, giver, truck, out, *containers, into=False),
    )
    story.post(truck, f"deliver-{tag}", offer(in_, arrived, end, truck, taker, *containers))
    story.post(
        taker,
        f"take-in-{tag}",
        *[
            accept(f"accept-{tag}-{c[-4:]}", received, end, truck, taker, in_, c, into=True, seals=seals(c))
            for c in containers
        ],
    )


def discharge(
    story: Any,
    terminal: str,
    place: str,
    containers: tuple[str, ...],
    *,
    tag: str,
    at: list[str],
    offered: str,
    taken: str,
    weighed: str,
) -> None:
    """The carrier discharges containers and the terminal takes them over and weighs them."""
    story.post(
        LINE,
        f"discharge-{tag}",
        *[arrive(f"discharge-{c}", t, place, c) for c, t in zip(containers, at, strict=True)],
    )
    story.post(
        LINE, f"hand-{tag}-to-terminal", offer(f"offer-{tag}", offered, place, LINE, terminal, *containers)
    )
    story.post(
        terminal,
        f"take-over-{tag}",
        *[
            accept(
                f"accept-{c}", taken, place, LINE, terminal, f"offer-{tag}", c, into=True, seals=seal_of(c)
            )
            for c in containers
        ],
    )
    story.post(terminal, f"weigh-{tag}", *[weigh(f"weigh-{c}", weighed, place, c) for c in containers])
