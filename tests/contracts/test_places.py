"""What counts at one place only: roles at a facility, keys limited to one; and what a recovery does to events.

Everything goes through the world, so contract and oracle are compared at every step.
"""

from __future__ import annotations

import pytest

from ledger.vocabulary import Balance, Kind, LineRole, Outcome, Role
from tests.contracts.evm import AUTHORITY, Reverted, call_data, selector
from tests.contracts.world import (
    AGENCY,
    AT_CFS,
    AT_FACTORY,
    AT_TERMINAL,
    AT_YARD,
    BOOK,
    CARRIER,
    CFS,
    CUSTOMS,
    FACTORY,
    TERMINAL,
    YARD,
    World,
    ln,
)

LOCAL, PHONE = 20, 60
"""A participant that has roles at single places only; a key for one place."""


@pytest.fixture
def local(world: World) -> World:
    """A customs office that is customs at the terminal and nowhere else, with hold bit 3."""
    world.admit(LOCAL, Role.LOCAL, 3)
    world.add_key(LOCAL, LOCAL)
    world.set_local_roles(LOCAL, AT_TERMINAL, Role.CUSTOMS)
    world.arrived("box")
    return world


def moved_to_cfs(world: World) -> None:
    world.hand_over("box", CARRIER, CFS, AT_CFS)


@pytest.mark.parametrize("kind", [Kind.HOLD, Kind.ELIGIBLE, Kind.REVOKE])
def test_role_at_a_place__unit_there__counts_and_elsewhere_not(local: World, kind: Kind) -> None:
    assert local.post(LOCAL, kind, ln("box")) is Outcome.RECORDED
    local.arrived("other")
    local.hand_over("other", CARRIER, CFS, AT_CFS)
    assert local.post(LOCAL, kind, ln("other")) is Outcome.ROLE_MISSING
    assert local.post(LOCAL, kind, ln("box"), ln("other")) is Outcome.ROLE_MISSING, "every unit must stand there"


def test_role_at_a_place__ended__counts_no_longer(local: World) -> None:
    local.set_local_roles(LOCAL, AT_TERMINAL, Role(0))
    assert local.post(LOCAL, Kind.HOLD, ln("box")) is Outcome.ROLE_MISSING


def test_role_at_a_place__own_hold_on_a_unit_that_left__stays_until_it_is_back(local: World) -> None:
    local.ok(LOCAL, Kind.HOLD, ln("box"))
    local.hand_over("box", CARRIER, TERMINAL, AT_TERMINAL)  # a held box may go to the operator of a supervised place
    local.hand_over("box", TERMINAL, CFS, AT_CFS)
    assert local.post(LOCAL, Kind.UNHOLD, ln("box")) is Outcome.ROLE_MISSING
    local.hand_over("box", CFS, TERMINAL, AT_TERMINAL)
    assert local.post(LOCAL, Kind.UNHOLD, ln("box")) is Outcome.RECORDED


def test_role_at_a_place__carried_unit__stands_nowhere(local: World) -> None:
    local.hand_over("box", CARRIER, YARD)  # carriage under supervision: no facility
    assert local.post(LOCAL, Kind.HOLD, ln("box")) is Outcome.ROLE_MISSING


def test_role_at_a_place__declaration_line_lot_and_unknown_unit__stand_nowhere(local: World) -> None:
    declared = local.ok(FACTORY, Kind.DECLARE, ln("line", LineRole.RECEIVE, q=9, material="fabric"))
    local.ok(FACTORY, Kind.RECEIVE_DOMESTIC, ln("lot", LineRole.OUTPUT, q=9, balance=Balance.RAW, material="fabric"), book=BOOK)
    for name in ("line", "lot", "nothing"):
        assert local.post(LOCAL, Kind.HOLD, ln(name)) is Outcome.ROLE_MISSING
    assert local.post(LOCAL, Kind.CLEAR, ln("line"), reference=declared) is Outcome.ROLE_MISSING
    assert local.post(LOCAL, Kind.COUNT, ln("lot", q=9, balance=Balance.RAW), book=BOOK) is Outcome.NOT_OWNER
    assert local.post(LOCAL, Kind.COUNT, book=BOOK) is Outcome.NOT_OWNER
    assert local.post(LOCAL, Kind.EXIT_CONFIRM, ln("lot", q=9, balance=Balance.LOADED)) is Outcome.ROLE_MISSING


