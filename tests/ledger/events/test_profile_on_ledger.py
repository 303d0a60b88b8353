"""What the profile makes of an event has the form that the ledger takes: no kind is refused for its format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from ledger.chain.authority import Authority
from ledger.chain.codec import decode_logs, encode_record
from ledger.chain.deploy import Deployment, deploy
from ledger.chain.embedded import EmbeddedChain
from ledger.chain.facts import EventNotTaken, EventOutcome
from ledger.chain.tx import Sender
from ledger.events.model import CustodyEvent, domain_separator, event_id
from ledger.events.profile import interpret
from ledger.vocabulary import Kind, Outcome
from tests.chain_fixtures import CHAIN_ID, AccountSigner, Clock
from tests.ledger.events.samples import DIRECTORY, context, every_kind

NOW_S = 1_740_800_000
AUTHORITY, GATEWAY = AccountSigner(1), AccountSigner(2)
SIGNERS = {p.id: AccountSigner(100 + p.number) for p in DIRECTORY.participants}
KINDS = every_kind()
NONCES = count()
Ledger = tuple[EmbeddedChain, Deployment]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """A ledger on which everybody of the directory may sign, but nothing has happened."""
    folder: Path = tmp_path_factory.mktemp("ledger")
    chain = EmbeddedChain(folder / "chain.sqlite", Clock(NOW_S), CHAIN_ID)
    made = deploy(chain, AUTHORITY, GATEWAY.address)
    authority = Authority(chain, made, AUTHORITY)
    for participant in DIRECTORY.participants:
        authority.admit(participant.number, participant.roles, reading_key=b"\x01" * 32, hold_bit=participant.hold_bit)
        authority.add_signer(SIGNERS[participant.id].address, participant.number)
    for facility in DIRECTORY.facilities:
        authority.set_facility(facility.number, DIRECTORY.participant(facility.operator).number, supervised=facility.supervised)
    for book in DIRECTORY.books:
        authority.set_book(book.number, DIRECTORY.participant(book.owner).number, regime=1, options=book.options)
    yield chain, made
    chain.close()


def outcome_of(ledger: Ledger, poster: str, event: CustodyEvent) -> Outcome:
    """Sign an event as its poster and record it."""
    chain, made = ledger
    event = replace(event, nonce=next(NONCES), deadline_s=NOW_S + 3600)
    signature = SIGNERS[poster].sign_digest(event_id(event, domain_separator(CHAIN_ID, made.ledger)))
    receipt = Sender(chain, GATEWAY).send(made.ledger, encode_record([(event, signature, b"")]))
    facts = [f for f in decode_logs(receipt, made) if isinstance(f, EventOutcome | EventNotTaken)]
    shows = event.kind in (Kind.APPROVE, Kind.DENY, Kind.CORRECT) or (event.kind is Kind.ACCEPT and event.book)
    if shows and isinstance(facts[0], EventNotTaken):
        # what it names was never signed by anybody here, so there is nothing to show of it
        assert facts[0].code is Outcome.WITNESS_MISMATCH
        return facts[0].code
    assert len(facts) == 1 and isinstance(facts[0], EventOutcome), facts
    assert facts[0].event == event
    return facts[0].outcome


@pytest.mark.parametrize("name", KINDS)
def test_every_kind__as_the_profile_signs_it__form_taken_by_the_ledger(name: str, ledger: Ledger) -> None:
    poster, event = KINDS[name]
    outcome = outcome_of(ledger, poster, interpret(event, context(poster)).event)
    assert not 700 <= outcome < 800, outcome


def test_line__quantity_that_the_profile_leaves_out__refused_by_the_ledger(ledger: Ledger) -> None:
    poster, event = KINDS["MERGE"]
    signed = interpret(event, context(poster)).event
    spoilt = replace(signed, lines=tuple(replace(line, quantity_micro=1) for line in signed.lines))
    assert 700 <= outcome_of(ledger, poster, spoilt) < 800
