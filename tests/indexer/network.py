"""The whole write side with the real contracts, small: posters, gateway, payload store, grants; for tests of the index."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from indexer.database import open_engine
from indexer.indexer import Indexer
from ledger.chain.authority import Authority
from ledger.chain.client import ChainClient
from ledger.chain.codec import encode_record
from ledger.chain.deploy import Deployment, deploy
from ledger.chain.tx import Sender
from ledger.chain.views import View
from ledger.directory import Directory
from ledger.events.model import CustodyEvent, event_id
from ledger.events.profile import NamingContext
from ledger.gateway.gateway import Gateway, open_gateway_store
from ledger.gateway.handover_grants import HandoverGrants, Holder
from ledger.gateway.payloads import PayloadStore
from ledger.gateway.poster import Poster, open_poster_store
from ledger.gateway.readers import ChainReaders
from ledger.gateway.submission import SignedSubmission
from ledger.keys.local_signer import LocalSigner
from ledger.limits import Limits
from ledger.vocabulary import Kind
from tests.chain_fixtures import AccountSigner, Clock
from tests.indexer.story import (
    BOX,
    MILL_KEY,
    NAMES,
    ROLES,
    SECRET,
    Story,
    declaration,
    directory,
    draws,
    lot_line,
    lot_list,
    parties,
    reading_key,
)

AUTHORITY, GATEWAY = AccountSigner(501), AccountSigner(502)


def key_of(number: int) -> LocalSigner:
    return LocalSigner(hashlib.sha256(b"signer" + bytes([number])).digest())


@dataclass
class RealNetwork:
    """One ledger with four participants; `post` signs and submits, `flush` records."""

    chain: ChainClient
    folder: Path
    clock: Clock
    batch_events: int = 200
    directory: Directory = field(default_factory=directory)
    story: Story = field(default_factory=lambda: Story(step_s=1))  # anvil's clock cannot be moved here
    submissions: list[SignedSubmission] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.deployment: Deployment = deploy(self.chain, AUTHORITY, GATEWAY.address)
        authority = Authority(self.chain, self.deployment, AUTHORITY)
        for number, role in ROLES.items():
            authority.admit(number, role, reading_key=reading_key(number).public, **({"hold_bit": 0} if number == 1 else {}))
            authority.add_signer(key_of(number).address, number)
        for facility in self.directory.facilities:
            authority.set_facility(facility.number, self.directory.participant(facility.operator).number,
                                   supervised=facility.supervised)
        authority.set_book(1, 4, regime=1, options=self.directory.book(1).options)
        self.view = View(self.chain, self.deployment)
        store = open_gateway_store(self.folder / "gateway.sqlite")
        self.payloads = PayloadStore(store)
        self.gateway = Gateway(self.chain, self.deployment, store, self.payloads, sender=GATEWAY, clock=self.clock,  # type: ignore[arg-type]
                               limits=replace(Limits(), batch_events_max=self.batch_events))
        self.gateway.on_settled(HandoverGrants(
            store, self.payloads, deployment=self.deployment, chain_id=self.deployment.chain_id,
            holders=lambda n: Holder(n, key_of(n), reading_key(n)), customs=lambda: [1],
            reading_key=lambda n: reading_key(n).public, clock=self.clock,
            submitters=lambda n: self.directory.participant(n).id))
        self.posters = {
            number: Poster(
                open_poster_store(self.folder / f"{name}.sqlite"), signer=key_of(number), participant=number,
                context=NamingContext(SECRET, self.directory, {"mill": MILL_KEY}, name, self.gateway.resolve_event,
                                      lambda _: "BL-1"),
                separator=self.gateway.separator, readers=ChainReaders(self.payloads.readers_of, self.view),
                clock=self.clock, entropy=Entropy(name))
            for number, name in NAMES.items()}

    def post(self, poster: int, kind: Kind | None, name: str, **fields: Any) -> None:
        self.clock.now_s += 1
        document = self.story.document(poster, kind, name, **fields)
        if document["type"] == "TransformationEvent":
            del document["action"]
        submission = self.posters[poster].prepare(document)
        self.submissions.append(submission)
        self.gateway.submit(submission)
        self.gateway.flush()

    def record(self, *events: tuple[int, CustodyEvent, bytes]) -> list[bytes]:
        """Sign events as they are and send them as one batch, past poster and gateway: (poster, event, witness)."""
        signed = []
        for number, event, witness in events:
            identifier = event_id(event, self.gateway.separator)
            signed.append((event, key_of(number).sign_digest(identifier), witness))
        Sender(self.chain, GATEWAY).send(self.deployment.ledger, encode_record(signed))
        return [event_id(event, self.gateway.separator) for _, event, _ in events]

    def indexer(self, engine: Engine | None = None, keys: tuple[int, ...] = (1, 2, 3, 4)) -> Indexer:
        return Indexer(
            self.chain, self.deployment, engine or open_engine("sqlite://"), self.payloads,
            reading_keys=[reading_key(n) for n in keys], directory=self.directory, network_secret=SECRET,
            enterprise_keys={"mill": MILL_KEY})


class Entropy:
    """Random bytes that are the same in every run of a test."""

    def __init__(self, seed: str) -> None:
        self._seed, self._count = seed, 0

    def __call__(self, size: int) -> bytes:
        self._count += 1
        return hashlib.shake_256(f"{self._seed} {self._count}".encode()).digest(size)


def journey(network: RealNetwork) -> None:
    """A container in, fabric into a jacket, half of it out again; a refusal, a denial, a correction on the way."""
    box: dict[str, Any] = {"epcList": [BOX], "cl:consignment": "BL-1"}
    here = {"bizLocation": {"id": "urn:place:quay"}}
    book = {"cl:book": "mill-book"}
    post = network.post
    post(4, Kind.OPENING, "opening", quantityList=lot_list("OPEN", 50), **book,
         **{"cl:lines": lot_line("OPEN", role="IMPORTED", balance="RAW")})
    post(1, Kind.APPROVE, "approve", epcList=[], **{"cl:reference": "https://mill.example/opening"})
    post(4, Kind.OPENING, "opening-2", quantityList=lot_list("OPEN-2", 5), **book,
         **{"cl:lines": lot_line("OPEN-2", code="JKT", role="OWN", balance="FINISHED")})
    post(1, Kind.DENY, "deny", epcList=[], **{"cl:reference": "https://mill.example/opening-2"})
    post(2, Kind.ARRIVE, "arrive", **box, **here)
    post(1, Kind.HOLD, "hold", **box)
    post(3, Kind.GATE_OUT, "out-early", **box)
    post(1, Kind.UNHOLD, "unhold", **box)
    post(2, Kind.OFFER, "offer", **box, **parties("carrier", "terminal"))
    post(3, Kind.ACCEPT, "accept", **box, **here, **parties("carrier", "terminal"),
         **{"cl:reference": "https://carrier.example/offer"})
    post(3, Kind.OBSERVE, "weigh", epcList=[BOX], **{"cl:step": "WEIGH"})
    post(1, Kind.ELIGIBLE, "eligible", **box)
    post(3, Kind.GATE_OUT, "out", **box)
    post(4, Kind.DECLARE, "declare", **declaration("D1", "1", "RECEIVE", "FAB", 1000))
    post(1, Kind.CLEAR, "clear", epcList=["urn:cargoledger:line:D1:1"], **{"cl:reference": "https://mill.example/declare"})
    post(4, Kind.RECEIVE_FACTORY, "receive", quantityList=lot_list("L1", Decimal("800.5")), **book,
         **{"cl:lines": lot_line("L1"), "bizTransactionList": draws("D1", "1")})
    post(4, Kind.RECEIVE_FACTORY, "receive-too-much", quantityList=lot_list("L2", 500), **book,
         **{"cl:lines": lot_line("L2"), "bizTransactionList": draws("D1", "1")})
    post(4, Kind.ISSUE_PROD, "issue", quantityList=lot_list("L1", 100), **book)
    post(4, Kind.TRANSFORM, "sew", type="TransformationEvent", inputQuantityList=lot_list("L1", 90),
         outputQuantityList=[*lot_list("J1", 50), *lot_list("S1", 3)], **book, **{"cl:lines": [
             {"id": "urn:cargoledger:lot:mill:L1", "role": "INPUT", "balance": "WIP"},
             *lot_line("J1", code="JKT", role="PRODUCT"), *lot_line("S1", code="SCR", role="SCRAP")]})
    post(4, Kind.DECLARE, "declare-x", **declaration("X1", "1", "EXPORT", "JKT", 60))
    post(1, Kind.CLEAR, "clear-x", epcList=["urn:cargoledger:line:X1:1"], **{"cl:reference": "https://mill.example/declare-x"})
    post(4, Kind.EXPORT_LOAD, "load", quantityList=lot_list("J1", 25), bizTransactionList=draws("X1", "1"))
    post(1, Kind.EXIT_CONFIRM, "exit", quantityList=lot_list("J1", 20), bizTransactionList=draws("X1", "1"))
    post(4, Kind.COUNT, "count", quantityList=lot_list("L1", 700), **book,
         **{"cl:lines": [{"id": "urn:cargoledger:lot:mill:L1", "balance": "RAW"}]})
    network.clock.now_s += 1
    weigh = network.story.document(3, Kind.OBSERVE, "weigh", epcList=[BOX], **{"cl:step": "WEIGH"})
    correction = {**weigh, "errorDeclaration": {"declarationTime": weigh["eventTime"], "reason": "incorrect_data"}}
    submission = network.posters[3].prepare(correction)
    network.submissions.append(submission)
    network.gateway.submit(submission)
    network.gateway.flush()
