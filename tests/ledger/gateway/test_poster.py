"""The poster signs an event once: stored before it leaves, repeated as the same bytes, never with other content."""

from __future__ import annotations

import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import ConflictError, InputError, NotFoundError
from ledger.events.model import event_id
from ledger.gateway.poster import DEADLINE_S, Poster, open_poster_store
from ledger.gateway.store import Failpoint, no_failpoint
from ledger.keys.sealing import check_opened, open_sealed
from ledger.keys.signers import recover_address
from ledger.vocabulary import Kind
from tests.ledger.events import samples
from tests.ledger.gateway.fakes import CLEO, NOW_S, READING, SEPARATOR, SIGNERS, Clock, LocalSigner


class EverybodyIsKnown:
    """Readers without a gateway: nobody has to do with anything yet."""

    def readers_of(self, identifiers: Any) -> set[int]:
        return set()

    def reading_key(self, participant: int) -> bytes | None:
        return READING[participant].public if participant in READING else None


def poster(path: Path, number: int = 3, *, signer: LocalSigner | None = None, failpoint: Failpoint = no_failpoint,
           readers: Any = None, **changes: Any) -> Poster:
    entry = samples.DIRECTORY.participant(number)
    store = open_poster_store(path / f"{entry.id}.sqlite", failpoint=failpoint)
    return Poster(store, signer=signer or SIGNERS[number], participant=number, separator=SEPARATOR, clock=Clock(),
                  readers=readers or EverybodyIsKnown(), context=samples.context(entry.id, **changes))


def issue(label: str | None = "urn:x", quantity: Any = Decimal("12.50"), **fields: Any) -> dict[str, Any]:
    return samples.event("ISSUE_PROD", eventID=label, quantityList=[samples.amount("L1", quantity)],
                         cl_book=samples.BOOK, **fields)


def test_prepare__event__signed_sealed_committed_and_openable(tmp_path: Path) -> None:
    submission = poster(tmp_path).prepare(issue())
    event = submission.custody_event
    assert (event.kind, event.nonce, event.deadline_s, event.lines[0].quantity_micro) == (
        Kind.ISSUE_PROD, 0, NOW_S + DEADLINE_S, 12_500_000)
    assert recover_address(event_id(event, SEPARATOR), submission.signature) == CLEO.address
    opened = open_sealed(submission.payload, READING[3])
    check_opened(opened, event.commitment)
    assert (opened.submitter, opened.event["eventID"]) == ("song-hong", "urn:x")
    assert (submission.epcis_event_id, submission.is_correction, submission.participant) == ("urn:x", False, 3)
    assert submission.witness == b""


def test_prepare__repeat_even_after_restart__same_bytes_and_no_nonce_spent(tmp_path: Path) -> None:
    first = poster(tmp_path).prepare(issue())
    again = poster(tmp_path)
    assert again.prepare(issue()) == first
    assert again.prepare({**issue(), "recordTime": "2026-01-01T00:00:00Z"}) == first  # a server's field
    assert again.prepare(issue(quantity=Decimal("12.5"))) == first                    # the same number
    assert again.prepare(issue("urn:y")).custody_event.nonce == 1


def test_prepare__same_label_other_content__conflict_and_nothing_spent(tmp_path: Path) -> None:
    mine = poster(tmp_path)
    mine.prepare(issue())
    with pytest.raises(ConflictError):
        mine.prepare(issue(quantity=Decimal("12.51")))
    assert mine.prepare(issue("urn:y")).custody_event.nonce == 1


def test_prepare__without_event_id__one_that_follows_from_the_content(tmp_path: Path) -> None:
    mine = poster(tmp_path)
    first = mine.prepare(issue(None))
    made = uuid.UUID(first.epcis_event_id)
    assert first.epcis_event_id.startswith("urn:uuid:") and made.version == 8 and made.variant == uuid.RFC_4122
    assert mine.prepare(issue(None)) == first
    assert mine.prepare(issue(None, quantity=13)).epcis_event_id != first.epcis_event_id
    assert poster(tmp_path / "other").prepare(issue(None)).epcis_event_id == first.epcis_event_id
    assert open_sealed(first.payload, READING[3]).event["eventID"] == first.epcis_event_id


