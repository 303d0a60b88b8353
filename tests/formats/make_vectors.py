"""Write the known answers of the formats whose answers follow from fixed inputs, computed by the product.

    .venv/bin/python -m tests.formats.make_vectors

`test_vectors.py` compares them with what is committed, and computes every one again without the product. Keys here are worthless.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nacl.signing import SigningKey

from ledger.events.ids import UnitType, material_id, unit_id
from ledger.events.model import CustodyEvent, Line, domain_separator, event_id, fold_head
from ledger.events.readings import Reading, readings_of
from ledger.events.strict_json import dump_json, parse_json
from ledger.keys.devices import DeviceKey
from ledger.keys.local_signer import LocalSigner
from ledger.keys.reading import CheckpointKey as OperatorKey
from ledger.keys.reading import ReadingKey
from ledger.outcomes_text import explain, remedy
from ledger.proofs.checkpoint import Checkpoint, CheckpointKey, sign_checkpoint
from ledger.vocabulary import Balance, Kind, LineRole, Outcome, Step

VECTORS = Path(__file__).resolve().parents[2] / "docs" / "formats" / "vectors"
CHAIN, CONTRACT, KEY = 72024, bytes.fromhex("00112233445566778899aabbccddeeff00112233"), b"\x01" * 32
MAXIMUM = CustodyEvent(
    kind=Kind.CLOSE, step=Step.LEFT, counterparty=2**32 - 1, facility=2**32 - 1, book=2**32 - 1, reference=b"\xff" * 32,
    occurred_at_ms=2**64 - 1, deadline_s=2**64 - 1, nonce=2**64 - 1, commitment=b"\xff" * 32,
    lines=(Line(b"\xff" * 32, b"\xff" * 32, Balance.LOADED, 2**64 - 1, LineRole.OWN),))


def events() -> dict[str, Any]:
    """An event of every kind, the smallest, the largest and one of 64 lines: id, struct hash, signature; heads folded over them."""
    every = [CustodyEvent(
        kind=kind, step=Step(kind.value % 23), counterparty=kind.value, facility=2 * kind.value, book=3, reference=bytes([kind.value]) * 32,
        lines=tuple(Line(bytes([n]) * 32, bytes([n + 1]) * 32, Balance(n % 7), 10**n, LineRole(n % 5)) for n in range(1, 1 + kind.value % 4)),
        occurred_at_ms=1_790_000_000_000 + kind.value, deadline_s=1_790_086_400, nonce=kind.value, commitment=b"\x55" * 32)
        for kind in Kind if kind.value]
    long = CustodyEvent(Kind.OBSERVE, tuple(Line(n.to_bytes(32, "big")) for n in range(64)))
    separator, signer = domain_separator(CHAIN, CONTRACT), LocalSigner(KEY)
    head, cases = bytes(32), []
    for place, event in enumerate([CustodyEvent(Kind.OBSERVE), MAXIMUM, long, *every]):
        identifier, outcome = event_id(event, separator), [0, 1, 303, 65535][place % 4]
        head = fold_head(head, identifier, outcome)
        cases.append({
            "event": event.to_json(), "structHash": event.struct_hash().hex(), "eventId": identifier.hex(),
            "signature": signer.sign_digest(identifier).hex(), "encoded": event.encoded().hex() if len(event.lines) < 4 else None,
            "outcome": outcome, "head": head.hex()})
    return {"format": "events", "chainId": CHAIN, "contract": CONTRACT.hex(), "privateKey": KEY.hex(), "address": signer.address.hex(),
            "domainSeparator": separator.hex(), "headBefore": bytes(32).hex(), "cases": cases}


def identifiers() -> dict[str, Any]:
    """Unit and material ids."""
    secret, enterprise = bytes(range(32)), bytes(range(32, 64))
    units = [(UnitType.CONTAINER, "RDL-1", "CSQU3054383"), (UnitType.CARGO, "RDL-1", "PKG 1"), (UnitType.LOT, "song-hong", 'L"1\\/:%'),
             (UnitType.LINE, "106550118230", "1"), (UnitType.LOT, "x", "~" * 80)]
    materials = [("FAB-150", "MTR"), ("A", "H87"), ('q"1 \\', "KGM")]
    return {"format": "identifiers", "networkSecret": secret.hex(), "enterpriseKey": enterprise.hex(),
            "units": [{"type": str(t), "scope": s, "number": n, "unit": unit_id(secret, t, s, n).hex()} for t, s, n in units],
            "materials": [{"code": c, "uom": u, "material": material_id(enterprise, c, u).hex()} for c, u in materials]}


ELEMENTS = [
    '{"sensorMetadata": {"time": "2025-02-12T08:29:00+07:00"}, "sensorReport": [{"type": "Mass", "value": 8120.50, "uom": "KGM"}]}',
    '{"sensorMetadata": {"time": "2025-02-12T01:29:00.1239Z", "deviceID": "urn:x"}, "sensorReport": [{"type": "Temperature", "value": -1.50E+1, '
    '"uom": "CEL"}, {"type": "ex:Seal", "stringValue": "#unbroken", "booleanValue": true, "ex:é": ["ﬀ", null, 0.0]}]}',
]


def readings() -> dict[str, Any]:
    """Signed readings of one device."""
    key, cases = DeviceKey(b"\x07" * 32), []
    for counter, (text, place, subject) in enumerate([(ELEMENTS[0], "urn:place", "urn:epc:id:bic:CSQU3054383"), (ELEMENTS[1], "", "")]):
        element = key.sign_element(parse_json(text.encode()), chain_id=CHAIN, counter=counter, place=place, subject=subject)
        reading, = readings_of({"sensorElementList": [element]})
        if not isinstance(reading, Reading):
            raise TypeError("a reading is expected")
        cases.append({"element": dump_json(element), "message": reading.message(CHAIN).decode(), "digest": reading.digest(CHAIN).hex(),
                      "signature": reading.signature.hex()})
    order = 2**252 + 27742317777372353535851937790883648493
    good = bytes.fromhex(cases[0]["signature"])
    refused = {
        "S plus the order of the group": good[:32] + (int.from_bytes(good[32:], "little") + order).to_bytes(32, "little"),
        "R of small order and S zero": b"\x01" + bytes(63), "one bit of S": good[:63] + bytes([good[63] ^ 1]), "zeros": bytes(64)}
    return {"format": "readings", "chainId": CHAIN, "seed": (b"\x07" * 32).hex(), "device": key.public.hex(), "cases": cases,
            "refusedForTheFirst": {name: value.hex() for name, value in refused.items()}}


def keys() -> dict[str, Any]:
    """Key files: what stands in them, and the public half that follows."""
    secret = bytes(range(1, 33))
    return {"format": "key-files", "files": [
        {"text": f"secp256k1:{secret.hex()}\n", "address": LocalSigner(secret).address.hex()},
        {"text": f"x25519:{secret.hex()}\n", "public": ReadingKey(secret).public.hex()},
        {"text": f"ed25519:{secret.hex()}\n", "public": OperatorKey(secret).public.hex()},
        {"text": f"device:{secret.hex()}\n", "public": DeviceKey(secret).public.hex()},
        {"text": f"hmac:{secret.hex()}\n", "public": None}]}


def checkpoints() -> dict[str, Any]:
    """Two checkpoints of one ledger, the second chained to the first."""
    seed, origin = b"\x05" * 32, "ledger.example/72024"
    key = SigningKey(seed)
    first = Checkpoint(origin, 0, b"\x11" * 32, bytes(32))
    second = Checkpoint(origin, 2**63 - 1, b"\x22" * 32, first.digest())
    return {"format": "checkpoints", "seed": seed.hex(), "vkey": CheckpointKey(origin, bytes(key.verify_key)).to_text(),
            "notes": [sign_checkpoint(c, key) for c in (first, second)]}


def outcomes() -> dict[str, Any]:
    """Every outcome code: number, name, sentence, remedy. A number never changes its meaning."""
    return {"format": "outcomes", "outcomes": [
        {"code": int(o), "name": o.name, "sentence": explain(o), "remedy": remedy(o)} for o in Outcome]}


FILES = {"events.json": events, "identifiers.json": identifiers, "readings.json": readings, "key-files.json": keys,
         "checkpoints.json": checkpoints, "outcomes.json": outcomes}


def text(name: str) -> str:
    """The file's text, an item a line."""
    return dump_json(FILES[name]()).replace(', {"', ',\n {"').replace('[{"', '[\n {"') + "\n"


if __name__ == "__main__":
    for file in FILES:
        (VECTORS / file).write_text(text(file), "utf-8")