def test_role_at_a_place__approval_of_a_book_act__needs_the_role_everywhere(local: World) -> None:
    event = local.event(Kind.OPENING, ln("lot", LineRole.OWN, q=1, balance=Balance.RAW, material="x"), book=BOOK)
    local.record(FACTORY, event)
    approval = local.event(Kind.APPROVE, reference=local.last_id)
    assert local.record(LOCAL, approval, pending=event) is Outcome.ROLE_MISSING


def test_role_at_a_place__carrier_there__may_report_arrivals_there_only(local: World) -> None:
    local.set_local_roles(LOCAL, AT_CFS, Role.CARRIER)
    assert local.post(LOCAL, Kind.ARRIVE, ln("a", LineRole.CONTAINER), facility=AT_CFS) is Outcome.RECORDED
    assert local.post(LOCAL, Kind.ARRIVE, ln("b", LineRole.CONTAINER), facility=AT_TERMINAL) is Outcome.NOT_OPERATOR


def test_role_at_a_place__held_unit__may_be_handed_to_customs_of_that_place(local: World) -> None:
    local.ok(AGENCY, Kind.HOLD, ln("box"))
    offer = local.ok(CARRIER, Kind.OFFER, ln("box"), counterparty=LOCAL)
    assert local.post(LOCAL, Kind.ACCEPT, ln("box"), reference=offer, facility=AT_TERMINAL) is Outcome.RECORDED


def test_role_at_a_place__held_unit_elsewhere__may_not(local: World) -> None:
    moved_to_cfs(local)
    local.ok(AGENCY, Kind.HOLD, ln("box"))
    assert local.post(CFS, Kind.OFFER, ln("box"), counterparty=LOCAL) is Outcome.HELD


def test_role_at_a_place__lost_between_offer_and_acceptance__held_unit_stays(local: World) -> None:
    local.ok(AGENCY, Kind.HOLD, ln("box"))
    offer = local.ok(CARRIER, Kind.OFFER, ln("box"), counterparty=LOCAL)
    local.set_local_roles(LOCAL, AT_TERMINAL, Role.AUDITOR)
    assert local.post(LOCAL, Kind.ACCEPT, ln("box"), reference=offer) is Outcome.HELD


# ---- keys limited to one place


@pytest.fixture
def phone(world: World) -> World:
    """A gate clerk's key of the terminal, for the terminal only."""
    world.add_key(PHONE, TERMINAL, place=AT_TERMINAL)
    world.arrived("box")
    return world


def test_key_for_one_place__acts_there__recorded(phone: World) -> None:
    offer = phone.ok(CARRIER, Kind.OFFER, ln("box"), counterparty=TERMINAL)
    assert phone.post(PHONE, Kind.ACCEPT, ln("box"), reference=offer, facility=AT_TERMINAL) is Outcome.RECORDED
    assert phone.post(PHONE, Kind.OBSERVE, ln("box")) is Outcome.RECORDED
    assert phone.post(PHONE, Kind.OBSERVE, facility=AT_TERMINAL) is Outcome.RECORDED
    assert phone.post(PHONE, Kind.ARRIVE, ln("new", LineRole.CONTAINER), facility=AT_TERMINAL) is Outcome.RECORDED
    phone.ok(CUSTOMS, Kind.ELIGIBLE, ln("box"))
    assert phone.post(PHONE, Kind.GATE_OUT, ln("box")) is Outcome.RECORDED


