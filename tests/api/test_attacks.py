"""A participant who wants to read what is another's: each way that once worked, and that it no longer does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import world
from sqlmodel import select
from starlette.testclient import TestClient

from api.home import Home
from indexer.models import Event
from ledger.events.model import CustodyEvent, event_id
from ledger.gateway.submission import SignedSubmission
from ledger.keys.grants import Scope, make_grant
from ledger.keys.sealing import seal
from ledger.vocabulary import Kind

Headers = Callable[[str], dict[str, str]]
YEAR = "from=2026-01-01&to=2026-12-31"


def number(home: Home, participant: str) -> int:
    return home.directory.participant(participant).number


def rivals_copy(home: Home, commitment: bytes, nonce: int) -> SignedSubmission:
    """An OBSERVE of the rival under a commitment that it read from the ledger."""
    rival = number(home, "rival")
    event = CustodyEvent(Kind.OBSERVE, occurred_at_ms=world.START_S * 1000, deadline_s=home.clock() + 9_999,
                         nonce=nonce, commitment=commitment)
    key = home.posting.readers.reading_key(rival)
    assert key is not None
    junk = seal({"x": 1}, secret=bytes(32), submitter="rival", commitment=commitment, readers={rival: key})
    signature = home.signer("rival").sign_digest(event_id(event, home.gateway.separator))
    return SignedSubmission(event, signature, b"", junk, "urn:x:copied", False, rival)


def test_copied_commitment__of_anothers_event__opens_nothing(client: TestClient, home: Home, headers: Headers) -> None:
    with home.session() as session:
        victim = session.exec(select(Event).where(Event.kind == "TRANSFORM")).first()
    assert victim is not None
    secret_words = client.get(f"/events/{victim.event_id}", headers=headers("garment")).json()["epcis"]
    copied = rivals_copy(home, bytes.fromhex(victim.commitment[2:]), 900)
    client.post("/capture", content=json.dumps({"submissions": [copied.to_json()]}),
                headers={**headers("rival"), "Content-Type": "application/vnd.cargoledger.signed+json"})
    home.settle_outbox()
    assert client.get(f"/events/{victim.event_id}", headers=headers("rival")).status_code == 404
    mine = client.get("/events/0x" + event_id(copied.custody_event, home.gateway.separator).hex(), headers=headers("rival"))
    for told in secret_words["inputQuantityList"]:
        assert told["epcClass"] not in mine.text
    still = client.get(f"/events/{victim.event_id}", headers=headers("garment")).json()
    assert still["epcis"] == secret_words


@pytest.mark.parametrize("lot", ["COT-1", "SHIRT-1"])
def test_observed_lot__of_another__stays_unseen(client: TestClient, home: Home, headers: Headers, lot: str) -> None:
    seen = {"epcClass": world.lot("garment", lot), "quantity": 1, "uom": "MTR" if lot == "COT-1" else "C62"}
    document = world.document(world.event("rival", f"observe-{lot}", "OBSERVE", quantityList=[seen]))
    answer = client.post("/capture", content=document, headers={**headers("rival"), "Content-Type": "application/json"})
    assert answer.status_code == 202
    home.settle_outbox()
    assert client.get(f"/units/garment/{lot}", headers=headers("rival")).status_code == 404
    assert client.get(f"/lots/garment/{lot}/trace", headers=headers("rival")).status_code == 404
    assert client.get(f"/units/garment/{lot}", headers=headers("garment")).status_code == 200


def grant_of_book(home: Home, grantor: str, grantee: str, scope: Scope) -> None:
    with home.session() as session:
        own = session.exec(select(Event).where(Event.participant == number(home, grantor))).first()
    key = home.posting.readers.reading_key(number(home, grantee))
    assert own is not None and key is not None
    home.payloads.add_grant(make_grant(
        {bytes.fromhex(own.commitment[2:]): bytes(32)}, signer=home.signer(grantor), chain_id=home.deployment.chain_id,
        ledger=home.deployment.ledger, grantor=number(home, grantor), grantee=number(home, grantee), grantee_key=key,
        scope=scope, reason="because", issued_at_s=home.clock(), until_s=None))
    home.settle_outbox()


def settlement(client: TestClient, headers: Headers, participant: str, days: str = YEAR) -> Any:
    return client.get(f"/books/garment-book/settlement?{days}", headers=headers(participant))


def test_grant_of_a_book__by_a_stranger__opens_no_settlement(client: TestClient, home: Home, headers: Headers) -> None:
    book = home.directory.book("garment-book").number
    grant_of_book(home, "rival", "carrier", Scope((), book, None, None))
    assert settlement(client, headers, "carrier").status_code == 404


def test_grant_of_a_book__by_its_owner_for_some_days__opens_those_only(client: TestClient, home: Home, headers: Headers) -> None:
    book = home.directory.book("garment-book").number
    day_ms = 86_400_000
    march = 1_772_298_000_000  # 2026-03-01 in the book's zone (+07:00)
    grant_of_book(home, "garment", "terminal", Scope((), book, march, march + 31 * day_ms - 1))
    assert settlement(client, headers, "terminal", "from=2026-03-01&to=2026-03-31").status_code == 200
    assert settlement(client, headers, "terminal").status_code == 404
    assert settlement(client, headers, "rival", "from=2026-03-01&to=2026-03-31").status_code == 404