@pytest.mark.parametrize("label", ["", "x" * 501, 7])
def test_prepare__event_id_unusable__refused(label: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        poster(tmp_path).prepare({**issue(), "eventID": label})


def test_prepare__event_not_valid__refused_and_no_nonce_spent(tmp_path: Path) -> None:
    mine = poster(tmp_path)
    for wrong in ({**issue(), "cl:book": "nobodys"}, issue(quantity=Decimal("0.0000001")), {**issue(), "cl:kind": "TELEPORT"}):
        with pytest.raises(InputError):
            mine.prepare(wrong)
    assert mine.prepare(issue()).custody_event.nonce == 0


def test_prepare__killed_before_the_commit__nothing_was_there(tmp_path: Path) -> None:
    def die(name: str) -> None:
        if name == "before-commit" and armed:
            raise KeyboardInterrupt

    armed: list[int] = []
    mine = poster(tmp_path, failpoint=die)
    armed.append(1)
    with pytest.raises(KeyboardInterrupt):
        mine.prepare(issue())
    armed.clear()
    assert poster(tmp_path).prepare(issue(quantity=99)).custody_event.nonce == 0  # the label is free as well


def test_prepare__another_signer__counts_its_own_nonces(tmp_path: Path) -> None:
    poster(tmp_path).prepare(issue())
    rotated = poster(tmp_path, signer=LocalSigner(b"\x44" * 32))
    assert rotated.prepare(issue("urn:y")).custody_event.nonce == 0
    assert rotated.prepare(issue("urn:z")).custody_event.nonce == 1
    assert poster(tmp_path).prepare(issue("urn:w")).custody_event.nonce == 1


def test_prepare__correction_of_an_event__is_another_event(tmp_path: Path) -> None:
    mine = poster(tmp_path, resolve_event=lambda _label: None)
    original = mine.prepare(issue())
    declared = {"declarationTime": "2025-03-02T08:00:00+07:00", "reason": "incorrect_data"}
    correction = mine.prepare({**issue(), "errorDeclaration": declared})
    assert correction.is_correction and correction.custody_event.kind is Kind.CORRECT
    assert correction.custody_event.reference == original.event_id(SEPARATOR)
    assert mine.resolve_event("urn:x") == original.event_id(SEPARATOR)


def test_resolve__own_before_others__then_what_the_gateway_knows(tmp_path: Path) -> None:
    mine = poster(tmp_path, resolve_event=lambda label: b"\x07" * 32 if label in ("urn:x", "urn:g") else None)
    assert mine.resolve_event("urn:x") == b"\x07" * 32
    own = mine.prepare(issue())
    assert mine.resolve_event("urn:x") == own.event_id(SEPARATOR)
    assert mine.resolve_event("urn:g") == b"\x07" * 32
    assert mine.resolve_event("urn:nobody") is None


def test_deadline__of_caller_event_and_setting__in_that_order(tmp_path: Path) -> None:
    mine = poster(tmp_path)
    dated = {"cl:deadline": "2026-02-01T00:00:00Z"}
    assert mine.prepare({**issue("urn:a"), **dated}, deadline_s=NOW_S + 5).custody_event.deadline_s == NOW_S + 5
    assert mine.prepare({**issue("urn:b"), **dated}).custody_event.deadline_s == 1_769_904_000
    assert mine.prepare(issue("urn:c")).custody_event.deadline_s == NOW_S + DEADLINE_S


def test_renew__signed_again__content_and_payload_stay_and_repeats_answer_the_new_one(tmp_path: Path) -> None:
    mine = poster(tmp_path)
    first = mine.prepare(issue())
    second = mine.renew("urn:x", deadline_s=NOW_S + 9)
    assert second.payload == first.payload and second.custody_event.commitment == first.custody_event.commitment
    assert (second.custody_event.nonce, second.custody_event.deadline_s) == (1, NOW_S + 9)
    assert second.event_id(SEPARATOR) != first.event_id(SEPARATOR)
    assert recover_address(second.event_id(SEPARATOR), second.signature) == CLEO.address
    assert mine.prepare(issue()) == second
    with pytest.raises(ConflictError):
        mine.prepare(issue(quantity=1))
    with pytest.raises(NotFoundError):
        mine.renew("urn:nobody")


def test_prepare__customs_or_poster_without_reading_key__refused(tmp_path: Path) -> None:
    class Missing(EverybodyIsKnown):
        def __init__(self, number: int) -> None:
            self.number = number

        def reading_key(self, participant: int) -> bytes | None:
            return None if participant == self.number else super().reading_key(participant)

    for number in (3, 4):
        with pytest.raises(InputError, match="reading key"):
            poster(tmp_path, readers=Missing(number)).prepare(issue())
