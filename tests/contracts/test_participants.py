"""The register: who may change it, what it refuses and with which evidence, and that its events tell everything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from eth_abi import encode

from contracts.artifacts import load
from tests.contracts.evm import AUTHORITY, GATEWAY, Evm, Reverted, call_data, selector, signature_of

KEY = b"\x11" * 20
READING_KEY = b"\x22" * 32
ADMIT = "admit(uint32,uint16,uint8,bytes32)"
ADD_SIGNER = "addSigner(address,uint32,uint64,uint64)"
SET_FACILITY = "setFacility(uint32,uint32,bool)"
SET_BOOK = "setBook(uint32,uint32,uint8,uint8)"
PARTICIPANT = "(uint16,uint8,bool,uint32,uint8,bytes32)"
SIGNER = "(uint32,uint64,uint64,uint64,uint24,uint8)"
ADD_SIGNER_AT = "addSignerAt(address,uint32,uint64,uint64,uint32)"
FACILITY_ROLES = "setFacilityRoles(uint32,uint32,uint16)"
ADD_DEVICE = "addDevice(bytes32,uint32,uint32,uint64,uint64,uint64)"
CALIBRATE = "setCalibration(bytes32,uint64)"
REVOKE_DEVICE = "revokeDevice(bytes32)"
RECOVER = "recover(uint32,address,uint64,uint64,bytes32)"
SCALE = b"\x5c" * 32
OTHER_KEY = b"\x33" * 20


@pytest.fixture(scope="module")
def _evm() -> Evm:
    evm = Evm()
    evm.call(evm.participants, ADMIT, 1, 16, 255, READING_KEY)
    evm.call(evm.participants, ADMIT, 2, 32, 3, READING_KEY)
    evm.call(evm.participants, ADD_SIGNER, KEY, 1, 5, 10)
    evm.call(evm.participants, SET_FACILITY, 7, 1, True)
    evm.call(evm.participants, SET_BOOK, 9, 1, 31, 4)
    evm.call(evm.participants, ADD_DEVICE, SCALE, 1, 7, 5, 50, 20)
    evm.settle()
    return evm


@pytest.fixture
def evm(_evm: Evm) -> Any:
    mark = _evm.snapshot()
    yield _evm
    _evm.revert(mark)


def call(evm: Evm, signature: str, *args: Any, sender: bytes = AUTHORITY) -> Any:
    return evm.call(evm.participants, signature, *args, sender=sender)


REFUSALS: list[tuple[str, Callable[[Evm], Any], str, list[Any]]] = [
    ("number zero", lambda e: call(e, ADMIT, 0, 1, 255, READING_KEY), "ParticipantsNumberOutOfRange(uint32)", [0]),
    ("number beyond 24 bits", lambda e: call(e, ADMIT, 2**24, 1, 255, READING_KEY),
     "ParticipantsNumberOutOfRange(uint32)", [2**24]),
    ("no role", lambda e: call(e, ADMIT, 5, 0, 255, READING_KEY), "ParticipantsRolesInvalid(uint16)", [0]),
    ("unknown role", lambda e: call(e, ADMIT, 5, 512, 255, READING_KEY), "ParticipantsRolesInvalid(uint16)", [512]),
    ("admitted twice", lambda e: call(e, ADMIT, 1, 1, 255, READING_KEY), "ParticipantsAlreadyAdmitted(uint32)", [1]),
    ("hold bit 16", lambda e: call(e, ADMIT, 5, 1, 16, READING_KEY), "ParticipantsHoldBitOutOfRange(uint8)", [16]),
    ("hold bit of another", lambda e: call(e, ADMIT, 5, 1, 3, READING_KEY), "ParticipantsHoldBitTaken(uint8,uint32)",
     [3, 2]),
    ("roles of nobody", lambda e: call(e, "setRoles(uint32,uint16)", 5, 1), "ParticipantsUnknown(uint32)", [5]),
    ("same roles", lambda e: call(e, "setRoles(uint32,uint16)", 1, 16), "ParticipantsUnchanged(uint32)", [1]),
    ("roles taken away", lambda e: call(e, "setRoles(uint32,uint16)", 1, 0), "ParticipantsRolesInvalid(uint16)", [0]),
    ("nobody suspended", lambda e: call(e, "suspend(uint32)", 5), "ParticipantsUnknown(uint32)", [5]),
    ("suspended twice", lambda e: (call(e, "suspend(uint32)", 1), call(e, "suspend(uint32)", 1)),
     "ParticipantsAlreadySuspended(uint32)", [1]),
    ("reinstated unsuspended", lambda e: call(e, "reinstate(uint32)", 1), "ParticipantsNotSuspended(uint32)", [1]),
    ("same reading key", lambda e: call(e, "setReadingKey(uint32,bytes32)", 1, READING_KEY),
     "ParticipantsUnchanged(uint32)", [1]),
    ("signer of nobody", lambda e: call(e, ADD_SIGNER, b"\x33" * 20, 5, 0, 9), "ParticipantsUnknown(uint32)", [5]),
    ("signer zero", lambda e: call(e, ADD_SIGNER, bytes(20), 1, 0, 9), "ParticipantsSignerZero()", []),
    ("key moved to another", lambda e: call(e, ADD_SIGNER, KEY, 2, 0, 9), "ParticipantsSignerExists(address,uint32)",
     [KEY, 1]),
    ("revoked key added again", lambda e: (call(e, "revokeSigner(address)", KEY), call(e, ADD_SIGNER, KEY, 1, 0, 9)),
     "ParticipantsSignerExists(address,uint32)", [KEY, 1]),
    ("empty window", lambda e: call(e, ADD_SIGNER, b"\x33" * 20, 1, 9, 8), "ParticipantsWindowEmpty(uint64,uint64)",
     [9, 8]),
    ("unknown key revoked", lambda e: call(e, "revokeSigner(address)", b"\x33" * 20),
     "ParticipantsSignerUnknown(address)", [b"\x33" * 20]),
    ("revoked twice", lambda e: (call(e, "revokeSigner(address)", KEY), call(e, "revokeSigner(address)", KEY)),
     "ParticipantsSignerAlreadyRevoked(address)", [KEY]),
    ("signer at a place that is not", lambda e: call(e, ADD_SIGNER_AT, OTHER_KEY, 1, 0, 9, 8),
     "ParticipantsFacilityUnknown(uint32)", [8]),
    ("signer at no place", lambda e: call(e, ADD_SIGNER_AT, OTHER_KEY, 1, 0, 9, 0), "ParticipantsFacilityUnknown(uint32)",
     [0]),
    ("roles of nobody at a place", lambda e: call(e, FACILITY_ROLES, 5, 7, 32), "ParticipantsUnknown(uint32)", [5]),
    ("roles at a place that is not", lambda e: call(e, FACILITY_ROLES, 1, 8, 32), "ParticipantsFacilityUnknown(uint32)",
     [8]),
    ("LOCAL at a place", lambda e: call(e, FACILITY_ROLES, 1, 7, 256), "ParticipantsRolesInvalid(uint16)", [256]),
    ("unknown role at a place", lambda e: call(e, FACILITY_ROLES, 1, 7, 512), "ParticipantsRolesInvalid(uint16)", [512]),
    ("same roles at a place", lambda e: call(e, FACILITY_ROLES, 1, 7, 0), "ParticipantsUnchanged(uint32)", [1]),
    ("nobody recovered", lambda e: call(e, RECOVER, 5, OTHER_KEY, 0, 9, READING_KEY), "ParticipantsUnknown(uint32)", [5]),
    ("recovered to a lost key", lambda e: call(e, RECOVER, 1, KEY, 0, 9, READING_KEY),
     "ParticipantsSignerExists(address,uint32)", [KEY, 1]),
    ("recovered to no key", lambda e: call(e, RECOVER, 1, bytes(20), 0, 9, READING_KEY), "ParticipantsSignerZero()", []),
    ("recovered to an empty window", lambda e: call(e, RECOVER, 1, OTHER_KEY, 9, 8, READING_KEY),
     "ParticipantsWindowEmpty(uint64,uint64)", [9, 8]),
    ("recovered 256 times", lambda e: [call(e, RECOVER, 1, bytes([9, i]) * 10, 0, 9, READING_KEY) for i in range(256)],
     "ParticipantsRecoveriesExhausted(uint32)", [1]),
    ("signer revoked after a recovery did", lambda e: (
        call(e, RECOVER, 1, OTHER_KEY, 0, 9, READING_KEY), call(e, "revokeSigner(address)", KEY)),
     "ParticipantsSignerAlreadyRevoked(address)", [KEY]),
    ("device of nobody", lambda e: call(e, ADD_DEVICE, b"\x01" * 32, 5, 7, 0, 9, 9), "ParticipantsUnknown(uint32)", [5]),
    ("device zero", lambda e: call(e, ADD_DEVICE, bytes(32), 1, 7, 0, 9, 9), "ParticipantsDeviceZero()", []),
    ("device moved to another", lambda e: call(e, ADD_DEVICE, SCALE, 2, 7, 0, 9, 9),
     "ParticipantsDeviceExists(bytes32,uint32)", [SCALE, 1]),
    ("device at a place that is not", lambda e: call(e, ADD_DEVICE, b"\x01" * 32, 1, 8, 0, 9, 9),
     "ParticipantsFacilityUnknown(uint32)", [8]),
    ("device with an empty window", lambda e: call(e, ADD_DEVICE, b"\x01" * 32, 1, 7, 9, 8, 9),
     "ParticipantsWindowEmpty(uint64,uint64)", [9, 8]),
    ("unknown device calibrated", lambda e: call(e, CALIBRATE, b"\x01" * 32, 9), "ParticipantsDeviceUnknown(bytes32)",
     [b"\x01" * 32]),
    ("same calibration", lambda e: call(e, CALIBRATE, SCALE, 20), "ParticipantsDeviceUnchanged(bytes32)", [SCALE]),
    ("revoked device calibrated", lambda e: (call(e, REVOKE_DEVICE, SCALE), call(e, CALIBRATE, SCALE, 30)),
     "ParticipantsDeviceAlreadyRevoked(bytes32)", [SCALE]),
    ("revoked device added again", lambda e: (call(e, REVOKE_DEVICE, SCALE), call(e, ADD_DEVICE, SCALE, 1, 7, 0, 9, 9)),
     "ParticipantsDeviceExists(bytes32,uint32)", [SCALE, 1]),
    ("facility zero", lambda e: call(e, SET_FACILITY, 0, 1, True), "ParticipantsNumberOutOfRange(uint32)", [0]),
    ("facility of nobody", lambda e: call(e, SET_FACILITY, 8, 5, True), "ParticipantsUnknown(uint32)", [5]),
    ("same facility", lambda e: call(e, SET_FACILITY, 7, 1, True), "ParticipantsUnchanged(uint32)", [7]),
    ("book beyond 24 bits", lambda e: call(e, SET_BOOK, 2**24, 1, 0, 0), "ParticipantsNumberOutOfRange(uint32)",
     [2**24]),
    ("book of nobody", lambda e: call(e, SET_BOOK, 8, 5, 0, 0), "ParticipantsUnknown(uint32)", [5]),
    ("book given to another", lambda e: call(e, SET_BOOK, 9, 2, 31, 4), "ParticipantsBookOwnerFixed(uint32,uint32)",
     [9, 1]),
    ("same book", lambda e: call(e, SET_BOOK, 9, 1, 31, 4), "ParticipantsUnchanged(uint32)", [9]),
    ("unknown opening closed", lambda e: call(e, "closeOpening(uint32)", 8), "ParticipantsBookUnknown(uint32)", [8]),
    ("opening closed twice", lambda e: (call(e, "closeOpening(uint32)", 9), call(e, "closeOpening(uint32)", 9)),
     "ParticipantsOpeningAlreadyClosed(uint32)", [9]),
]


@pytest.mark.parametrize(("act", "error", "evidence"), [x[1:] for x in REFUSALS], ids=[x[0] for x in REFUSALS])
def test_register__senseless_change__reverts_with_evidence(
    evm: Evm, act: Callable[[Evm], Any], error: str, evidence: list[Any],
) -> None:
    with pytest.raises(Reverted) as fault:
        act(evm)
    types = [x for x in error[error.index("(") + 1:-1].split(",") if x]
    assert fault.value.data == selector(error) + encode(types, evidence)


def test_register__every_own_error__has_a_case() -> None:
    errors = {signature_of(x) for x in load("Participants").abi if x["type"] == "error"}
    own = {x for x in errors if x.startswith("Participants")}
    assert own == {x[2] for x in REFUSALS}


@pytest.mark.parametrize("function", [
    x for x in load("Participants").abi if x["type"] == "function" and x["stateMutability"] == "nonpayable"
], ids=lambda x: x["name"])
def test_register__changed_by_who_has_no_role__reverts(evm: Evm, function: dict[str, Any]) -> None:
    zero = {"address": bytes(20), "bytes32": bytes(32), "bool": True}
    arguments = [zero.get(x["type"], 1)
                 for x in function["inputs"]]
    with pytest.raises(Reverted) as fault:
        evm.send(evm.participants, call_data(signature_of(function), *arguments), GATEWAY)
    assert fault.value.data[:4] == selector("AccessManagedUnauthorized(address)")


def test_register__supervised_facilities__are_counted_for_their_operator(evm: Evm) -> None:
    def count(number: int) -> int:
        return int(evm.view(evm.participants, "participantOf(uint32)", PARTICIPANT, number)[3])

    assert (count(1), count(2)) == (1, 0)
    call(evm, SET_FACILITY, 8, 1, True)
    call(evm, SET_FACILITY, 7, 2, True)
    assert (count(1), count(2)) == (1, 1)
    call(evm, SET_FACILITY, 7, 2, False)
    call(evm, SET_FACILITY, 8, 1, False)
    assert (count(1), count(2)) == (0, 0)


def test_register__book_options_changed__opening_stays_as_it_was(evm: Evm) -> None:
    assert evm.view(evm.participants, "bookOf(uint32)", "(uint32,uint8,uint8,bool)", 9) == (1, 31, 4, True)
    call(evm, "closeOpening(uint32)", 9)
    call(evm, SET_BOOK, 9, 1, 31, 0)
    assert evm.view(evm.participants, "bookOf(uint32)", "(uint32,uint8,uint8,bool)", 9) == (1, 31, 0, False)


def test_register__each_change__has_one_event_with_its_content(evm: Evm) -> None:
    acts = [
        ((ADMIT, 5, 8, 15, READING_KEY), "ParticipantAdmitted",
         {"participant": 5, "roles": 8, "holdBit": 15, "readingKey": READING_KEY}),
        (("setRoles(uint32,uint16)", 5, 12), "RolesChanged", {"participant": 5, "roles": 12}),
        (("suspend(uint32)", 5), "ParticipantSuspended", {"participant": 5}),
        (("reinstate(uint32)", 5), "ParticipantReinstated", {"participant": 5}),
        (("setReadingKey(uint32,bytes32)", 5, KEY + bytes(12)), "ReadingKeyChanged",
         {"participant": 5, "readingKey": KEY + bytes(12)}),
        ((ADD_SIGNER, b"\x44" * 20, 5, 1, 2), "SignerAdded",
         {"signer": "0x" + "44" * 20, "participant": 5, "validFrom": 1, "validUntil": 2}),
        (("revokeSigner(address)", b"\x44" * 20), "SignerRevoked", {"signer": "0x" + "44" * 20, "participant": 5}),
        ((FACILITY_ROLES, 5, 7, 32), "FacilityRolesSet", {"participant": 5, "facility": 7, "roles": 32}),
        ((ADD_DEVICE, b"\x01" * 32, 5, 0, 1, 2, 3), "DeviceAdded",
         {"publicKey": b"\x01" * 32, "participant": 5, "facility": 0, "validFrom": 1, "validUntil": 2,
          "calibratedUntil": 3}),
        ((CALIBRATE, b"\x01" * 32, 9), "DeviceCalibrated", {"publicKey": b"\x01" * 32, "calibratedUntil": 9}),
        ((REVOKE_DEVICE, b"\x01" * 32), "DeviceRevoked", {"publicKey": b"\x01" * 32, "participant": 5}),
        ((SET_FACILITY, 8, 5, True), "FacilitySet", {"facility": 8, "operator": 5, "supervised": True}),
        ((SET_BOOK, 8, 5, 21, 15), "BookSet", {"book": 8, "owner": 5, "regime": 21, "options": 15}),
        (("closeOpening(uint32)", 8), "OpeningClosed", {"book": 8}),
    ]
    for (signature, *args), name, values in acts:
        logs = call(evm, signature, *args)
        assert [(x.name, x.values) for x in logs] == [(name, values)]
    own = {x["name"] for x in load("Participants").abi if x["type"] == "event"} - {"AuthorityUpdated"}
    assert own == {name for _, name, _ in acts} | {"SignerLimited", "ParticipantRecovered"}  # come with others, below


def signer(evm: Evm, key: bytes) -> Any:
    return evm.view(evm.participants, "signerOf(address)", SIGNER, key)


def test_register__key_for_one_place__says_so(evm: Evm) -> None:
    logs = call(evm, ADD_SIGNER_AT, OTHER_KEY, 2, 5, 9, 7)
    assert [(x.name, x.values) for x in logs] == [
        ("SignerAdded", {"signer": "0x" + OTHER_KEY.hex(), "participant": 2, "validFrom": 5, "validUntil": 9}),
        ("SignerLimited", {"signer": "0x" + OTHER_KEY.hex(), "facility": 7})]
    assert signer(evm, OTHER_KEY) == (2, 5, 9, 0, 7, 0)


def test_register__key_revoked__shows_the_block_time(evm: Evm) -> None:
    assert signer(evm, KEY) == (1, 5, 10, 0, 0, 0)
    call(evm, "revokeSigner(address)", KEY)
    evm.now_s += 50
    assert signer(evm, KEY) == (1, 5, 10, evm.now_s - 50, 0, 0)


def test_register__recovery__ends_all_keys_of_that_participant_at_once_and_no_others(evm: Evm) -> None:
    second, others, early = b"\x66" * 20, b"\x67" * 20, b"\x68" * 20
    call(evm, ADD_SIGNER, second, 1, 0, 99)
    call(evm, ADD_SIGNER, others, 2, 0, 99)
    call(evm, ADD_SIGNER, early, 1, 0, 99)
    call(evm, "revokeSigner(address)", early)
    first = evm.now_s
    evm.now_s += 100
    logs = call(evm, RECOVER, 1, OTHER_KEY, 3, 77, b"\x99" * 32)
    assert [x.name for x in logs] == ["ParticipantRecovered", "SignerAdded", "ReadingKeyChanged"]
    assert logs[0].values == {"participant": 1, "keyEpoch": 1}
    evm.now_s += 100
    again = b"\x69" * 20
    assert [x.name for x in call(evm, RECOVER, 1, again, 0, 88, b"\x99" * 32)] == ["ParticipantRecovered", "SignerAdded"]
    assert [signer(evm, key)[3] for key in (KEY, second, early, OTHER_KEY, again, others)] == [
        first + 100, first + 100, first, first + 200, 0, 0]
    assert evm.view(evm.participants, "participantOf(uint32)", PARTICIPANT, 1)[4:] == (2, b"\x99" * 32)
    assert evm.view(evm.participants, "deviceOf(bytes32)", "(uint32,uint32,uint64,uint64,uint64,uint64)", SCALE) == (
        1, 7, 5, 50, 20, 0), "a recovery leaves devices as they are"


def test_register__device__shows_calibration_and_revocation(evm: Evm) -> None:
    def device() -> Any:
        return evm.view(evm.participants, "deviceOf(bytes32)", "(uint32,uint32,uint64,uint64,uint64,uint64)", SCALE)

    assert device() == (1, 7, 5, 50, 20, 0)
    call(evm, CALIBRATE, SCALE, 10)
    call(evm, REVOKE_DEVICE, SCALE)
    assert device() == (1, 7, 5, 50, 10, evm.now_s)
