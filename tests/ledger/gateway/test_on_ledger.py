"""Posters and gateway on the real contracts: outcomes, witnesses, grants, gas, and kills with the embedded ledger."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ledger.chain.authority import Authority
from ledger.chain.client import ChainClient
from ledger.chain.deploy import Deployment, deploy
from ledger.chain.embedded import EmbeddedChain
from ledger.chain.views import View
from ledger.errors import UnavailableError
from ledger.events.model import domain_separator
from ledger.gateway.batching import choose_batch, event_gas
from ledger.gateway.gateway import Gateway, open_gateway_store
from ledger.gateway.handover_grants import HandoverGrants, Holder
from ledger.gateway.outbox import Outbox
from ledger.gateway.payloads import PayloadStore
from ledger.gateway.poster import Poster, open_poster_store
from ledger.gateway.readers import ChainReaders
from ledger.gateway.store import Failpoint, Store, no_failpoint
from ledger.keys.grants import verify_grant
from ledger.keys.local_signer import LocalSigner
from ledger.limits import DEFAULT_LIMITS, Limits
from ledger.vocabulary import Role
from tests.chain_fixtures import CHAIN_ID, ENGINES, Clock, open_engine
from tests.ledger.events import samples
from tests.ledger.gateway.fakes import READING, SIGNERS

AUTHORITY, SENDER, OTHER_SENDER = (LocalSigner(bytes([n]) * 32) for n in (0x21, 0x22, 0x23))
NUMBERS = {entry.id: entry.number for entry in samples.DIRECTORY.participants}
AT = "2025-12-31T08:00:00+07:00"  # before the tests' clock


def set_up(chain: ChainClient) -> Deployment:
    """The small world of the event tests, on a ledger."""
    deployment = deploy(chain, AUTHORITY, SENDER.address)
    authority = Authority(chain, deployment, AUTHORITY)
    for entry in samples.DIRECTORY.participants:
        authority.admit(entry.number, entry.roles, reading_key=READING[entry.number].public,
                        **({"hold_bit": 0} if entry.roles & Role.CUSTOMS else {}))
        authority.add_signer(SIGNERS[entry.number].address, entry.number)
    for place in samples.DIRECTORY.facilities:
        authority.set_facility(place.number, NUMBERS[place.operator], supervised=place.supervised)
    for book in samples.DIRECTORY.books:
        authority.set_book(book.number, NUMBERS[book.owner], regime=1, options=book.options)
    return deployment


@dataclass
class World:
    chain: ChainClient
    deployment: Deployment
    clock: Clock
    store: Store
    payloads: PayloadStore
    gateway: Gateway
    posters: dict[str, Poster]

    def post(self, who: str, kind: str, label: str, **fields: Any) -> str:
        """Post, flush, and say what became of it."""
        self.submit(who, kind, label, **fields)
        self.gateway.flush()
        return self.gateway.status(f"urn:{label}", is_correction="errorDeclaration" in fields).label

    def submit(self, who: str, kind: str | None, label: str, **fields: Any) -> None:
        event = samples.event(kind, eventID=f"urn:{label}", **{"eventTime": AT, **fields})
        self.gateway.submit(self.posters[who].prepare(event))

    def close(self) -> None:
        self.store.close()
        for poster in self.posters.values():
            poster._store.close()


def world(chain: ChainClient, deployment: Deployment, path: Path, clock: Clock, *, failpoint: Failpoint = no_failpoint,
          limits: Limits = DEFAULT_LIMITS, sender: LocalSigner = SENDER, **options: Any) -> World:
    store = open_gateway_store(path / "gateway.sqlite", failpoint=failpoint)
    payloads = PayloadStore(store)
    gateway = Gateway(chain, deployment, store, payloads, sender=sender, clock=clock, limits=limits, **options)
    readers = ChainReaders(payloads.readers_of, View(chain, deployment))
    gateway.on_settled(HandoverGrants(
        store, payloads, deployment=deployment, chain_id=CHAIN_ID, customs=lambda: [NUMBERS["customs"]],
        holders=lambda n: Holder(n, SIGNERS[n], READING[n]), reading_key=readers.reading_key, clock=clock))
    posters = {
        entry.id: Poster(
            open_poster_store(path / f"{entry.id}.sqlite"), signer=SIGNERS[entry.number], participant=entry.number,
            context=samples.context(entry.id, resolve_event=gateway.resolve_event), readers=readers, clock=clock,
            separator=domain_separator(CHAIN_ID, deployment.ledger))
        for entry in samples.DIRECTORY.participants}
    return World(chain, deployment, clock, store, payloads, gateway, posters)


@pytest.fixture(params=ENGINES)
def net(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    clock = Clock()
    with open_engine(request.param, tmp_path, clock) as chain:
        found = world(chain, set_up(chain), tmp_path, clock)
        yield found
        found.close()


PORT = {"id": samples.PORT}
BOX: dict[str, Any] = {**samples.BOXED, "readPoint": PORT}


def journey(net: World) -> list[str]:
    return [
        net.post("carrier", "ARRIVE", "1", **BOX, bizLocation=PORT),
        net.post("carrier", "OFFER", "2", **BOX, **samples.handed("carrier", "terminal")),
        net.post("terminal", "ACCEPT", "3", **BOX, cl_reference="urn:2", bizLocation=PORT,
                 **samples.handed("carrier", "terminal")),
        net.post("customs", "HOLD", "4", **BOX),
        net.post("terminal", "GATE_OUT", "5", **BOX),
        net.post("customs", "UNHOLD", "6", **BOX),
        net.post("customs", "ELIGIBLE", "7", **BOX),
        net.post("terminal", "GATE_OUT", "8", **BOX),
    ]


def test_journey__through_poster_gateway_and_contract__outcomes_and_grants(net: World) -> None:
    assert journey(net) == ["recorded"] * 4 + ["refused:HELD"] + ["recorded"] * 3
    (grant,) = net.payloads.grants(NUMBERS["terminal"])
    view = View(net.chain, net.deployment)

    def participant_of(address: bytes) -> int | None:
        found = view.signer(address)
        return found.participant if found else None

    verify_grant(grant, chain_id=CHAIN_ID, ledger=net.deployment.ledger, participant_of=participant_of)
    arrive = net.gateway.status("urn:1")
    assert net.gateway.custody_event(arrive.event_id)[0].commitment in dict(grant.entries)  # type: ignore[index]
    receipt = net.chain.receipt(arrive.tx_hash or b"")
    assert receipt is not None and receipt.block_number == arrive.block_number


def test_witness__of_approve_and_correct__is_what_the_contract_asks_for(net: World) -> None:
    poster, opening = samples.every_kind()["OPENING"]
    net.gateway.submit(net.posters[poster].prepare({**opening, "eventID": "urn:o", "eventTime": AT}))
    net.gateway.flush()
    assert net.gateway.status("urn:o").label == "pending"
    assert net.post("customs", "APPROVE", "a", cl_reference="urn:o") == "recorded"
    count = {"quantityList": None, "cl_book": samples.BOOK, "cl_counts": samples.COUNTS}
    assert net.post("song-hong", "COUNT", "c", **count) == "recorded"
    declared = {"declarationTime": AT, "reason": "incorrect_data"}
    assert net.post("song-hong", "COUNT", "c", **count, errorDeclaration=declared) == "recorded"


def test_batch__of_answers_in_one_block__each_its_own_outcome(net: World) -> None:
    net.submit("carrier", "ARRIVE", "1", **BOX, bizLocation=PORT)
    net.submit("carrier", "OFFER", "2", **BOX, **samples.handed("carrier", "terminal"))
    net.submit("terminal", "ACCEPT", "3", **BOX, cl_reference="urn:2", bizLocation=PORT,
               **samples.handed("carrier", "terminal"))
    net.submit("carrier", "OFFER", "4", **BOX, **samples.handed("carrier", "terminal"))
    settled = net.gateway.flush()
    assert [s.label for s in settled] == ["recorded"] * 3 + ["refused:NOT_CUSTODIAN"]
    assert len({s.block_number for s in settled}) == 1


def test_gateway__not_admitted_by_the_authority__events_wait(net: World, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = world(net.chain, net.deployment, tmp_path / "other", net.clock, sender=OTHER_SENDER)
    other.submit("carrier", "ARRIVE", "1", **BOX, bizLocation=PORT)
    with pytest.raises(UnavailableError, match="admit"):
        other.gateway.flush()
    assert other.gateway.counts() == {"queued": 1}
    Authority(net.chain, net.deployment, AUTHORITY).grant_gateway(OTHER_SENDER.address)
    assert [s.label for s in other.gateway.flush()] == ["recorded"]
    other.close()


def test_recorded_through_another_gateway__long_ago__found_by_the_ledgers_log_index(
    net: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ledger.gateway.outcomes.LOOK_BACK_BLOCKS", 2)
    prepared = net.posters["carrier"].prepare(samples.event("ARRIVE", eventID="urn:1", eventTime=AT, **BOX, bizLocation=PORT))
    offered = samples.event("OFFER", eventID="urn:2", eventTime=AT, **BOX, **samples.handed("carrier", "terminal"))
    net.gateway.submit_all([prepared, net.posters["carrier"].prepare(offered)])
    net.gateway.flush()
    authority = Authority(net.chain, net.deployment, AUTHORITY)
    authority.grant_gateway(OTHER_SENDER.address)
    for entry in samples.DIRECTORY.participants[:4]:  # blocks in between
        authority.add_signer(bytes([entry.number]) * 20, entry.number)
    (tmp_path / "other").mkdir()
    other = world(net.chain, net.deployment, tmp_path / "other", net.clock, sender=OTHER_SENDER, reference_wait_s=9)
    other.gateway.submit(prepared)
    accept = net.posters["terminal"].prepare(samples.event(
        "ACCEPT", eventID="urn:3", eventTime=AT, **BOX, cl_reference="urn:2", bizLocation=PORT,
        **samples.handed("carrier", "terminal")))
    other.gateway.submit(accept)  # it never saw the OFFER, but the ledger has it: nothing to wait for
    assert [s.label for s in other.gateway.flush()] == ["recorded", "recorded"]
    assert other.gateway.status("urn:1").block_number == net.gateway.status("urn:1").block_number
    other.close()


def test_gas__estimated__from_above_and_not_far(tmp_path: Path) -> None:
    """A batch that is estimated too low runs out of gas; one estimated far too high is half empty."""
    clock = Clock()
    with open_engine("embedded", tmp_path, clock) as chain:
        net = world(chain, set_up(chain), tmp_path, clock)
        journey(net)
        for i in range(30):
            net.submit("carrier", "ARRIVE", f"x{i}", **{**BOX, "cl_consignment": f"C{i}"}, bizLocation=PORT)
        net.gateway.flush()
        poster, opening = samples.every_kind()["OPENING"]
        net.gateway.submit(net.posters[poster].prepare({**opening, "eventID": "urn:o", "eventTime": AT}))
        net.gateway.flush()
        net.post("customs", "APPROVE", "a", cl_reference="urn:o")
        outbox = Outbox(net.store)
        empty = choose_batch([], limits=DEFAULT_LIMITS, now_s=0, reference_wait_s=0, known=lambda _: False,
                             find=lambda _: None)
        for row in net.store.rows("SELECT * FROM batch WHERE state='settled'"):
            members = net.store.rows("SELECT *, length(witness) AS witness_bytes FROM submission WHERE batch=?", row["id"])
            estimated = empty.gas + sum(event_gas(queued) for queued in outbox._queued(members))
            assert row["gas_used"] <= estimated <= 4 * row["gas_used"] + 120_000, dict(members[0])
        net.close()


STEPS = ["after-commit", "after-batch-saved", "after-send", "before-announced"]  # all of them: test_durability.py


def test_kill__embedded_ledger_and_gateway_at_every_step__rerun_ends_as_undisturbed(quick_path: Path) -> None:
    template = quick_path / "template"
    template.mkdir()
    clock = Clock()
    with open_engine("embedded", template, clock) as chain:
        deployment = set_up(chain)
    expected = None
    for step, nth in [("none", 0), *((step, nth) for step in STEPS for nth in (1, 6))]:
        folder = quick_path / f"{step}-{nth}"
        shutil.copytree(template, folder)
        killed = _run(folder, deployment, step, nth)
        assert killed == (0 if step == "none" else 9), f"{step} {nth}"
        assert _run(folder, deployment, "none", 0) == 0, f"{step} {nth}"
        with open_engine("embedded", folder, clock) as chain:
            net = world(chain, deployment, folder, clock)
            found = ([net.gateway.status(f"urn:{i}").label for i in range(1, 9)], net.gateway.counts(),
                     len(net.payloads.grants()),
                     [View(chain, deployment).unit(line.unit) for line in
                      net.gateway.custody_event(net.gateway.status("urn:1").event_id)[0].lines])  # type: ignore[index]
            net.close()
        expected = expected or found
        assert found == expected, f"{step} {nth}"
    assert expected is not None and expected[1] == {"recorded": 7, "refused": 1} and expected[2] == 1


def _run(folder: Path, deployment: Deployment, step: str, nth: int) -> int:
    """The journey in a process of its own, killed at the nth passing of a step; its exit code."""
    child = os.fork()
    if child == 0:
        code, passed = 1, 0

        def failpoint(name: str) -> None:
            nonlocal passed
            passed += name == step
            if name == step and passed == nth:
                os._exit(9)

        try:
            clock = Clock()
            chain = EmbeddedChain(folder / "chain.sqlite", clock, CHAIN_ID)
            journey(world(chain, deployment, folder, clock, failpoint=failpoint))
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
