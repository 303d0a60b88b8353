"""Random lives of an index: however it came about, it equals one that is built at the end from the same keys and stores.

Unlike the one story of the other tests these lives have what years bring: content signed again and commitments copied,
eventIDs used twice and by others, a box on several consignments, observations that leave theirs out, keys revoked and
participants recovered, grants passed on, dated ahead or of who could not read; stores that lack this and that for a
while, processes started again with more keys or fewer.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from eth_hash.auto import keccak

from indexer.database import open_engine
from indexer.grants import GrantBook
from indexer.opening import Opener
from ledger.errors import InputError
from ledger.events.model import CustodyEvent
from ledger.keys.grants import Grant, Scope, make_grant
from ledger.keys.sealing import content_key_of
from ledger.vocabulary import Kind, Outcome
from tests.indexer.helpers import dump, make_indexer, warm
from tests.indexer.story import (
    BOX,
    CHAIN_ID,
    LEDGER,
    PARTICIPANTS,
    START_S,
    Entry,
    Story,
    declaration,
    log,
    reading_key,
    signer,
)

LIVES = 200 if os.environ.get("CARGOLEDGER_TEST_PROFILE") == "deep" else 12
WHO = (1, 2, 3, 4)
ENDED = {keccak(b"SignerRevoked(address,uint32)"), keccak(b"ParticipantRecovered(uint32,uint8)")}
BOOK = {"cl:book": "mill-book", "epcList": []}


class Life:
    """A story of random acts, and what may be granted of it."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.story = Story()
        self.story.register()
        for number in range(self.dice.randrange(8, 24)):
            with suppress(InputError):  # what nobody can sign, such as a correction of a correction
                self.dice.choice(ACTS)(self, str(number))
        self.commitments = sorted({event.commitment for event in self.events()})
        self.grants = [self.grant() for _ in range(self.dice.randrange(12)) if self.commitments]

    def events(self) -> list[CustodyEvent]:
        return [entry.event for entry in self.story.entries if entry.event is not None]

    def readers(self) -> tuple[int, ...]:
        return tuple(self.dice.sample(WHO, self.dice.randrange(3)))

    def post(self, poster: int, document: dict[str, Any], **options: Any) -> None:
        outcome = self.dice.choice([Outcome.RECORDED, Outcome.RECORDED, Outcome.HELD])
        event = self.story.signed(poster, document, readers=self.readers(), **options)
        self.story.documents.setdefault(document["eventID"], document)
        self.story.by_epcis_id.setdefault(document["eventID"], self.story.add(poster, event, outcome))

    def consignment(self) -> str:
        return f"BL-{self.dice.randrange(3)}"

    def some_document(self) -> dict[str, Any]:
        if not self.story.documents:
            raise InputError("nothing was posted yet.")
        return self.dice.choice(list(self.story.documents.values()))

    def some_event(self) -> CustodyEvent:
        if not self.events():
            raise InputError("nothing was posted yet.")
        return self.dice.choice(self.events())

    def grant(self) -> Grant:
        chosen = self.dice.sample(self.commitments, min(self.dice.randrange(1, 3), len(self.commitments)))
        giver, taker = self.dice.choice(WHO), self.dice.choice(WHO[1:])
        return make_grant(
            {c: content_key_of(self.story.payloads.kept[c], reading_key(1)) for c in chosen}, signer=signer(giver),
            chain_id=CHAIN_ID, ledger=LEDGER, grantor=giver, grantee=taker, grantee_key=reading_key(taker).public,
            scope=Scope(), reason="a reason", issued_at_s=START_S + self.dice.choice([0, 100, 10**6]),
            until_s=self.dice.choice([None, START_S + 10**7]))


def arrive(life: Life, name: str) -> None:
    life.post(2, life.story.document(2, Kind.ARRIVE, name, epcList=[BOX], bizLocation={"id": "urn:place:quay"}, **{
        "cl:consignment": life.consignment()}))


def hold(life: Life, name: str) -> None:
    life.post(1, life.story.document(1, Kind.HOLD, name, epcList=[BOX], **{"cl:consignment": life.consignment()}))


def look(life: Life, name: str) -> None:
    poster = life.dice.choice([2, 3])
    life.post(poster, life.story.document(poster, Kind.OBSERVE, name, epcList=[BOX], **{"cl:step": "WEIGH"}),
              consignment=life.consignment())


def sign_again(life: Life, name: str) -> None:
    """By its poster, or by somebody else who copies the commitment."""
    event = life.some_event()
    life.story.add(life.dice.choice(WHO), replace(event, nonce=10_000 + int(name)),
                   life.dice.choice([Outcome.RECORDED, Outcome.DEADLINE_PASSED]))


def correct(life: Life, _: str) -> None:
    said = {"declarationTime": "2026-02-01T00:00:00Z", "reason": "incorrect_data"}
    life.post(life.dice.choice(WHO), {**life.some_document(), "errorDeclaration": said}, consignment=life.consignment())


