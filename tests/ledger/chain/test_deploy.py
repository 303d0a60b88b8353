"""Contracts on a chain and the authority's acts: done once, resumed after any interruption, never overwritten."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from eth_hash.auto import keccak

from contracts.artifacts import NAMES, load
from ledger.chain import codec, facts
from ledger.chain.authority import FOREVER_S, NO_HOLD, Authority
from ledger.chain.client import ChainClient
from ledger.chain.deploy import RECOVER, REGISTRAR_FUNCTIONS, SET_SUCCESSOR, Deployment, deploy
from ledger.chain.explain import SENTENCES, explain
from ledger.chain.tx import Sender
from ledger.chain.views import BookView, DeviceView, FacilityView, ParticipantView, SignerView, View
from ledger.errors import CannotVerifyError, ConflictError, InputError, NotFoundError, TrustError
from ledger.events.model import domain_separator
from ledger.vocabulary import BookOption, Role
from tests.chain_fixtures import CHAIN_ID, AccountSigner
from tests.ledger.chain.ledger_fixtures import AUTHORITY, CARRIER, CUSTOMS, GATEWAY, YARD, network

STRANGER = AccountSigner(999)
OTHER_GATEWAY = AccountSigner(998).address
SCALE = b"\x5c" * 32


class Killed(BaseException):
    """Stands for the end of the process."""


class DiesAfter:
    """A chain whose user dies right after the n-th transaction was taken, before it learns so."""

    def __init__(self, chain: ChainClient, count: int) -> None:
        self._chain = chain
        self._left = count

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chain, name)

    def send_raw_transaction(self, raw: bytes) -> bytes:
        tx_hash = self._chain.send_raw_transaction(raw)
        self._left -= 1
        if self._left == 0:
            from ledger.chain.tx import wait_for_receipt

            wait_for_receipt(self._chain, tx_hash)
            raise Killed
        return tx_hash


def test_deployment__fresh_chain__verifies_and_knows_its_domain(engine: ChainClient) -> None:
    deployment = deploy(engine, AUTHORITY, GATEWAY.address)
    deployment.verify(engine)
    assert deployment.chain_id == CHAIN_ID
    assert View(engine, deployment).domain_separator() == domain_separator(CHAIN_ID, deployment.ledger)
    assert Deployment.from_json(json.loads(json.dumps(deployment.to_json()))) == deployment


def test_deployment__run_again__sends_nothing_and_gives_the_same(engine: ChainClient) -> None:
    first = deploy(engine, AUTHORITY, GATEWAY.address)
    head = engine.head_number()
    assert deploy(engine, AUTHORITY, GATEWAY.address) == first
    assert engine.head_number() == head


@pytest.mark.parametrize("count", range(1, 14))
def test_deployment__killed_after_each_transaction__is_resumed(engine: ChainClient, count: int) -> None:
    with pytest.raises(Killed):
        deploy(DiesAfter(engine, count), AUTHORITY, GATEWAY.address)  # type: ignore[arg-type]
    deployment = deploy(engine, AUTHORITY, GATEWAY.address)
    deployment.verify(engine)
    assert deployment.block_number == 1
    assert engine.transaction_count(AUTHORITY.address) == 13
    Authority(engine, deployment, AUTHORITY).admit(1, Role.YARD, reading_key=bytes(32))
    Sender(engine, GATEWAY).send(deployment.ledger, codec.encode_record([]))


def test_deployment__key_used_for_something_else__is_a_conflict(engine: ChainClient) -> None:
    Sender(engine, AUTHORITY).send(STRANGER.address, b"")
    with pytest.raises(ConflictError):
        deploy(engine, AUTHORITY, GATEWAY.address)
    deploy(engine, AUTHORITY, GATEWAY.address, first_nonce=1).verify(engine)


PARTS = ("manager", "participants", "approval_kinds", "book_kinds", "cargo_kinds", "ledger")


@pytest.mark.parametrize("name", PARTS)
def test_deployment__other_code_at_an_address__is_distrusted(engine: ChainClient, name: str) -> None:
    deployment = deploy(engine, AUTHORITY, GATEWAY.address)
    other = replace(deployment, code_hashes={**deployment.code_hashes, name: bytes(32)})
    with pytest.raises(TrustError, match=name):
        other.verify(engine)
    with pytest.raises(CannotVerifyError):
        replace(deployment, **{name: STRANGER.address}).verify(engine)


def test_deployment__on_another_chain__is_distrusted(engine: ChainClient) -> None:
    deployment = deploy(engine, AUTHORITY, GATEWAY.address)
    with pytest.raises(TrustError, match="chain"):
        replace(deployment, chain_id=1).verify(engine)


@pytest.mark.parametrize("change", [
    {"format": "x"}, {"manager": "0x12"}, {"codeHashes": {}}, {"chainId": "x"}, {"ledger": None}])
def test_deployment__malformed_file__is_refused(change: dict[str, Any]) -> None:
    good = Deployment(1, *[bytes(20)] * 6, 0, dict.fromkeys(PARTS, bytes(32)))
    with pytest.raises(InputError):
        Deployment.from_json({**good.to_json(), **change})


def test_authority__sets_up_a_network__and_running_it_again_changes_nothing(engine: ChainClient) -> None:
    made = network(engine)
    head = engine.head_number()
    assert network(engine).deployment == made.deployment
    assert engine.head_number() == head
    view = View(engine, made.deployment)
    assert view.participant(CUSTOMS) == ParticipantView(Role.CUSTOMS, 0, False, 0, 0, b"\x02" * 32)
    assert view.participant(YARD) == ParticipantView(Role.YARD, NO_HOLD, False, 1, 0, b"\x03" * 32)
    assert view.participant(77) is None
    assert view.facility(1) == FacilityView(YARD, True)
    assert view.facility(2) is None


def test_authority__every_act__is_logged_and_idempotent(engine: ChainClient) -> None:
    made = network(engine)
    view, key = View(engine, made.deployment), STRANGER.address
    acts: list[tuple[Any, codec.Fact]] = [
        (lambda a: a.set_roles(CARRIER, Role.CARRIER | Role.YARD),
         facts.RolesChanged(0, CARRIER, int(Role.CARRIER | Role.YARD))),
        (lambda a: a.suspend(CARRIER), facts.ParticipantSuspended(0, CARRIER)),
        (lambda a: a.reinstate(CARRIER), facts.ParticipantReinstated(0, CARRIER)),
        (lambda a: a.set_reading_key(CARRIER, b"\x09" * 32), facts.ReadingKeyChanged(0, CARRIER, b"\x09" * 32)),
        (lambda a: a.add_signer(key, CARRIER, valid_from_s=5), facts.SignerAdded(0, key, CARRIER, 5, FOREVER_S)),
        (lambda a: a.revoke_signer(key), facts.SignerRevoked(0, key, CARRIER)),
        (lambda a: a.add_device(SCALE, CARRIER, facility=1, calibrated_until_s=7),
         facts.DeviceAdded(0, SCALE, CARRIER, 1, 0, FOREVER_S, 7)),
        (lambda a: a.set_calibration(SCALE, 9), facts.DeviceCalibrated(0, SCALE, 9)),
        (lambda a: a.revoke_device(SCALE), facts.DeviceRevoked(0, SCALE, CARRIER)),
        (lambda a: a.set_facility_roles(CARRIER, 1, Role.CUSTOMS),
         facts.FacilityRolesSet(0, CARRIER, 1, int(Role.CUSTOMS))),
        (lambda a: a.set_facility(9, CARRIER, supervised=False), facts.FacilitySet(0, 9, CARRIER, False)),
        (lambda a: a.set_book(4, CARRIER, regime=2, options=BookOption.STRICT_NORMS),
         facts.BookSet(0, 4, CARRIER, 2, 1)),
        (lambda a: a.close_opening(4), facts.OpeningClosed(0, 4)),
    ]
    for act, expected in acts:
        receipt = act(made.authority)
        assert receipt is not None
        assert codec.decode_logs(receipt, made.deployment) == [expected]
        assert act(made.authority) is None
    signer, device = view.signer(key), view.device(SCALE)
    assert signer is not None and signer.revoked_at_s is not None
    assert signer == SignerView(CARRIER, 5, FOREVER_S, signer.revoked_at_s, 0, 0)
    assert device is not None and device.revoked_at_s is not None
    assert device == DeviceView(CARRIER, 1, 0, FOREVER_S, 9, device.revoked_at_s)
    assert view.device(bytes(32)) is None
    assert (view.facility_roles(CARRIER, 1), view.facility_roles(YARD, 1)) == (Role.CUSTOMS, Role(0))
    assert view.book(4) == BookView(CARRIER, 2, 1, False)
    for role in (made.authority.grant_gateway, made.authority.revoke_gateway):
        assert role(OTHER_GATEWAY) is not None
        assert role(OTHER_GATEWAY) is None


def test_authority__what_stands_otherwise__is_a_conflict(engine: ChainClient) -> None:
    made = network(engine)
    with pytest.raises(ConflictError):
        made.authority.admit(CARRIER, Role.YARD, reading_key=b"\x01" * 32)
    made.authority.add_signer(STRANGER.address, CARRIER)
    with pytest.raises(ConflictError):
        made.authority.add_signer(STRANGER.address, YARD)
    with pytest.raises(ConflictError, match="place"):
        made.authority.add_signer(STRANGER.address, CARRIER, facility=1)
    made.authority.add_device(SCALE, CARRIER)
    with pytest.raises(ConflictError, match="window"):
        made.authority.add_device(SCALE, CARRIER, valid_from_s=1)
    made.authority.revoke_device(SCALE)
    with pytest.raises(ConflictError, match="revoked"):
        made.authority.add_device(SCALE, CARRIER)
    made.authority.revoke_signer(STRANGER.address)
    with pytest.raises(ConflictError, match="revoked"):
        made.authority.add_signer(STRANGER.address, CARRIER)


def test_authority__refused_by_the_register__says_why(engine: ChainClient) -> None:
    made = network(engine)
    with pytest.raises(InputError, match="hold 0 already belongs to participant 2"):
        made.authority.admit(50, Role.CUSTOMS, reading_key=bytes(32), hold_bit=0)
    with pytest.raises(InputError, match="no participant 60"):
        made.authority.set_facility(3, 60, supervised=True)
    with pytest.raises(InputError, match="no book 61"):
        made.authority.close_opening(61)
    with pytest.raises(NotFoundError):
        made.authority.suspend(62)


def test_stranger__acting_as_authority_or_gateway__is_refused(engine: ChainClient) -> None:
    made = network(engine)
    stranger = Authority(engine, made.deployment, STRANGER)
    with pytest.raises(InputError, match="not allowed"):
        stranger.admit(70, Role.YARD, reading_key=bytes(32))
    with pytest.raises(InputError, match="lacks the role"):
        stranger.grant_gateway(STRANGER.address)
    with pytest.raises(InputError, match="not allowed"):
        Sender(engine, STRANGER).send(made.deployment.ledger, codec.encode_record([]))


def signature(entry: dict[str, Any]) -> str:
    return f"{entry['name']}({','.join(kind(i) for i in entry['inputs'])})"


def kind(item: dict[str, Any]) -> str:
    if item["type"].startswith("tuple"):
        return f"({','.join(kind(c) for c in item['components'])}){item['type'][5:]}"
    return str(item["type"])


def entries(name: str, what: str) -> set[str]:
    return {signature(e) for e in load(name).abi if e["type"] == what}


def test_codec__logs__are_those_of_the_artifacts() -> None:
    assert set(codec.LOG_SIGNATURES) == (
        entries("CustodyLedger", "event") | entries("Participants", "event")) - {"AuthorityUpdated(address)", "EIP712DomainChanged()"}


def test_codec__logs_of_the_access_control__are_those_of_the_artifact() -> None:
    assert set(codec.GOVERNANCE_SIGNATURES) <= entries("Governance", "event")


def test_codec__record_and_registrar_functions__are_those_of_the_artifacts() -> None:
    (record,) = (s for s in entries("CustodyLedger", "function") if s.startswith("record("))
    assert codec.encode_record([])[:4] == keccak(record.encode())[:4]
    changing = {signature(e) for e in load("Participants").abi
                if e["type"] == "function" and e["stateMutability"] not in ("view", "pure")}
    assert {*REGISTRAR_FUNCTIONS, RECOVER} == changing - {"setAuthority(address)"}
    assert SET_SUCCESSOR in entries("CustodyLedger", "function")


def test_explain__every_error_of_our_contracts__has_a_sentence() -> None:
    ours = entries("CustodyLedger", "error") | entries("Participants", "error") | entries("Governance", "error")
    unreachable = {  # of libraries: signatures are tried, names of the domain are short, nothing is scheduled
        "InvalidShortString()", "StringTooLong(string)",
        # of the access control: what only a contract would do, or call data that we never make
        "AccessManagerInvalidInitialAdmin(address)", "AccessManagerUnauthorizedConsume(address)",
        "AccessManagerLockedFunction(bytes4)", "AddressEmptyCode(address)", "FailedCall()",
        "InsufficientBalance(uint256,uint256)", "SafeCastOverflowedUintDowncast(uint8,uint256)"}
    assert ours - set(SENTENCES) <= unreachable


def test_explain__unknown_error__shows_its_selector() -> None:
    assert "0x12345678" in explain(bytes.fromhex("12345678"))
    assert explain(b"") == ""
    assert NAMES
