"""Faults of containers, seals, scales, keys, ships and routes."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from book_maker.clerk import container
from book_maker.looking import BookFault, Look, Row, key_of, plain, table
from tracer.files.example_faults import ExampleFault, add, edit, together


def _boxes(look: Look) -> list[str]:
    """Containers that arrived and left, in order."""
    return [r["lot"] for r in look.rows("movements", kind="ARRIVE")]


def _seen(look: Look, box: str, number: int, **cells: str) -> Row:
    """An observation of a container at the terminal, some minutes after it arrived."""
    row = look.rows("movements", kind="ARRIVE", lot=box)[0]
    hour, minute = divmod(13 + 7 * number, 60)
    at = f"{row['at'][:10]}T{7 + hour:02d}:{minute:02d}"
    return {
        "id": f"SEEN-{number}-{box[-4:]}",
        "at": at,
        "kind": "OBSERVE",
        "role": "container",
        "lot": box,
        "place": "port",
        "actor": "terminal",
        **cells,
    }


def revoked_key(look: Look) -> ExampleFault:
    """C7."""
    row = look.rows("movements", kind="GATE_OUT")[-1]
    return ExampleFault(
        "revoked-key",
        "A gate-out is entered with a key that was revoked the month before.",
        together(
            edit("movements", {"id": row["id"]}, signer="K-7"),
            table(
                "signers",
                {
                    "signer": "K-7",
                    "actor": "terminal",
                    "valid_from": "2025-01-01",
                    "revoked": (date.fromisoformat(row["at"][:10]) - timedelta(30)).isoformat(),
                },
            ),
        ),
        "C7",
        row["id"],
        "1",
    )


def not_on_manifest(look: Look) -> ExampleFault | None:
    """C8."""
    first, *others = _boxes(look)
    if not others:
        return None
    return ExampleFault(
        "not-on-manifest",
        "A container was landed that stands on no manifest.",
        table("manifest", *({"unit": box, "voyage": "V-1"} for box in others)),
        "C8",
        first,
        "1",
    )


def never_landed(look: Look) -> ExampleFault:
    """C8."""
    listed = [{"unit": box, "voyage": "V-1"} for box in _boxes(look)]
    ghost = f"BL900001/{container(900_001)}"
    return ExampleFault(
        "never-landed",
        "A container stands on a manifest and was never landed.",
        table("manifest", *listed, {"unit": ghost, "voyage": "V-9", "due": "2026-06-01"}),
        "C8",
        ghost,
        "-1",
    )


def seal_of_nobody(look: Look) -> ExampleFault:
    """S4."""
    box = _boxes(look)[0]
    return ExampleFault(
        "seal-of-nobody",
        "A container arrives with a seal number that its carrier was never given.",
        together(
            edit("movements", {"kind": "ARRIVE", "lot": box}, seals="ML700001"),
            table(
                "seal_ranges",
                {"issuer": "carrier", "first": "ML500000", "last": "ML599999", "source": "carrier"},
            ),
        ),
        "S4",
        box,
        "1",
        companions=frozenset({"S5"}),
    )


def seal_opened(look: Look) -> ExampleFault:
    """S5."""
    row = look.rows("movements", kind="ARRIVE")[0]
    day = row["at"][:10]
    said = [
        {"seal": "E-100", "at": f"{day}T{7 + n:02d}:30", "status": s, "place": "port"}
        for n, s in enumerate(("closed", "closed", "opened", "closed"))
    ]
    return ExampleFault(
        "seal-opened",
        "An electronic seal reports that it was opened, and nobody broke it on record.",
        together(edit("movements", {"id": row["id"]}, seals="E-100"), table("seal_readings", *said)),
        "S5",
        row["lot"],
        "1",
        companions=frozenset({"S4"}),
    )


def seal_silent(look: Look) -> ExampleFault:
    """S5."""
    row = look.rows("movements", kind="ARRIVE")[0]
    day = row["at"][:10]
    said = [
        {"seal": "E-100", "at": f"{day}T{time}", "status": "closed"} for time in ("08:00", "09:00", "14:30")
    ]
    return ExampleFault(
        "seal-silent",
        "An electronic seal says nothing for five and a half hours.",
        together(edit("movements", {"id": row["id"]}, seals="E-100"), table("seal_readings", *said)),
        "S5",
        row["lot"],
        "2.5",
        companions=frozenset({"S4"}),
    )


def seal_changed(look: Look) -> ExampleFault:
    """S1."""
    box = _boxes(look)[0]
    return ExampleFault(
        "seal-changed",
        "A container has another seal at the gate than when it arrived.",
        together(
            edit("movements", {"kind": "ARRIVE", "lot": box}, seals="ML500001"),
            edit("movements", {"kind": "GATE_OUT", "lot": box}, seals="ML500002"),
        ),
        "S1",
        box,
        "1",
        companions=frozenset({"S4", "S5"}),
    )


def seal_broken(look: Look) -> ExampleFault:
    """S2."""
    box = _boxes(look)[0]
    return ExampleFault(
        "seal-broken",
        "The terminal breaks a seal under supervision and says no reason.",
        together(
            edit("movements", {"kind": "ARRIVE", "lot": box}, seals="ML500001"),
            add("movements", **_seen(look, box, 3, step="SEAL_BREAK", seals="ML500001")),
        ),
        "S2",
        box,
        "1",
        companions=frozenset({"S4", "S5"}),
    )


def seal_twice(look: Look) -> ExampleFault | None:
    """S3."""
    first, *others = _boxes(look)
    if not others:
        return None
    second = others[0]
    return ExampleFault(
        "seal-twice",
        "Two containers have one seal number.",
        together(
            *(edit("movements", {"kind": "ARRIVE", "lot": box}, seals="ML500001") for box in (first, second))
        ),
        "S3",
        second,
        "1",
        companions=frozenset({"S4", "S5"}),
    )


def lighter_behind_seal(look: Look) -> ExampleFault:
    """S6, and W1 with it."""
    box = _boxes(look)[0]
    scale = {"tare_kg": "3900", "seals": "ML500001"}
    return ExampleFault(
        "lighter-behind-seal",
        "A container lost a tonne at the terminal, and its seal was whole.",
        together(
            edit("movements", {"kind": "ARRIVE", "lot": box}, gross_kg="24000", **scale),
            edit("movements", {"kind": "GATE_OUT", "lot": box}, gross_kg="23000", **scale),
        ),
        "S6",
        box,
        "-1000",
        companions=frozenset({"W1", "S4", "S5"}),
    )


def lighter_at_gate(look: Look) -> ExampleFault:
    """W1."""
    box = _boxes(look)[0]
    return ExampleFault(
        "lighter-at-gate",
        "A container weighs 400 kg less at the gate than when it arrived.",
        together(
            edit("movements", {"kind": "ARRIVE", "lot": box}, gross_kg="24000", tare_kg="3900"),
            edit("movements", {"kind": "GATE_OUT", "lot": box}, gross_kg="23600", tare_kg="3900"),
        ),
        "W1",
        box,
        "-400",
    )


def another_tare(look: Look) -> ExampleFault:
    """W3."""
    box = _boxes(look)[0]
    rows = [
        _seen(look, box, n, step="WEIGH", gross_kg=str(20_000 + tare), tare_kg=str(tare))
        for n, tare in enumerate((3_900, 3_900, 4_000), 1)
    ]
    return ExampleFault(
        "another-tare",
        "A container's tare is given 100 kg higher the third time it is weighed.",
        together(*(add("movements", **row) for row in rows)),
        "W3",
        box,
        "100",
    )


def equal_weights(look: Look) -> ExampleFault:
    """W4."""
    boxes = _boxes(look)
    others = [f"BL810001/{container(810_000 + n)}" for n in range(4 - len(boxes[:4]))]
    cells = {"step": "WEIGH", "gross_kg": "24010", "device": "scale-1"}
    rows = [_seen(look, box, 2, **cells) for box in boxes[:4]]
    rows += [{**_seen(look, boxes[0], 3 + n, **cells), "lot": box} for n, box in enumerate(others)]
    return ExampleFault(
        "equal-weights",
        "Four containers weigh the same to the kilogram on one scale.",
        together(*(add("movements", **row) for row in rows)),
        "W4",
        rows[0]["id"],
        "3",
        companions=frozenset({"C7"}),
    )


def never_arrived(look: Look) -> ExampleFault:
    """C6."""
    box = f"BL800001/{container(800_001)}"
    gate = look.rows("movements", kind="GATE_OUT")[-1]
    release = look.rows("movements", kind="ELIGIBLE")[-1]
    return ExampleFault(
        "never-arrived",
        "A container leaves the gate that nobody saw arrive.",
        together(
            add("movements", **{**release, "id": "REL-8", "lot": box}),
            add("movements", **{**gate, "id": "GATE-8", "lot": box}),
        ),
        "C6",
        box,
        "-1",
    )


def red_unseen(look: Look) -> ExampleFault:
    """C6."""
    row = look.rows("movements", kind="ELIGIBLE")[0]
    return ExampleFault(
        "red-unseen",
        "Goods of the red channel are released, and nobody inspected them.",
        edit("declarations", key_of(row), channel="red"),
        "C6",
        row["lot"],
        "-1",
    )


def thin_oil(look: Look) -> ExampleFault:
    """W5."""
    row = look.rows("movements", kind="RECEIVE_FACTORY", uom="KGM")
    lot = row[0] if row else look.rows("movements", kind="RECEIVE_FACTORY")[0]
    scale = {
        "id": "DIP",
        "at": f"{lot['at'][:10]}T15:00",
        "kind": "OBSERVE",
        "step": "WEIGH",
        "code": lot["code"],
        "lot": lot["lot"],
        "place": "factory",
        "gross_kg": "10900",
        "tare_kg": "10000",
        "volume_l": "1000",
    }
    return ExampleFault(
        "thin-oil",
        "A thousand litres of a liquid weigh 15 kg less than they can.",
        together(
            add("movements", **scale),
            table("densities", {"code": lot["code"], "low": "0.915", "high": "0.925"}),
        ),
        "W5",
        f"{look.enterprise}/{lot['lot']}",
        "-15",
        companions=frozenset({"C7"}),
    )


def stayed(look: Look) -> ExampleFault:
    """T5."""
    arrive, release, gate = (look.rows("movements", kind=k)[0] for k in ("ARRIVE", "ELIGIBLE", "GATE_OUT"))
    changes = []
    start = date(2026, 5, 1)
    for n in range(30):
        box = f"BL7{n:05d}/{container(700_000 + n)}"
        came = start + timedelta(n)
        left = came + timedelta(20 if n == 17 else 3)
        changes += [
            add(
                "movements", **{**arrive, "id": f"P{n}", "at": f"{came}T07:13", "lot": box, "place": "pier-2"}
            ),
            add(
                "movements",
                **{**release, "id": f"Q{n}", "at": f"{left}T07:05", "lot": box, "place": "pier-2"},
            ),
            add("movements", **{**gate, "id": f"R{n}", "at": f"{left}T09:26", "lot": box, "place": "pier-2"}),
        ]
    slow = f"BL700017/{container(700_017)}"
    return ExampleFault(
        "stayed",
        "One of thirty containers stays twenty days at the pier, the others three.",
        together(*changes),
        "T5",
        slow,
        "408",
    )


def round_the_duty(look: Look) -> ExampleFault:
    """O6."""
    taken = look.rows("declarations", regime="E31")[0]
    changes, total = [], Decimal(0)
    for month, amount in enumerate((1000, 1700, 1200, 2100, 1500), 2):
        total += amount
        base = {
            "declaration": f"5000000000{month:02d}",
            "line": "1",
            "quantity": str(amount),
            "uom": "KGM",
            "value": str(amount * 90_000),
            "currency": "VND",
            "hs": "29181400",
        }
        changes += [
            add(
                "declarations",
                **base,
                direction="import",
                regime="E31",
                code="CIT-IN",
                origin="CN",
                partner="Ruilin",
                registered_at=f"2026-{month:02d}-03T09:00",
                duty_rate="3",
            ),
            add(
                "declarations",
                **{**base, "declaration": f"6000000000{month:02d}"},
                direction="export",
                regime="E62",
                code="CIT-OUT",
                destination="US",
                partner="Acme",
                registered_at=f"2026-{month:02d}-15T09:00",
            ),
        ]
    return ExampleFault(
        "round-the-duty",
        "Citric acid from a taxed country goes on to the market that taxes it, month by month.",
        together(
            *changes,
            table("remedies", {"origin": "CN", "market": "US", "hs": "291814", "source": "A-570-937"}),
        ),
        "O6",
        "600000000002/1",
        plain(total),
        companions=frozenset({"U1"} if not taken else {"X6", "N5"}),
    )


def told_after(look: Look) -> ExampleFault:
    """P7."""
    row = look.rows("movements", kind="RECEIVE_FACTORY")[0]
    cells = {"code": row["code"], "lot": row["lot"], "uom": row["uom"], "place": "factory"}
    day = row["at"][:10]
    notified = (date.fromisoformat(day) + timedelta(12)).isoformat()
    moves = [
        ("OFFER", look.enterprise, "stitch-house", "T10:00"),
        ("ACCEPT", "stitch-house", look.enterprise, "T10:30"),
        ("OFFER", "stitch-house", look.enterprise, "T15:00"),
        ("ACCEPT", look.enterprise, "stitch-house", "T15:30"),
    ]
    changes = [
        add("movements", id=f"SUB-{n}", at=f"{day}{time}", kind=kind, actor=actor, partner=partner, **cells)
        for n, (kind, actor, partner, time) in enumerate(moves)
    ]
    known = [dict(r) for r in look.rows("notices")]
    return ExampleFault(
        "told-after",
        "Material goes to a sub-contractor twelve days before customs is told of it.",
        together(*changes, table("notices", *known, {"partner": "stitch-house", "notified": notified})),
        "P7",
        "SUB-1",
        "12",
    )


def passed_through(look: Look) -> BookFault:
    """O9."""
    arrived = look.rows("movements", kind="ARRIVE")[0]
    strip = {k: v for k, v in arrived.items() if k in ("role", "lot")}
    left = look.rows("movements", kind="GATE_OUT", lot=arrived["lot"])[0]["at"][:10]
    load = next(r for r in look.rows("movements", kind="EXPORT_LOAD") if r["at"] > left)
    return BookFault(
        "passed-through",
        "A container that came in full is loaded for export, and nobody emptied it.",
        edit("movements", {"id": "EMPTIED"}, drop="yes"),
        "O9",
        arrived["lot"],
        load["quantity"],
        around=together(
            add("movements", id="EMPTIED", at=f"{left}T16:00", kind="STRIP", place="factory", **strip),
            edit("movements", {"id": load["id"]}, container=arrived["lot"]),
        ),
    )


BOXES = (
    revoked_key,
    not_on_manifest,
    never_landed,
    seal_of_nobody,
    seal_opened,
    seal_silent,
    seal_changed,
    seal_broken,
    seal_twice,
    lighter_behind_seal,
    lighter_at_gate,
    another_tare,
    equal_weights,
    never_arrived,
    red_unseen,
    thin_oil,
    stayed,
    round_the_duty,
    told_after,
    passed_through,
)
BOX_NAMES = (
    "revoked-key",
    "not-on-manifest",
    "never-landed",
    "seal-of-nobody",
    "seal-opened",
    "seal-silent",
    "seal-changed",
    "seal-broken",
    "seal-twice",
    "lighter-behind-seal",
    "lighter-at-gate",
    "another-tare",
    "equal-weights",
    "never-arrived",
    "red-unseen",
    "thin-oil",
    "stayed",
    "round-the-duty",
    "told-after",
    "passed-through",
)