def declare(life: Life, name: str) -> None:
    document = life.story.document(4, Kind.DECLARE, name, **declaration(
        f"D{life.dice.randrange(2)}", "1", "RECEIVE", life.dice.choice(["FAB", "BUT"]), life.dice.randrange(1, 9)))
    document["cl:declaration"]["description"] = f"called so {life.dice.randrange(3)}"
    life.post(4, document, enterprise_key=life.dice.random() < 0.5)


def norm(life: Life, name: str) -> None:
    life.post(4, life.story.document(4, Kind.DECLARE, name, **BOOK, **{"cl:step": "NORM", "cl:norm": {
        "product": "JKT", "productUom": "C62", "validFrom": "2026-01-01", "validTo": "", "enterprise": "mill",
        "lines": [{"material": "FAB", "norm": life.dice.randrange(1, 5), "materialUom": "MTR"}]}}))


def count(life: Life, name: str) -> None:
    life.post(4, life.story.document(4, Kind.COUNT, name, **BOOK, **{"cl:counts": [{
        "at": "2026-12-31", "stock": "material", "code": "FAB", "lot": "L1", "quantity": life.dice.randrange(9), "uom": "MTR"}]}))


def same_label(life: Life, name: str) -> None:
    """Other content under an eventID that was used, by whoever."""
    other = {"cl:reason": f"other {name}"} if life.dice.random() < 0.5 else {"eventTime": "2026-01-01T05:00:00Z"}
    life.post(life.dice.choice(WHO), {**life.some_document(), **other}, consignment=life.consignment())


def revoke(life: Life, _: str) -> None:
    of = life.dice.choice(WHO)
    life.story.entries.append(Entry([log(PARTICIPANTS, "SignerRevoked(address,uint32)", [signer(of).address, of], [], [])]))


def recover(life: Life, _: str) -> None:
    of = life.dice.choice(WHO[1:])
    life.story.entries.append(Entry([log(PARTICIPANTS, "ParticipantRecovered(uint32,uint8)", [of], ["uint8"], [1])]))


ACTS: tuple[Callable[[Life, str], None], ...] = (
    arrive, hold, look, look, sign_again, sign_again, correct, declare, norm, count, same_label, revoke, recover)


def lived(seed: int) -> tuple[str, str]:
    """The index at the end of a life, and one that is built then."""
    life = Life(seed)
    dice, story = life.dice, life.story
    stores, chain = story.payloads, story.chain([dice.randrange(1, 4) for _ in range(5)])
    last = tuple(sorted(dice.sample(WHO, dice.randrange(1, 5))))
    engine, indexer, keys, head = warm(open_engine("sqlite://")), None, (), 0
    while head < len(chain.headers) - 1:
        since = head
        chain.head = head = min(len(chain.headers) - 1, head + dice.randrange(1, 5))
        stores.hidden = set(dice.sample(life.commitments, dice.randrange(len(life.commitments) + 1)))
        stores.given = life.grants[:max(len(stores.given), dice.randrange(len(life.grants) + 1))]
        before, ended = keys, any(
            one.topics[0] in ENDED for block in chain.blocks[since + 1:head + 1] for receipt in block for one in receipt.logs)
        if indexer is None or dice.random() < 0.2:
            keys = last if dice.random() < 0.7 else tuple(sorted(dice.sample(WHO, dice.randrange(1, 5))))
            indexer = make_indexer(story, chain, engine, keys=keys)
        if ended or not set(before) <= set(keys):
            stores.hidden = set()  # what no store has while a key or grant is taken away stays open: docs/promises.md
        indexer.run_once()
    stores.hidden, stores.given = set(), dice.sample(life.grants, len(life.grants))
    (indexer if indexer is not None and keys == last else make_indexer(story, chain, engine, keys=last)).run_once()
    other = warm(open_engine("sqlite://"))
    make_indexer(story, chain, other, keys=last).run_once()
    return dump(engine), dump(other)


TELLING = {"recorded again": 61, "revoked": 36, "other keys": 0}
"""Lives that end otherwise without one of the things that keep an index equal to its rebuild."""


def test_life__random__equals_a_rebuild() -> None:
    for seed in sorted({*range(LIVES), *TELLING.values()}):
        live, rebuilt = lived(seed)
        assert live == rebuilt, f"seed {seed}"


@pytest.mark.parametrize(("of", "name", "instead", "seed"), [
    (GrantBook, "_recorded_again", None, "recorded again"), (GrantBook, "_revoked_since", None, "revoked"),
    (Opener, "_open_already", [], "other keys")])
def test_life__canary__a_planted_fault_is_found(
        monkeypatch: pytest.MonkeyPatch, of: type, name: str, instead: Any, seed: str) -> None:
    monkeypatch.setattr(of, name, lambda *_: instead)
    live, rebuilt = lived(TELLING[seed])
    assert live != rebuilt
