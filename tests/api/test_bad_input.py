"""Bad input, one row a fault: a stable code and reason, a sentence with a remedy, nothing taken, and what is good still goes through.

Documents are given both ways in, over HTTP and on the command line. What only a signer can get wrong is given as signed
submissions: what cannot be taken at all is refused there, the rest by the ledger with its outcome.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import world
from coincurve.utils import GROUP_ORDER_INT
from starlette.testclient import TestClient
from test_cli import as_json, command

from api.home import Home
from ledger.errors import Reason
from ledger.events.model import CustodyEvent, Line, domain_separator, event_id
from ledger.gateway.submission import SignedSubmission
from ledger.keys.local_signer import LocalSigner
from ledger.keys.sealing import seal
from ledger.outcomes_text import explain, remedy
from ledger.vocabulary import Kind, Outcome
from tests.contracts.test_refusals import CASES as REFUSALS

Headers = Callable[[str], dict[str, str]]
SIGNED = "application/vnd.cargoledger.signed+json"
ERRORS = (Path(__file__).resolve().parents[2] / "docs" / "errors.md").read_text("utf-8")


def look(number: str = world.BOX, **fields: Any) -> bytes:
    return world.document({**world.box("carrier", "bad", "OBSERVE"), "epcList": [f"urn:epc:id:bic:{number}"], **fields})


def buy(quantity: str = "1", uom: str = "MTR", number: str = "BAD-1", code: str = "WOOL") -> bytes:
    """A receipt whose quantity stands in the text just so."""
    body = world.document(world.receipt("garment", "bad-buy", number, 777_777, code))
    return body.replace(b"777777", quantity.encode()).replace(b'"MTR"', json.dumps(uom).encode())


def deep(levels: int) -> bytes:
    return look().replace(b'"cl:consignment"', b'"ex:x": ' + b"[" * levels + b"]" * levels + b', "cl:consignment"')


INPUT, LARGE, EVENT = "CL-INPUT-001", "CL-INPUT-004", "CL-INPUT-020"
DOCUMENTS: dict[str, tuple[bytes, str, Reason, str]] = {
    "unknown kind": (look(**{"cl:kind": "TELEPORT"}), EVENT, Reason.UNKNOWN_KIND, "'TELEPORT' is not a kind of event"),
    "kind with a letter that looks right": (look(**{"cl:kind": "ОBSERVE"}), EVENT, Reason.LOOK_ALIKE_CHARACTER, "U+041E (CYRILLIC CAPITAL LETTER O)"),
    "Cyrillic letter in a container number": (look("СSQU3054383"), EVENT, Reason.LOOK_ALIKE_CHARACTER, "U+0421 (CYRILLIC CAPITAL LETTER ES)"),
    "full-width digit in a container number": (look("CSQU305438３"), EVENT, Reason.LOOK_ALIKE_CHARACTER, "U+FF13 (FULLWIDTH DIGIT THREE)"),
    "right-to-left mark": (look("CSQU3054383\u200f"), EVENT, Reason.LOOK_ALIKE_CHARACTER, "U+200F (RIGHT-TO-LEFT MARK)"),
    "right-to-left override": (look("CSQU\u202e3054383"), EVENT, Reason.LOOK_ALIKE_CHARACTER, "U+202E (RIGHT-TO-LEFT OVERRIDE)"),
    "zero-width space": (look("CSQU\u200b3054383"), EVENT, Reason.LOOK_ALIKE_CHARACTER, "U+200B (ZERO WIDTH SPACE)"),
    "no-break space": (look("CSQU\u00a03054383"), EVENT, Reason.LOOK_ALIKE_CHARACTER, "U+00A0 (NO-BREAK SPACE)"),
    "percent-encoded look-alike in a lot": (buy(number="%D0%A1-1"), EVENT, Reason.LOOK_ALIKE_CHARACTER, "U+00D0"),
    "look-alike in a material code": (buy(code="СOTTON"), EVENT, Reason.LOOK_ALIKE_CHARACTER, "U+0421 (CYRILLIC CAPITAL LETTER ES)"),
    "look-alike in a consignment": (look(**{"cl:consignment": "BL‐77"}), EVENT, Reason.LOOK_ALIKE_CHARACTER, "U+2010 (HYPHEN)"),
    "look-alike in an eventID": (look(eventID="urn:x:а"), EVENT, Reason.LOOK_ALIKE_CHARACTER, "U+0430"),
    "unknown unit of measure": (buy(uom="XYZ"), EVENT, Reason.UNKNOWN_UNIT_OF_MEASURE, "'XYZ' is not a unit of measure of UNECE"),
    "unit of measure in small letters": (buy(uom="kgm"), EVENT, Reason.INVALID, "is not a unit of measure"),
    "unit of measure that looks right": (buy(uom="МTR"), EVENT, Reason.LOOK_ALIKE_CHARACTER, "U+041C"),
    "quantity of 2**64 micro-units": (buy("18446744073709.551616"), EVENT, Reason.QUANTITY_TOO_LARGE, "larger than 18446744073709.551615"),
    "quantity of 2**64": (buy("18446744073709551616"), EVENT, Reason.QUANTITY_TOO_LARGE, "out of range"),
    "quantity below zero": (buy("-1"), EVENT, Reason.QUANTITY_NEGATIVE, "out of range"),
    "seven decimals": (buy("1.0000001"), EVENT, Reason.TOO_MANY_DECIMALS, "has 7 decimals"),
    "1e400": (buy("1e400"), EVENT, Reason.NUMBER_OUT_OF_RANGE, "1e400 is out of range"),
    "1e-400": (buy("1e-400"), EVENT, Reason.NUMBER_OUT_OF_RANGE, "out of range"),
    "number of 10,000 digits": (buy("1" * 10_000), EVENT, Reason.NUMBER_OUT_OF_RANGE, "10000 characters"),
    "NaN": (buy("NaN"), EVENT, Reason.NOT_A_NUMBER, "NaN is not a JSON number"),
    "Infinity": (buy("Infinity"), EVENT, Reason.NOT_A_NUMBER, "Infinity is not a JSON number"),
    "key twice": (look().replace(b'"cl:kind": "OBSERVE"', b'"cl:kind": "HOLD", "cl:kind": "OBSERVE"'), EVENT, Reason.DUPLICATE_KEY, "'cl:kind' stands twice"),
    "nested 65 deep": (deep(65), EVENT, Reason.TOO_DEEP, "nests deeper than 64"),
    "nested 1,000,000 deep": (deep(1_000_000), EVENT, Reason.TOO_DEEP, "nests deeper than 64"),
    "not JSON": (b"{'type': 1}", EVENT, Reason.NOT_JSON, "not JSON"),
    "10,000 units in one event": (look(epcList=[f"urn:epc:id:bic:CSQU{i:07d}" for i in range(10_000)]), LARGE, Reason.INVALID, "at most 262144"),
    "65 units in one event": (look(epcList=[f"urn:epc:id:bic:CSQU{i:07d}" for i in range(65)]), EVENT, Reason.TOO_MANY_UNITS, "at most 64 units"),
    "10,000 events in one document": (world.document(*[world.box("carrier", f"bad-{i}", "OBSERVE") for i in range(10_000)]), LARGE, Reason.INVALID, "at most 1000"),
    "body of 5 MB": (look(**{"cl:reason": "x" * 5_000_000}), LARGE, Reason.INVALID, "4194304"),
}


def taken(home: Home) -> tuple[int, int]:
    """What a gateway has written down: events, and sealed payloads."""
    with closing(sqlite3.connect(home.path / "gateway.sqlite")) as sql:
        return tuple(sql.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("submission", "payload"))  # type: ignore[return-value]


def said(body: dict[str, Any]) -> tuple[set[str], str]:
    """Reasons and everything a person reads of an error body of either way in."""
    reasons = {str(f.get("reason", Reason.INVALID)) for f in body.get("faults") or [body]}
    text = " ".join([str(body.get("detail") or body.get("message")), *(str(f.get("detail") or f.get("message")) for f in body.get("faults", []))])
    return reasons, text


@pytest.mark.parametrize("fault", DOCUMENTS)
def test_document__bad__refused_over_http_with_code_reason_and_remedy(fault: str, client: TestClient, home: Home, headers: Headers) -> None:
    body, code, reason, phrase = DOCUMENTS[fault]
    before = taken(home)
    poster = "garment" if b"RECEIVE_DOMESTIC" in body else "carrier"
    answer = client.post("/capture", content=body, headers={**headers(poster), "Content-Type": "application/json"})
    problem = answer.json()
    assert answer.status_code == (413 if code == LARGE else 400), problem
    found, text = said(problem)
    assert problem["code"] == code and reason in found and phrase in text, problem
    assert problem["remedy"], problem
    assert taken(home) == before


def test_document__bad__refused_on_the_command_line_likewise(told: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(told, tmp_path / "home"))
    before = taken(SimpleNamespace(path=folder))  # type: ignore[arg-type]
    path = tmp_path / "bad.json"
    for fault, (body, code, reason, phrase) in DOCUMENTS.items():
        path.write_bytes(body)
        error = as_json("post", str(path), "--as", "garment" if b"RECEIVE_DOMESTIC" in body else "carrier", home=folder, code=2)["error"]
        found, text = said(error)
        assert error["code"] == code and reason in found and phrase in text and error["remedy"], (fault, error)
    assert taken(SimpleNamespace(path=folder)) == before  # type: ignore[arg-type]
    status, _, err = command("post", str(path), "--as", "carrier", home=folder)
    assert status == 2 and "error:" in err and "Traceback" not in err


def test_document__good__still_taken_after_all_of_that(client: TestClient, home: Home, headers: Headers) -> None:
    answer = client.post("/capture", content=look(eventID="urn:x:good"), headers={**headers("carrier"), "Content-Type": "application/json"})
    assert answer.status_code == 202
    home.settle_outbox()
    assert client.get(answer.headers["Location"], headers=headers("carrier")).json()["events"][0]["status"] == "recorded"


# what only a signer can get wrong


def signed(home: Home, name: str, *, signer: Any = None, separator: bytes | None = None, **changes: Any) -> SignedSubmission:
    """An observation of the carrier, signed; each with its own nonce and content unless changed."""
    number = home.directory.participant("carrier").number
    key = home.posting.readers.reading_key(number)
    assert key is not None
    commitment = name.encode().ljust(32, b"\0")
    event = CustodyEvent(**{"kind": Kind.OBSERVE, "occurred_at_ms": world.START_S * 1000, "deadline_s": home.clock() + 9_999,
                            "nonce": int.from_bytes(name.encode()[-4:], "big"), "commitment": commitment, **changes})
    payload = seal({"x": 1}, secret=bytes(32), submitter="carrier", commitment=commitment, readers={number: key})
    signature = (signer or home.signer("carrier")).sign_digest(event_id(event, separator or home.gateway.separator))
    return SignedSubmission(event, signature, b"", payload, f"urn:x:{name}", False, number)


def post_signed(client: TestClient, headers: Headers, *submissions: Any) -> Any:
    values = [s.to_json() if isinstance(s, SignedSubmission) else s for s in submissions]
    return client.post("/capture", content=json.dumps({"submissions": values}), headers={**headers("carrier"), "Content-Type": SIGNED})


def outcome(client: TestClient, home: Home, headers: Headers, submission: SignedSubmission) -> dict[str, Any]:
    answer = post_signed(client, headers, submission)
    assert answer.status_code == 202, answer.json()
    home.settle_outbox()
    event: dict[str, Any] = client.get(answer.headers["Location"], headers=headers("carrier")).json()["events"][0]
    return event


def test_signed__each_fault__its_outcome_with_sentence_and_remedy(client: TestClient, home: Home, headers: Headers) -> None:
    chain, ledger = home.deployment.chain_id, home.deployment.ledger
    first = signed(home, "good-1111")
    assert outcome(client, home, headers, first)["status"] == "recorded"
    cases = {
        Outcome.UNKNOWN_SIGNER: [
            signed(home, "stranger-2222", signer=LocalSigner(b"\x66" * 32)),                           # wrong signer
            signed(home, "chain-3333", separator=domain_separator(chain + 1, ledger)),                 # signed for another chain
            signed(home, "contract-4444", separator=domain_separator(chain, bytes(20))),               # for another contract
        ],
        Outcome.DEADLINE_PASSED: [signed(home, "late-5555", deadline_s=world.START_S - 1)],
        Outcome.TIME_IN_FUTURE: [signed(home, "early-6666", occurred_at_ms=2**63)],
        Outcome.NONCE_USED: [signed(home, "again-7777", nonce=first.custody_event.nonce)],             # replay of a number
    }
    for expected, submissions in cases.items():
        for submission in submissions:
            event = outcome(client, home, headers, submission)
            assert event["outcome"]["name"] == expected.name, (submission.epcis_event_id, event)
            assert event["status"] in ("refused", "not_taken")
            assert event["outcome"]["sentence"] == explain(expected) and event["outcome"]["remedy"] == remedy(expected) != ""
    again = outcome(client, home, headers, first)  # replay of the whole: answers the first result
    assert again["status"] == "recorded"


def test_signed__cannot_be_taken__refused_with_reason_and_nothing_kept(client: TestClient, home: Home, headers: Headers) -> None:
    good = signed(home, "good-8888")
    high = good.signature[:32] + (GROUP_ORDER_INT - int.from_bytes(good.signature[32:64], "big")).to_bytes(32, "big") \
        + bytes([55 - good.signature[64]])
    value = good.to_json()
    many = [Line(i.to_bytes(32, "big")) for i in range(1, 10_001)]
    lines = [{"unit": "0x" + x.unit.hex(), "material": "0x" + bytes(32).hex(), "balance": "NONE", "quantity": "0", "role": "NONE"} for x in many]
    before = taken(home)
    for bad, code, reason in (
        (replace(good, signature=high), INPUT, Reason.HIGH_S_SIGNATURE),
        (replace(good, signature=bytes(65)), INPUT, Reason.INVALID),
        ({**value, "event": {**value["event"], "kind": "TELEPORT"}}, INPUT, Reason.UNKNOWN_KIND),
        ({**value, "event": {**value["event"], "lines": lines}}, INPUT, Reason.TOO_MANY_UNITS),
        ({**value, "event": {**value["event"], "lines": [{**lines[0], "quantity": str(2**64)}]}}, INPUT, Reason.QUANTITY_TOO_LARGE),
        ({**value, "event": {**value["event"], "lines": [lines[1], lines[0]]}}, INPUT, Reason.INVALID),
        ({**value, "event": {**value["event"], "nonce": "-1"}}, INPUT, Reason.INVALID),
        ({**value, "extra": 1}, INPUT, Reason.INVALID),
    ):
        answer = post_signed(client, headers, signed(home, "beside-9999"), bad)  # what is good beside it is not taken either
        found, text = said(answer.json())
        assert (answer.status_code, answer.json()["code"], found) == (400, code, {reason}), answer.json()
        assert text.endswith(".")
    assert taken(home) == before
    many_events = post_signed(client, headers, *([value] * 1_001))
    assert many_events.status_code == 413 and many_events.json()["code"] == LARGE
    assert outcome(client, home, headers, good)["status"] == "recorded"  # nothing of the above spoilt the event itself


def test_contract__faults_that_no_way_in_lets_through__refused_there_too() -> None:
    """The gateway may be another's: the contract itself refuses (the cases are in tests/contracts/test_refusals.py)."""
    covered = {code for code, _ in REFUSALS}
    assert {Outcome.UNKNOWN_KIND, Outcome.BAD_SIGNATURE, Outcome.TOO_MANY_LINES, Outcome.LINES_NOT_ASCENDING, Outcome.NONCE_USED,
            Outcome.DEADLINE_PASSED, Outcome.TIME_IN_FUTURE, Outcome.UNKNOWN_SIGNER, Outcome.QUANTITY_OVERFLOW} <= covered


def test_reasons__all_documented_and_each_but_the_general_one_given_here() -> None:
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", ERRORS, flags=re.M))
    assert documented == set(Reason)
    given = {reason for _, _, reason, _ in DOCUMENTS.values()} | {Reason.HIGH_S_SIGNATURE}
    assert given == set(Reason)
