"""Events about lots: quantities of one balance, new lots, production, splitting, handing over."""

# ruff: noqa: PLR0917 - rows of a story read best as rows
from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from journey.documents import Event, Story, event_id, lot, make, parties, quantity
from journey.papers import BOOK, HOME
from journey.world import AT_GARMENT, GARMENT, GOODS, NORMS, uri

Amounts = Mapping[str, tuple[str, str]]
"""Lot name -> (code, quantity)."""


def amounts(owner: str, rows: Amounts, balance: str) -> dict[str, Any]:
    """`quantityList` and `cl:lines` for quantities of one balance."""
    urns = {name: lot(owner, name) for name in rows}
    return {
        "quantityList": [quantity(urns[n], amount, GOODS[code].uom) for n, (code, amount) in rows.items()],
        "cl_lines": [{"id": urns[n], "balance": balance} for n in rows],
    }


def move(kind: str, label: str, at: str, owner: str, rows: Amounts, balance: str, **fields: Any) -> Event:
    """An event of the owner about quantities of lots in one balance (issue, return, sale ...)."""
    return make(kind, label, at, HOME[owner], cl_book=BOOK[owner], **amounts(owner, rows, balance), **fields)


def new_lots(owner: str, rows: Sequence[tuple[str, str, str, str, str]]) -> dict[str, Any]:
    """Lots that an event makes: (lot, code, quantity, balance, role)."""
    return {
        "quantityList": [quantity(lot(owner, n), amount, GOODS[code].uom) for n, code, amount, _, _ in rows],
        "cl_lines": [
            {"id": lot(owner, n), "role": role, "balance": balance, "material": GOODS[code].as_material()}
            for n, code, _, balance, role in rows
        ],
    }


def transform(
    label: str,
    at: str,
    owner: str,
    inputs: Amounts,
    outputs: Sequence[tuple[str, str, str, str]],
    lost: Mapping[str, str],
    norm_event: str,
    order: str,
) -> Event:
    """Cut and sew: work in progress becomes products, co-products, scrap; what is lost is stated.

    Args:
        inputs: lot -> (code, quantity consumed).
        outputs: (lot, code, quantity, role).
        lost: code -> quantity lost.
        norm_event: id of the event that states the norm.
        order: production order number.
    """
    in_lots = {n: lot(owner, n) for n in inputs}
    lines: list[dict[str, Any]] = [{"id": u, "role": "INPUT", "balance": "WIP"} for u in in_lots.values()]
    lines += [
        {"id": lot(owner, n), "role": role, "material": GOODS[code].as_material()}
        for n, code, _, role in outputs
    ]
    return make(
        "TRANSFORM",
        label,
        at,
        HOME[owner],
        type_="TransformationEvent",
        bizStep="commissioning",
        inputQuantityList=[
            quantity(in_lots[n], amount, GOODS[code].uom) for n, (code, amount) in inputs.items()
        ],
        outputQuantityList=[
            quantity(lot(owner, n), amount, GOODS[code].uom) for n, code, amount, _ in outputs
        ],
        bizTransactionList=[
            {"type": "prodorder", "bizTransaction": f"https://{owner}.example/orders/{order}"}
        ],
        cl_book=BOOK[owner],
        cl_normEvent=norm_event,
        cl_lines=lines,
        cl_loss=[{"code": c, "quantity": q, "uom": GOODS[c].uom} for c, q in lost.items()],
    )


def needed(code: str, outputs: Mapping[str, str]) -> Decimal:
    """Material that the norms ask for an output: product -> quantity."""
    return sum(
        (
            Decimal(row.norm) * Decimal(outputs[row.product])
            for row in NORMS
            if row.material == code and row.product in outputs
        ),
        Decimal(0),
    )


def check_consumption(
    inputs: Amounts, outputs: Sequence[tuple[str, str, str, str]], lost: Mapping[str, str]
) -> None:
    """The story is clean by arithmetic: consumption equals the norms, scrap and loss equal their share.

    Raises:
        ValueError: a figure of the story does not follow from the norms.
    """
    made = {code: amount for _, code, amount, role in outputs if role in ("PRODUCT", "CO_PRODUCT")}
    for code in {c for c, _ in inputs.values()}:
        used = sum((Decimal(a) for c, a in inputs.values() if c == code), Decimal(0))
        wasted = sum((Decimal(a) for _, c, a, role in outputs if c == code and role == "SCRAP"), Decimal(0))
        wasted += Decimal(lost.get(code, "0"))
        allowed = sum(
            (
                Decimal(row.norm) * Decimal(row.loss_rate) * Decimal(made[row.product])
                for row in NORMS
                if row.material == code and row.product in made
            ),
            Decimal(0),
        )
        if used != needed(code, made) or wasted != allowed:
            raise ValueError(
                f"{code}: used {used}, norm {needed(code, made)}; wasted {wasted}, norm {allowed}"
            )


def produce(
    story: Story,
    owner: str,
    tag: str,
    at: str,
    inputs: Amounts,
    outputs: Sequence[tuple[str, str, str, str]],
    lost: Mapping[str, str],
    norm_event: str,
    order: str,
) -> None:
    """Post a TRANSFORM after checking its arithmetic."""
    check_consumption(inputs, outputs, lost)
    story.post(
        owner,
        f"transform-{tag}",
        transform(f"transform-{tag}", at, owner, inputs, outputs, lost, norm_event, order),
    )


def norm_id(product: str, owner: str = GARMENT, day: str = "2025-01-06") -> str:
    """Id of the event that states the norm of a product."""
    return event_id(owner, day, f"norm-{product}")


def regroup(
    kind: str,
    label: str,
    at: str,
    inputs: Sequence[str],
    outputs: Sequence[tuple[str, str]],
    code: str,
    balance: str,
) -> Event:
    """SPLIT or MERGE of the garment maker's lots.

    Args:
        inputs: lots taken from.
        outputs: (lot, quantity) made.
    """
    uom = GOODS[code].uom
    lines = [{"id": lot(GARMENT, n), "role": "INPUT"} for n in inputs]
    stated = {"balance": balance} if kind == "SPLIT" else {}  # a MERGE takes over every balance
    lines += [{"id": lot(GARMENT, n), "role": "OUTPUT", **stated} for n, _ in outputs]
    listed: list[dict[str, Any]] = [{"epcClass": lot(GARMENT, n)} for n in inputs]
    listed += [quantity(lot(GARMENT, n), amount, uom) for n, amount in outputs]
    return make(kind, label, at, AT_GARMENT, bizStep="repackaging", quantityList=listed, cl_lines=lines)


def hand_lot(at: str, place: str, giver: str, taker: str, name: str, code: str, amount: str) -> Event:
    """The custodian of a raw lot of the garment maker offers it whole."""
    return make(
        "OFFER",
        f"offer-{name}",
        at,
        place,
        bizStep="staging_outbound",
        **amounts(GARMENT, {name: (code, amount)}, "RAW"),
        **parties(uri(giver), uri(taker)),
    )


def take_lot(
    at: str, place: str, giver: str, taker: str, name: str, code: str, found: str, reason: str = ""
) -> Event:
    """The offeree takes the lot over with the quantity it found."""
    return make(
        "ACCEPT",
        f"accept-{name}",
        at,
        place,
        bizStep="accepting",
        bizLocation=place,
        **amounts(GARMENT, {name: (code, found)}, "RAW"),
        **parties(uri(giver), uri(taker)),
        cl_reference=event_id(giver, at[:10], f"offer-{name}"),
        cl_reason=reason,
    )
