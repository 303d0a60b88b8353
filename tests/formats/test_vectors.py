"""Known answers: committed as the product makes them, and computed again here by other code and other libraries.

EIP-712 by eth_account's encoder, keccak by pycryptodome, Ed25519 and X25519 by OpenSSL (cryptography), HMAC and JSON by the
standard library. Sealing, commitment, proofs and profile have their own tests beside their code; the last test says which.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from Crypto.Hash import keccak as pycryptodome
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_keys import keys as eth_keys
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from ledger.events.document import read_document
from ledger.events.readings import Reading, readings_of
from ledger.events.schema import check_event, profile_faults
from ledger.proofs.checkpoint import CheckpointKey, verify_checkpoint
from ledger.vocabulary import Balance, Kind, LineRole, Step
from tests.formats import make_vectors

FORMATS = make_vectors.VECTORS.parent
ELSEWHERE = {  # computed again by these tests
    "commitment.json": "tests/ledger/proofs/test_commitment.py", "sealing.json": "tests/ledger/keys/test_sealing.py",
    "event-profile.json": "tests/ledger/events/test_profile_docs.py", "event-proof.json": "tests/ledger/proofs/test_verify.py",
    "trust-root.json": "tests/ledger/proofs/test_verify.py"}


def vectors(name: str) -> Any:
    return json.loads((make_vectors.VECTORS / name).read_text("utf-8"), parse_float=Decimal)


def keccak(data: bytes) -> bytes:
    return pycryptodome.new(digest_bits=256, data=data).digest()


@pytest.mark.parametrize("name", make_vectors.FILES)
def test_vectors__committed__are_what_the_product_makes(name: str) -> None:
    committed = (make_vectors.VECTORS / name).read_text("utf-8")
    assert make_vectors.text(name) == committed, "run python -m tests.formats.make_vectors and look at the difference"


def test_events__by_another_encoder__same_ids_signatures_and_heads() -> None:
    file = vectors("events.json")
    text = (FORMATS / "events.md").read_text("utf-8")
    types: dict[str, list[dict[str, str]]] = {}
    for name, fields in re.findall(r"^(EIP712Domain|CustodyEvent|Line)\((.*)\)$", text, flags=re.M):  # as the document says them
        types[name] = [dict(zip(("type", "name"), field.split(" "), strict=True)) for field in fields.split(",")]
    assert len(types) == 3
    head = bytes.fromhex(file["headBefore"])
    for case in file["cases"]:
        event = case["event"]
        message = {**event, "kind": Kind[event["kind"]].value, "step": Step[event["step"]].value,
                   **{k: int(event[k]) for k in ("occurredAt", "deadline", "nonce")}, "lines": [
            {**x, "balance": Balance[x["balance"]].value, "quantity": int(x["quantity"]), "role": LineRole[x["role"]].value}
            for x in event["lines"]]}
        signable = encode_typed_data(full_message={
            "types": types, "primaryType": "CustodyEvent", "message": message,
            "domain": {"name": "CargoLedger", "version": "1", "chainId": file["chainId"], "verifyingContract": "0x" + file["contract"]}})
        assert (signable.header.hex(), signable.body.hex()) == (file["domainSeparator"], case["structHash"])
        identifier = keccak(b"\x19\x01" + signable.header + signable.body)
        assert identifier.hex() == case["eventId"]
        signature = Account.sign_message(signable, bytes.fromhex(file["privateKey"])).signature
        assert signature.hex().removeprefix("0x") == case["signature"]
        head = keccak(head + identifier + case["outcome"].to_bytes(2, "big"))
        assert head.hex() == case["head"]
    assert {case["event"]["kind"] for case in file["cases"]} == {kind.name for kind in Kind if kind.value}


def test_identifiers__by_the_standard_library__same_ids() -> None:
    file = vectors("identifiers.json")

    def made(key: str, parts: list[str]) -> str:
        return hmac.new(bytes.fromhex(key), json.dumps(parts, separators=(",", ":")).encode(), hashlib.sha256).hexdigest()

    for unit in file["units"]:
        assert made(file["networkSecret"], [unit["type"], unit["scope"], unit["number"]]) == unit["unit"]
    for material in file["materials"]:
        assert made(file["enterpriseKey"], [material["code"], material["uom"]]) == material["material"]


def plain(value: Any) -> Any:
    """A value as docs/formats/commitment.md has it canonically: numbers as # and their decimal."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, str):
        return "#" + value if value.startswith("#") else value
    if isinstance(value, int | Decimal):
        number = Decimal(value)
        return "#" + (f"{number.normalize():f}" if number else "0")
    if isinstance(value, list):
        return [plain(item) for item in value]
    return {key: plain(item) for key, item in value.items()}


