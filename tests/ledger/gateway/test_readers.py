"""Who can open what: sealed at posting, granted at handover, and nobody else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import InputError, NotFoundError, TrustError
from ledger.events.model import Line, event_id
from ledger.gateway.handover_grants import HandoverGrants, Holder, collect_keys, grant_payloads
from ledger.gateway.outbox import Outbox
from ledger.gateway.poster import Poster
from ledger.gateway.submission import Settled, SignedSubmission
from ledger.keys.grants import Scope, make_grant, open_grant, verify_grant
from ledger.keys.sealing import open_sealed, open_with_content_key
from ledger.vocabulary import Kind, Outcome
from tests.ledger.events import samples
from tests.ledger.gateway.fakes import (
    CHAIN_ID,
    DEPLOYMENT,
    NOW_S,
    NUMBERS,
    READING,
    SEPARATOR,
    SIGNERS,
    Bench,
    bench,
)
from tests.ledger.gateway.test_poster import EverybodyIsKnown, poster

CARRIER, TERMINAL, FACTORY, CUSTOMS = 1, 2, 3, 4
BOXED: dict[str, Any] = {**samples.BOXED, "readPoint": {"id": samples.PORT}}


@dataclass
class World:
    """Everybody posts through one gateway."""

    box: Bench
    posters: dict[int, Poster]

    def post(self, number: int, label: str, kind: str, **fields: Any) -> SignedSubmission:
        submission = self.posters[number].prepare(samples.event(kind, eventID=label, **{**BOXED, **fields}))
        self.box.gateway.submit(submission)
        self.box.gateway.flush()
        return submission

    def opens(self, submission: SignedSubmission) -> set[int]:
        """Who opens it with the keys sealed at posting."""
        found = set()
        for number, key in READING.items():
            try:
                assert open_sealed(submission.payload, key).event["eventID"] == submission.epcis_event_id
                found.add(number)
            except NotFoundError:
                pass
        return found

    def opens_by_grant(self, submission: SignedSubmission) -> set[int]:
        commitment = submission.payload.commitment
        found = set()
        for number, key in READING.items():
            for grant in self.box.payloads.granted(commitment, number):
                assert open_with_content_key(submission.payload, open_grant(grant, key)[commitment])
                found.add(number)
        return found


@pytest.fixture
def world(tmp_path: Path) -> World:
    box = bench(tmp_path)

    class Readers(EverybodyIsKnown):
        def readers_of(self, identifiers: Any) -> set[int]:
            return box.payloads.readers_of(identifiers)

    return World(box, {n: poster(tmp_path, n, readers=Readers(), resolve_event=box.gateway.resolve_event) for n in SIGNERS})


def handover(world: World) -> tuple[SignedSubmission, SignedSubmission, SignedSubmission]:
    arrive = world.post(CARRIER, "urn:1", "ARRIVE", bizLocation={"id": samples.PORT})
    offer = world.post(CARRIER, "urn:2", "OFFER", **samples.handed("carrier", "terminal"))
    accept = world.post(TERMINAL, "urn:3", "ACCEPT", cl_reference="urn:2", bizLocation={"id": samples.PORT},
                        **samples.handed("carrier", "terminal"))
    return arrive, offer, accept


def test_readers__of_a_handover__poster_customs_counterparty_and_who_had_to_do_with_it(world: World) -> None:
    arrive, offer, accept = handover(world)
    assert world.opens(arrive) == {CARRIER, CUSTOMS}
    assert world.opens(offer) == {CARRIER, TERMINAL, CUSTOMS}
    assert world.opens(accept) == {CARRIER, TERMINAL, CUSTOMS}  # the carrier: it is answered, and had the box
    hold = world.post(CUSTOMS, "urn:4", "HOLD")
    assert world.opens(hold) == {CARRIER, TERMINAL, CUSTOMS}


def test_readers__stranger_observes_or_is_refused__reads_nothing_that_follows(world: World) -> None:
    handover(world)
    seen = world.post(FACTORY, "urn:5", "OBSERVE", cl_step="WEIGH")
    assert world.opens(seen) == {CARRIER, TERMINAL, FACTORY, CUSTOMS}
    world.box.chain.judge = lambda event, _p: Outcome.NOT_CUSTODIAN if event.kind is Kind.OFFER else Outcome.RECORDED
    world.post(FACTORY, "urn:6", "OFFER", **samples.handed("song-hong", "terminal"))
    assert world.box.gateway.status("urn:6").label == "refused:NOT_CUSTODIAN"
    assert FACTORY not in world.opens(world.post(CUSTOMS, "urn:7", "HOLD"))


def test_readers__queued_but_not_recorded__gives_no_right(world: World) -> None:
    """What the ledger has not judged must not decide who reads: sealing cannot be taken back."""
    handover(world)
    forged = world.posters[FACTORY].prepare(samples.event(
        "OFFER", eventID="urn:8", **{**BOXED, **samples.handed("song-hong", "terminal")}))
    world.box.gateway.submit(forged)
    hold = world.posters[CUSTOMS].prepare(samples.event("HOLD", eventID="urn:9", **BOXED))
    assert FACTORY not in world.opens(hold)


def test_readers__lot_unpacked_from_a_box__carrier_does_not_read_on(world: World) -> None:
    handover(world)
    receive = world.posters[FACTORY].prepare(samples.every_kind()["RECEIVE_FACTORY"][1])
    world.box.gateway.submit(receive)
    world.box.gateway.flush()
    issue = world.post(FACTORY, "urn:10", "ISSUE_PROD", readPoint={"id": samples.FACTORY}, epcList=None,
                       cl_consignment=None, quantityList=[samples.amount("L1", 5)], cl_book=samples.BOOK)
    assert world.opens(issue) == {FACTORY, CUSTOMS}


def test_readers__of_a_book__its_owner_reads_what_customs_counts(world: World) -> None:
    count = world.posters[CUSTOMS].prepare(samples.event("COUNT", eventID="urn:11", cl_book=samples.BOOK,
                                                         cl_counts=samples.COUNTS))
    assert world.opens(count) == {FACTORY, CUSTOMS}


def test_readers__no_customs_in_the_directory__refused(tmp_path: Path) -> None:
    from ledger.directory import Directory

    alone = Directory(participants=[samples.DIRECTORY.participant(3)], facilities=samples.DIRECTORY.facilities,
                      books=samples.DIRECTORY.books)
    with pytest.raises(InputError, match="CUSTOMS"):
        poster(tmp_path, 3, directory=alone).prepare(samples.every_kind()["COUNT"][1])


# grants at handover


def listener(world: World, held: set[int]) -> HandoverGrants:
    def holder(number: int) -> Holder | None:
        return Holder(number, SIGNERS[number], READING[number]) if number in held else None

    return HandoverGrants(
        world.box.store, world.box.payloads, deployment=DEPLOYMENT, chain_id=CHAIN_ID, holders=holder,
        customs=lambda: [CUSTOMS], reading_key=lambda n: READING[n].public if n in READING else None,
        clock=world.box.clock, submitters=lambda n: samples.DIRECTORY.participant(n).id)


@pytest.mark.parametrize(("held", "grantor"), [
    ({CARRIER, CUSTOMS}, CARRIER), ({CUSTOMS}, CUSTOMS), ({CARRIER}, CARRIER)], ids=["offeror", "customs", "no-customs"])
def test_handover__recorded_accept__acceptor_opens_the_history(world: World, held: set[int], grantor: int) -> None:
    world.box.gateway.on_settled(listener(world, held))
    arrive, offer, accept = handover(world)
    assert world.opens_by_grant(arrive) == {TERMINAL}
    assert world.opens_by_grant(offer) == world.opens_by_grant(accept) == set()  # was a reader already
    (grant,) = world.box.payloads.grants(TERMINAL)
    verify_grant(grant, chain_id=CHAIN_ID, ledger=DEPLOYMENT.ledger, participant_of=NUMBERS.get, now_s=NOW_S)
    assert (grant.grantor, grant.reason, grant.reference) == (grantor, "handover", world.box.gateway.status("urn:3").event_id)
    assert grant.scope.units == tuple(line.unit for line in accept.custody_event.lines)
    assert world.box.payloads.readers(arrive.payload.commitment) == {CARRIER, CUSTOMS, TERMINAL}


def test_handover__listener_repeated__grants_once(world: World) -> None:
    grants = listener(world, {CARRIER})
    heard: list[Settled] = []
    world.box.gateway.on_settled(grants)
    world.box.gateway.on_settled(heard.append)
    handover(world)
    assert all(grants.issue_accept_grants(item) == [] for item in heard)
    assert len(world.box.payloads.grants()) == 1


def test_handover__refused_accept_or_no_keys__grants_nothing(world: World) -> None:
    world.box.gateway.on_settled(listener(world, set()))
    handover(world)
    assert world.box.payloads.grants() == []
    world.box.gateway.on_settled(listener(world, {CARRIER, CUSTOMS}))
    world.box.chain.judge = lambda _e, _p: Outcome.NOT_OFFEREE
    world.post(FACTORY, "urn:12", "ACCEPT", cl_reference="urn:2", bizLocation={"id": samples.FACTORY},
               **samples.handed("carrier", "song-hong"))
    assert world.box.payloads.grants() == []


def test_handover__second__passes_on_what_was_granted_to_the_offeror(world: World) -> None:
    world.box.gateway.on_settled(listener(world, {CARRIER, TERMINAL}))
    arrive, offer, accept = handover(world)
    world.post(TERMINAL, "urn:13", "OFFER", **samples.handed("terminal", "song-hong"))
    world.post(FACTORY, "urn:14", "ACCEPT", cl_reference="urn:13", **samples.handed("terminal", "song-hong"))
    for item in (arrive, offer, accept):
        assert FACTORY in world.opens_by_grant(item)


def record_past_the_gateway(world: World, victim: SignedSubmission, number: int, line: Line) -> None:
    """A copied commitment that came in before the gateway refused such."""
    copy = replace(victim.custody_event, kind=Kind.OBSERVE, nonce=900, reference=bytes(32), counterparty=0,
                   lines=(line,))
    thief = replace(victim, custody_event=copy, signature=SIGNERS[number].sign_digest(event_id(copy, SEPARATOR)),
                    epcis_event_id="urn:thief", participant=number)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Outbox, "_check_commitment", lambda *_: None)
        world.box.gateway.submit(thief)
    world.box.gateway.flush()
    assert world.box.gateway.status("urn:thief").label == "recorded"


def count_of(world: World) -> SignedSubmission:
    count = world.posters[FACTORY].prepare(samples.event("COUNT", eventID="urn:20", cl_book=samples.BOOK,
                                                         cl_counts=samples.COUNTS))
    world.box.gateway.submit(count)
    world.box.gateway.flush()
    return count


def test_handover__commitment_copied_into_the_history__not_granted(world: World) -> None:
    world.box.gateway.on_settled(listener(world, {CUSTOMS}))
    secret = count_of(world)
    arrive = world.post(CARRIER, "urn:1", "ARRIVE", bizLocation={"id": samples.PORT})
    record_past_the_gateway(world, secret, CARRIER, arrive.custody_event.lines[0])
    world.post(CARRIER, "urn:2", "OFFER", **samples.handed("carrier", "terminal"))
    world.post(TERMINAL, "urn:3", "ACCEPT", cl_reference="urn:2", bizLocation={"id": samples.PORT},
               **samples.handed("carrier", "terminal"))
    assert world.opens_by_grant(arrive) == {TERMINAL}
    assert world.opens_by_grant(secret) == set()
    assert TERMINAL not in world.box.payloads.readers(secret.payload.commitment)


def test_handover__strangers_evidence_and_refused_acts__not_in_the_history(world: World) -> None:
    arrive = world.post(CARRIER, "urn:1", "ARRIVE", bizLocation={"id": samples.PORT})
    own = world.post(CARRIER, "urn:21", "OBSERVE", cl_step="WEIGH")
    world.post(FACTORY, "urn:22", "OBSERVE", cl_step="WEIGH")
    world.box.chain.judge = lambda _e, _p: Outcome.NOT_CUSTODIAN
    world.post(FACTORY, "urn:23", "OFFER", **samples.handed("song-hong", "terminal"))
    tried = world.post(CARRIER, "urn:24", "OFFER", **samples.handed("carrier", "terminal"))
    unit = arrive.custody_event.lines[0].unit
    assert world.box.payloads.history(unit) == [s.payload.commitment for s in (arrive, own, tried)]


def test_grant__payload_submitted_by_another_than_its_poster__not_given(world: World) -> None:
    arrive, _, _ = handover(world)
    wanted, holder = [arrive.payload.commitment], Holder(CUSTOMS, SIGNERS[CUSTOMS], READING[CUSTOMS])
    assert collect_keys(world.box.payloads, wanted, holder, lambda _: "carrier").closed == ()
    assert collect_keys(world.box.payloads, wanted, holder, lambda _: "terminal").closed == tuple(wanted)


# grants on request


def test_grant__to_an_auditor__only_what_the_holder_opens(world: World) -> None:
    arrive, _, _ = handover(world)
    count = world.posters[CUSTOMS].prepare(samples.event("COUNT", eventID="urn:15", cl_book=samples.BOOK,
                                                         cl_counts=samples.COUNTS))
    world.box.gateway.submit(count)
    world.box.gateway.flush()
    holder = Holder(CARRIER, SIGNERS[CARRIER], READING[CARRIER])
    wanted = [arrive.payload.commitment, count.payload.commitment, b"\x99" * 32]
    keys = collect_keys(world.box.payloads, wanted, holder)
    assert set(keys.opened) == {wanted[0]} and keys.closed == (wanted[1], wanted[2])
    (grant,) = grant_payloads(
        world.box.payloads, wanted, holder=holder, grantee=5, grantee_key=READING[5].public, chain_id=CHAIN_ID,
        ledger=DEPLOYMENT.ledger, scope=Scope(book=7), reason="audit", now_s=NOW_S, until_s=NOW_S + 10)
    assert world.opens_by_grant(arrive) == {5} and world.opens_by_grant(count) == set()
    readers = world.box.payloads.readers
    assert 5 in readers(arrive.payload.commitment, NOW_S + 10) and 5 not in readers(arrive.payload.commitment, NOW_S + 11)
    with pytest.raises(TrustError):
        open_grant(grant, READING[TERMINAL])


def test_grant__by_one_who_may_not_read__not_kept(world: World) -> None:
    arrive, _, _ = handover(world)
    commitment = arrive.payload.commitment
    for wanted in (commitment, b"\x99" * 32):
        stolen = make_grant({wanted: bytes(32)}, signer=SIGNERS[FACTORY], chain_id=CHAIN_ID, ledger=DEPLOYMENT.ledger,
                            grantor=FACTORY, grantee=5, grantee_key=READING[5].public, scope=Scope(), reason="x",
                            issued_at_s=NOW_S)
        with pytest.raises(NotFoundError):
            world.box.payloads.add_grant(stolen)
    assert 5 not in world.box.payloads.readers(commitment)


def test_payload__other_ciphertext_under_a_known_commitment__first_stays(world: World) -> None:
    arrive, _, _ = handover(world)
    from dataclasses import replace
    world.box.payloads.put(replace(arrive.payload, ciphertext=bytes(40)))
    assert world.box.payloads.get(arrive.payload.commitment) == arrive.payload