def test_key_for_one_place__acts_elsewhere_or_nowhere__refused_and_burned(phone: World) -> None:
    phone.set_place(AT_YARD, TERMINAL, True)  # the terminal runs the yard too, its clerk's phone does not
    phone.hand_over("box", CARRIER, TERMINAL, AT_YARD)
    phone.ok(CUSTOMS, Kind.ELIGIBLE, ln("box"))
    elsewhere = [
        phone.event(Kind.GATE_OUT, ln("box")), phone.event(Kind.OFFER, ln("box"), counterparty=CARRIER),
        phone.event(Kind.OBSERVE, ln("box")), phone.event(Kind.OBSERVE), phone.event(Kind.OBSERVE, ln("unknown")),
        phone.event(Kind.OBSERVE, ln("box"), facility=AT_YARD),
        phone.event(Kind.ARRIVE, ln("new", LineRole.CONTAINER), facility=AT_YARD),
        phone.event(Kind.DECLARE, ln("line", LineRole.RECEIVE, q=9, material="fabric")),
    ]
    for event in elsewhere:
        assert phone.record(PHONE, event) is Outcome.SIGNER_ELSEWHERE, event.kind.name
    assert phone.record(PHONE, elsewhere[0]) is Outcome.NONCE_USED
    assert phone.record(TERMINAL, phone.event(Kind.GATE_OUT, ln("box"))) is Outcome.RECORDED


def test_key_for_one_place__what_is_carried_to_the_gate__may_be_refused_there(phone: World) -> None:
    phone.hand_over("box", CARRIER, YARD)
    offer = phone.ok(YARD, Kind.OFFER, ln("box"), counterparty=TERMINAL)
    assert phone.post(PHONE, Kind.ACCEPT, ln("box"), reference=offer) is Outcome.SIGNER_ELSEWHERE, "it must say where"
    assert phone.post(PHONE, Kind.REFUSE, ln("box"), reference=offer) is Outcome.RECORDED


def test_key_for_one_place__some_of_the_units_elsewhere__refused(phone: World) -> None:
    phone.arrived("other")
    phone.hand_over("other", CARRIER, CFS, AT_CFS)
    assert phone.post(PHONE, Kind.OBSERVE, ln("box"), ln("other")) is Outcome.SIGNER_ELSEWHERE


def test_key_for_one_place__container_unpacked_there__what_comes_out_comes_into_being_there(phone: World) -> None:
    out = (ln("bale", LineRole.OUTPUT), ln("crate", LineRole.OUTPUT))
    phone.hand_over("box", CARRIER, TERMINAL, AT_TERMINAL)
    nothing_here = phone.event(Kind.STRIP, *out)
    assert phone.record(PHONE, nothing_here) is Outcome.SIGNER_ELSEWHERE
    assert phone.post(PHONE, Kind.STRIP, ln("box", LineRole.CONTAINER), *out) is Outcome.RECORDED
    assert phone.post(PHONE, Kind.OBSERVE, ln("bale"), ln("crate")) is Outcome.RECORDED
    phone.arrived("other")
    phone.set_place(AT_YARD, TERMINAL, True)
    phone.hand_over("other", CARRIER, TERMINAL, AT_YARD)
    elsewhere = phone.event(Kind.STRIP, ln("other", LineRole.CONTAINER), ln("roll", LineRole.OUTPUT))
    assert phone.record(PHONE, elsewhere) is Outcome.SIGNER_ELSEWHERE


def test_key_for_one_place__lot_offered__a_lot_stands_nowhere(phone: World) -> None:
    phone.add_key(61, FACTORY, place=AT_FACTORY)
    phone.ok(FACTORY, Kind.RECEIVE_DOMESTIC, ln("lot", LineRole.OUTPUT, q=9, balance=Balance.RAW, material="x"), book=BOOK)
    assert phone.post(61, Kind.OFFER, ln("lot"), counterparty=YARD) is Outcome.SIGNER_ELSEWHERE


# ---- rotation, revocation, recovery