def test_readings__by_openssl__same_messages_and_signatures() -> None:
    file = vectors("readings.json")
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(file["seed"]))
    assert private.public_key().public_bytes_raw().hex() == file["device"]
    for case, measured in zip(file["cases"], (1_739_323_740_000, 1_739_323_740_123), strict=True):
        element = json.loads(case["element"], parse_float=Decimal)
        said = element["cl:reading"]
        message = b"CargoLedger device reading v1\n" + json.dumps(plain({
            "chainId": file["chainId"], "counter": said["counter"], "device": said["device"], "measuredAt": measured,
            "place": said.get("place", ""), "reports": element["sensorReport"], "subject": said.get("subject", "")}),
            sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        assert message.decode() == case["message"] and hashlib.sha256(message).hexdigest() == case["digest"]
        assert private.sign(message).hex() == case["signature"] == said["signature"][2:]
    message = file["cases"][0]["message"].encode()
    for signature in file["refusedForTheFirst"].values():
        with pytest.raises(BadSignatureError):
            VerifyKey(bytes.fromhex(file["device"])).verify(message, bytes.fromhex(signature))
        with pytest.raises(InvalidSignature):
            private.public_key().verify(bytes.fromhex(signature), message)


def test_key_files__by_other_libraries__same_public_halves() -> None:
    for file in vectors("key-files.json")["files"]:
        label, secret = file["text"].strip().split(":")
        key = bytes.fromhex(secret)
        if label == "secp256k1":
            assert eth_keys.PrivateKey(key).public_key.to_canonical_address().hex() == file["address"]
        elif label == "x25519":
            assert X25519PrivateKey.from_private_bytes(key).public_key().public_bytes_raw().hex() == file["public"]
        elif label in ("ed25519", "device"):
            assert Ed25519PrivateKey.from_private_bytes(key).public_key().public_bytes_raw().hex() == file["public"]
    document = (FORMATS / "sealing.md").read_text("utf-8").split("## Key files")[1]
    assert {f["text"].partition(":")[0] for f in vectors("key-files.json")["files"]} == set(re.findall(r"`(\w+)` \(", document))


def test_checkpoints__taken_apart_by_hand__signed_and_chained() -> None:
    file = vectors("checkpoints.json")
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(file["seed"]))
    origin, key_hash, encoded = file["vkey"].split("+", 2)
    public = base64.b64decode(encoded)
    assert public == b"\x01" + private.public_key().public_bytes_raw()
    assert hashlib.sha256(origin.encode() + b"\n" + public).hexdigest()[:8] == key_hash
    before = bytes(32)
    for note in file["notes"]:
        text, _, line = note.partition("\n\n")
        text += "\n"
        lines = text.split("\n")
        assert lines[0] == origin and base64.b64decode(lines[3]) == before and lines[4:] == [""]
        signature = base64.b64decode(line.removeprefix(f"— {origin} ").strip())
        assert signature[:4].hex() == key_hash
        Ed25519PublicKey.from_public_bytes(public[1:]).verify(signature[4:], text.encode())
        before = hashlib.sha256(text.encode()).digest()
        assert str(verify_checkpoint(note, CheckpointKey.from_text(file["vkey"])).block_number) == lines[1]


def test_outcomes__numbers__stand_as_they_were_first_published() -> None:
    """A code never changes its meaning: names may be added at new numbers only."""
    known = {o["code"]: o["name"] for o in vectors("outcomes.json")["outcomes"]}
    printed = dict(re.findall(r"^\| (\d+) \| ([A-Z_]+) \|", (FORMATS / "outcomes.md").read_text("utf-8"), flags=re.M))
    assert {int(code): name for code, name in printed.items()} == known
    assert (known[0], known[100], known[303], known[501], known[700]) == ("RECORDED", "BAD_SIGNATURE", "HELD", "LINE_EXCEEDED", "UNKNOWN_KIND")


def test_formats__every_file_of_vectors_is_tested_and_named_by_its_page() -> None:
    files = {path.name for path in make_vectors.VECTORS.iterdir()}
    assert files == set(make_vectors.FILES) | set(ELSEWHERE)
    pages = {path.name: path.read_text("utf-8") for path in FORMATS.glob("*.md")}
    assert all(any(f"vectors/{name}" in page for page in pages.values()) for name in files)
    # Answers elsewhere: the contracts' own tests; test_rebuild reads the export's bytes, which change with the index; the tables of
    # a book are read by tests/tracer/test_files.py, the workbook by test_workbook.py.
    assert {name for name, page in pages.items() if "vectors/" not in page} == {
        "contracts.md", "index-export.md", "book.md", "settlement.md"}
    root = Path(__file__).resolve().parents[2]
    for name, test in ELSEWHERE.items():
        source = (root / test).read_text("utf-8")
        assert name in source or name.removesuffix(".json") in source, (name, test)


def test_example__weighing__is_signed_and_valid() -> None:
    folder = Path(__file__).resolve().parents[2] / "examples" / "weighing"
    event, = read_document((folder / "weighing.json").read_bytes()).events
    assert [f for f in check_event(event, strict=True) + profile_faults(event) if f.refuses] == []
    reading, = readings_of(event)
    assert isinstance(reading, Reading) and reading.is_signed(make_vectors.CHAIN)
    assert reading.subject in event["epcList"] and reading.place == event["readPoint"]["id"]
    element = json.loads((folder / "mass.json").read_text(), parse_float=Decimal)
    assert all(element[key] == event["sensorElementList"][0][key] for key in element)
