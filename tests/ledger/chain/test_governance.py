"""The authority of several members: delays, announcing, cancelling, guardians; no key has two roles; recovery."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger.chain.authority import Authority
from ledger.chain.codec import call_data, encode_record
from ledger.chain.deploy import RECOVER, ROLE_GUARDIAN, Deployment, Terms, deploy, has_role
from ledger.chain.embedded import EmbeddedChain
from ledger.chain.tx import Sender
from ledger.chain.views import View
from ledger.errors import AnnouncedError, ConflictError, InputError
from ledger.vocabulary import Role
from tests.chain_fixtures import CHAIN_ID, AccountSigner, Clock

FIRST, SECOND, THIRD, GUARDIAN, OTHER_GUARDIAN, GATEWAY, STRANGER, KEY, NEW_KEY = (AccountSigner(n) for n in range(201, 210))
HOUR, DAY, WEEK = 3600, 86_400, 604_800
MARGIN = 100
TERMS = Terms(members=(SECOND.address,), guardians=(GUARDIAN.address,), authority_delay_s=DAY, recovery_delay_s=2 * DAY,
              succession_delay_s=30 * DAY)


class Net:
    """A ledger with two members, a guardian and one participant."""

    def __init__(self, folder: Path, terms: Terms = TERMS) -> None:
        self.clock = Clock()
        self.chain = EmbeddedChain(folder / "chain.sqlite", self.clock, CHAIN_ID)
        self.deployment: Deployment = deploy(self.chain, FIRST, GATEWAY.address, terms=terms)
        self.view = View(self.chain, self.deployment)
        self.first, self.second, self.third, self.guardian, self.stranger = (
            Authority(self.chain, self.deployment, x) for x in (FIRST, SECOND, THIRD, GUARDIAN, STRANGER))
        self.pass_time(MARGIN)

    def pass_time(self, seconds: int) -> None:
        """Blocks made at one clock reading get later times, a second each; so a margin keeps the clock ahead."""
        self.clock.now_s += seconds + MARGIN

    def member(self, who: AccountSigner) -> bool:
        return has_role(self.chain, self.deployment.manager, 0, who.address)

    def done_after(self, act: Callable[[], object], delay_s: int) -> None:
        """The act is announced; a second before its time it is still not done, at its time it is."""
        self.pass_time(0)
        start = self.clock.now_s
        with pytest.raises(AnnouncedError) as first:
            act()
        assert first.value.ready_at_s == start + delay_s
        self.clock.now_s = start + delay_s - 1
        with pytest.raises(AnnouncedError) as again:
            act()
        assert (again.value.operation, again.value.ready_at_s) == (first.value.operation, first.value.ready_at_s)
        self.clock.now_s = start + delay_s
        assert act() is not None
        assert act() is None, "what stands so is no act"


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    made = Net(tmp_path)
    yield made
    made.chain.close()


def test_founding__members_guardians_and_delays__as_in_the_terms(net: Net) -> None:
    assert net.view.delays_s() == (0, DAY, 2 * DAY, 30 * DAY)
    assert net.view.member_count() == 2
    assert [net.member(x) for x in (FIRST, SECOND, GUARDIAN)] == [True, True, False]
    head = net.chain.head_number()
    assert deploy(net.chain, FIRST, GATEWAY.address, terms=TERMS) == net.deployment
    assert net.chain.head_number() == head


def test_register__without_delay__any_member_acts_at_once_even_if_the_other_is_lost(net: Net) -> None:
    net.second.admit(1, Role.YARD, reading_key=bytes(32))
    net.first.suspend(1)
    participant = net.view.participant(1)
    assert participant is not None and participant.suspended
    with pytest.raises(InputError, match="not allowed"):
        net.guardian.reinstate(1)


def test_member__added__after_the_delay_and_then_acts(net: Net) -> None:
    net.done_after(lambda: net.first.add_member(THIRD.address), DAY)
    assert net.view.member_count() == 3
    net.third.admit(1, Role.YARD, reading_key=bytes(32))
    net.pass_time(0)
    with pytest.raises(AnnouncedError) as fault:
        net.third.add_guardian(OTHER_GUARDIAN.address)
    assert fault.value.ready_at_s == net.clock.now_s + DAY, "a new member waits like all others"


def test_delays__set_anew__hold_for_new_members_and_for_old_ones_when_added_again(net: Net) -> None:
    wanted = (100, 2 * DAY, 3 * DAY, 60 * DAY)
    net.done_after(lambda: net.first.set_delays(*wanted), DAY)
    assert net.view.delays_s() == wanted == net.first.delays_s()
    assert net.first.set_delays(*wanted) is None
    net.done_after(lambda: net.first.add_member(THIRD.address), DAY)
    net.second.admit(1, Role.YARD, reading_key=bytes(32))
    with pytest.raises(AnnouncedError) as fault:
        net.third.admit(2, Role.YARD, reading_key=bytes(32))
    assert 100 <= fault.value.ready_at_s - net.clock.now_s < 110
    net.done_after(lambda: net.first.add_member(SECOND.address), DAY)
    with pytest.raises(AnnouncedError):
        net.second.admit(2, Role.YARD, reading_key=bytes(32))
    assert net.first.add_member(SECOND.address) is None
    for bad in (-1, 2**32):
        with pytest.raises(InputError, match="between 0 and"):
            net.first.set_delays(bad, 0, 0, 0)


def test_member__stolen_key_takes_over__a_guardian_cancels_and_the_others_remove_it(net: Net) -> None:
    thief, honest = net.second, net.first
    with pytest.raises(AnnouncedError):
        thief.remove_member(FIRST.address)
    act = call_data("removeMember(address)", FIRST.address)
    net.guardian.cancel(SECOND.address, net.deployment.manager, act)
    net.pass_time(DAY)
    with pytest.raises(AnnouncedError):
        thief.remove_member(FIRST.address)  # it must begin again
    net.guardian.cancel(SECOND.address, net.deployment.manager, act)
    with pytest.raises(AnnouncedError):
        honest.remove_member(SECOND.address)
    with pytest.raises(InputError, match="may not cancel"):
        thief.cancel(FIRST.address, net.deployment.manager, call_data("removeMember(address)", SECOND.address))
    net.pass_time(DAY)
    honest.remove_member(SECOND.address)
    assert not net.member(SECOND)
    with pytest.raises(InputError, match="not allowed"):
        thief.admit(1, Role.YARD, reading_key=bytes(32))


def test_member__last_one__cannot_be_removed_nor_leave(net: Net) -> None:
    net.done_after(lambda: net.first.remove_member(SECOND.address), DAY)
    with pytest.raises(InputError, match="last member"):
        net.first.remove_member(FIRST.address)
    with pytest.raises(InputError, match="last member"):
        Sender(net.chain, FIRST).send(net.deployment.manager, call_data("renounceRole(uint64,address)", 0, FIRST.address))
    assert net.member(FIRST)


def test_guardian__stolen_key_cancels_everything__but_not_its_own_removal(net: Net) -> None:
    removal = call_data("revokeRole(uint64,address)", ROLE_GUARDIAN, GUARDIAN.address)
    with pytest.raises(AnnouncedError):
        net.first.remove_guardian(GUARDIAN.address)
    with pytest.raises(InputError, match="may not cancel"):
        net.guardian.cancel(FIRST.address, net.deployment.manager, removal)
    net.pass_time(DAY)
    assert net.first.remove_guardian(GUARDIAN.address) is not None
    with pytest.raises(AnnouncedError):
        net.first.add_guardian(OTHER_GUARDIAN.address)
    with pytest.raises(InputError, match="may not cancel"):
        net.guardian.cancel(FIRST.address, net.deployment.manager,
                            call_data("grantRole(uint64,address,uint32)", ROLE_GUARDIAN, OTHER_GUARDIAN.address, 0))


def test_guardian__has_no_power_of_its_own(net: Net) -> None:
    for act in (lambda: net.guardian.add_member(THIRD.address), lambda: net.guardian.grant_gateway(STRANGER.address),
                lambda: net.guardian.succeed(net.deployment.participants)):
        with pytest.raises(InputError, match=r"not allowed|lacks the role"):
            act()


def test_stranger__cancelling__is_refused(net: Net) -> None:
    with pytest.raises(AnnouncedError):
        net.first.add_member(THIRD.address)
    with pytest.raises(InputError, match="may not cancel"):
        net.stranger.cancel(FIRST.address, net.deployment.manager, call_data("addMember(address)", THIRD.address))
    with pytest.raises(InputError, match="nothing is announced"):
        net.guardian.cancel(FIRST.address, net.deployment.manager, call_data("addMember(address)", STRANGER.address))


def test_announced__not_carried_out_within_a_week__must_be_announced_again(net: Net) -> None:
    with pytest.raises(AnnouncedError) as fault:
        net.first.add_member(THIRD.address)
    net.clock.now_s = fault.value.ready_at_s + WEEK
    net.pass_time(0)
    with pytest.raises(AnnouncedError) as again:
        net.first.add_member(THIRD.address)
    assert again.value.ready_at_s == net.clock.now_s + DAY


def test_gateway__admitted_by_a_member_at_once__records(net: Net) -> None:
    net.second.grant_gateway(STRANGER.address)
    Sender(net.chain, STRANGER).send(net.deployment.ledger, encode_record([]))
    net.first.revoke_gateway(STRANGER.address)
    with pytest.raises(InputError, match="not allowed"):
        Sender(net.chain, STRANGER).send(net.deployment.ledger, encode_record([]))


@pytest.mark.parametrize("act", [
    lambda net: net.first.add_signer(GATEWAY.address, 1), lambda net: net.first.add_signer(FIRST.address, 1),
    lambda net: net.first.add_signer(GUARDIAN.address, 1), lambda net: net.first.grant_gateway(KEY.address),
    lambda net: net.first.add_member(KEY.address), lambda net: net.first.add_guardian(KEY.address),
    lambda net: net.first.recover(1, GATEWAY.address, reading_key=bytes(32)),
], ids=["gateway signs", "member signs", "guardian signs", "signer sends", "signer governs", "signer guards", "recovered to a gateway"])
def test_key__in_two_roles__is_refused(net: Net, act: Callable[[Net], object]) -> None:
    net.first.admit(1, Role.YARD, reading_key=bytes(32))
    net.first.add_signer(KEY.address, 1)
    with pytest.raises(ConflictError, match=r"signer of participant 1|is an account"):
        act(net)


@pytest.mark.parametrize(("role", "who"), [(3, "FIRST"), (2, "FIRST"), (3, "GATEWAY"), (2, "GUARDIAN"), (0, "GUARDIAN"), (1, "GATEWAY")])
def test_account__second_role_beside_guardian_or_gateway__is_refused_by_the_contract(tmp_path: Path, role: int, who: str) -> None:
    net = Net(tmp_path, Terms(guardians=(GUARDIAN.address,)))
    account = globals()[who].address
    with pytest.raises(InputError, match="already has the role"):
        Sender(net.chain, FIRST).send(
            net.deployment.manager, call_data("grantRole(uint64,address,uint32)", role, account, 0))
    net.chain.close()


def test_recovery__all_keys_lost__delayed_visible_and_then_the_new_key_alone_is_good(net: Net) -> None:
    net.first.admit(1, Role.YARD, reading_key=b"\x01" * 32)
    net.first.add_signer(KEY.address, 1)
    net.pass_time(0)
    with pytest.raises(AnnouncedError) as fault:
        net.first.recover(1, NEW_KEY.address, reading_key=b"\x02" * 32)
    assert fault.value.ready_at_s == net.clock.now_s + 2 * DAY
    old = net.view.signer(KEY.address)
    assert old is not None and not old.revoked, "until then nothing changes"
    net.pass_time(2 * DAY)
    assert net.first.recover(1, NEW_KEY.address, reading_key=b"\x02" * 32) is not None
    old, new, participant = net.view.signer(KEY.address), net.view.signer(NEW_KEY.address), net.view.participant(1)
    assert old is not None and old.revoked_at_s == net.clock.now_s
    assert new is not None and not new.revoked
    assert participant is not None and (participant.key_epoch, participant.reading_key) == (1, b"\x02" * 32)
    with pytest.raises(ConflictError, match="already known"):
        net.first.recover(1, KEY.address, reading_key=b"\x02" * 32)


def test_recovery__objected_to__a_guardian_cancels_it(net: Net) -> None:
    net.first.admit(1, Role.YARD, reading_key=b"\x01" * 32)
    with pytest.raises(AnnouncedError):
        net.second.recover(1, NEW_KEY.address, reading_key=b"\x02" * 32)
    net.guardian.cancel(SECOND.address, net.deployment.participants,
                        call_data(RECOVER, 1, NEW_KEY.address, 0, 2**64 - 1, b"\x02" * 32))
    net.pass_time(2 * DAY)
    with pytest.raises(AnnouncedError):
        net.second.recover(1, NEW_KEY.address, reading_key=b"\x02" * 32)
    assert net.view.signer(NEW_KEY.address) is None


def test_succession__with_the_long_delay__then_batches_are_refused_as_a_whole(net: Net) -> None:
    net.done_after(lambda: net.first.succeed(net.deployment.participants), 30 * DAY)
    assert net.view.successor() == net.deployment.participants
    with pytest.raises(InputError, match="its successor 0x"):
        Sender(net.chain, GATEWAY).send(net.deployment.ledger, encode_record([]))


def test_delays_of_the_register__set_at_founding__announce_every_change(tmp_path: Path) -> None:
    net = Net(tmp_path, Terms(register_delay_s=HOUR, guardians=(GUARDIAN.address,)))
    net.done_after(lambda: net.first.admit(1, Role.YARD, reading_key=bytes(32)), HOUR)
    net.done_after(lambda: net.first.grant_gateway(STRANGER.address), HOUR)
    net.chain.close()