def test_rotation__old_and_new_key_overlap__then_the_old_is_revoked(world: World) -> None:
    early = world.event(Kind.OBSERVE)
    world.add_key(50, CARRIER)
    assert world.post(CARRIER, Kind.OBSERVE) is Outcome.RECORDED
    assert world.post(50, Kind.OBSERVE) is Outcome.RECORDED
    recorded = world.last_id
    world.revoke_key(CARRIER)
    assert world.record(CARRIER, early) is Outcome.SIGNER_REVOKED, "signed before, not recorded before"
    assert world.post(50, Kind.OBSERVE) is Outcome.RECORDED
    assert world.evm.view(world.evm.ledger, "nonceUsed(address,uint64)", "bool", *_signer_and_nonce(world, early))
    assert recorded


def _signer_and_nonce(world: World, event: object) -> tuple[bytes, int]:
    from ledger.events.model import CustodyEvent
    from tests.contracts.world import address_of, key_of

    assert isinstance(event, CustodyEvent)
    return address_of(key_of(CARRIER)), event.nonce


def test_revoked_key__what_was_recorded_under_it__stays_and_can_be_corrected(world: World) -> None:
    world.arrived("box")
    weighing = world.event(Kind.OBSERVE, ln("box"))
    assert world.record(CARRIER, weighing) is Outcome.RECORDED
    identifier = world.last_id
    world.add_key(50, CARRIER)
    world.revoke_key(CARRIER)
    correction = world.event(Kind.CORRECT, ln("box"), reference=identifier)
    assert world.record(50, correction, corrected=(weighing, CARRIER)) is Outcome.RECORDED


def test_recovery__all_keys_lost__old_ones_end_new_one_acts_and_custody_stays(world: World) -> None:
    world.arrived("box")
    world.add_key(50, CARRIER)
    unrecorded = world.event(Kind.OFFER, ln("box"), counterparty=TERMINAL)
    world.recover(CARRIER, 51)
    assert world.record(CARRIER, unrecorded) is Outcome.SIGNER_REVOKED
    assert world.post(50, Kind.OBSERVE) is Outcome.SIGNER_REVOKED, "a key nobody named ends too"
    assert world.post(51, Kind.OFFER, ln("box"), counterparty=TERMINAL) is Outcome.RECORDED
    assert world.post(CUSTOMS, Kind.OBSERVE) is Outcome.RECORDED, "nobody else is touched"
    world.check()


# ---- the end of a ledger


def test_successor__set__nothing_more_is_taken_and_nothing_burned(world: World) -> None:
    evm = world.evm
    event = world.event(Kind.OBSERVE)
    evm.call(evm.ledger, "setSuccessor(address)", evm.participants, sender=AUTHORITY)  # any contract will do here
    assert evm.view(evm.ledger, "successor()", "address") == "0x" + evm.participants.hex()
    with pytest.raises(Reverted) as fault:
        world.record(CARRIER, event)
    assert fault.value.data == selector("CustodyLedgerSucceeded(address)") + evm.participants.rjust(32, b"\0")
    assert not evm.view(evm.ledger, "nonceUsed(address,uint64)", "bool", *_signer_and_nonce(world, event))
    with pytest.raises(Reverted) as again:
        evm.call(evm.ledger, "setSuccessor(address)", evm.libraries["BookKinds"], sender=AUTHORITY)
    assert again.value.data[:4] == selector("CustodyLedgerSucceeded(address)")


@pytest.mark.parametrize("address", ["itself", "nothing there"])
def test_successor__not_another_contract__refused(world: World, address: str) -> None:
    evm = world.evm
    given = evm.ledger if address == "itself" else b"\x77" * 20
    with pytest.raises(Reverted) as fault:
        evm.send(evm.ledger, call_data("setSuccessor(address)", given), AUTHORITY)
    assert fault.value.data[:4] == selector("CustodyLedgerNoSuccessor(address)")


def test_successor__set_by_whom_the_authority_did_not_name__refused(world: World) -> None:
    evm = world.evm
    with pytest.raises(Reverted) as fault:
        evm.send(evm.ledger, call_data("setSuccessor(address)", evm.participants), b"\x99" * 20)
    assert fault.value.data[:4] == selector("AccessManagedUnauthorized(address)")
