"""What a contract's refusal means, in a sentence that a customs officer understands.

One entry for each custom error of our contracts and of the access control that we use; a test compares
them with the artifacts.
"""

from __future__ import annotations

from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_hash.auto import keccak

from ledger.chain.reverts import RevertedError

SENTENCES: dict[str, str] = {
    "ParticipantsNumberOutOfRange(uint32)": "the number {0} is not between 1 and 16777215.",
    "ParticipantsRolesInvalid(uint16)": "a participant needs one of the known roles (mask given: {0}).",
    "ParticipantsHoldBitOutOfRange(uint8)": "the hold {0} is neither 0 to 15 nor 255 for none.",
    "ParticipantsHoldBitTaken(uint8,uint32)": "the hold {0} already belongs to participant {1}.",
    "ParticipantsAlreadyAdmitted(uint32)": "participant {0} is already admitted.",
    "ParticipantsUnknown(uint32)": "no participant {0} was admitted.",
    "ParticipantsAlreadySuspended(uint32)": "participant {0} is already suspended.",
    "ParticipantsNotSuspended(uint32)": "participant {0} is not suspended.",
    "ParticipantsUnchanged(uint32)": "number {0} already stands so; nothing would change.",
    "ParticipantsSignerZero()": "the zero address cannot sign.",
    "ParticipantsSignerExists(address,uint32)":
        "the key {0} already belongs to participant {1}; a key is never used again or moved.",
    "ParticipantsSignerUnknown(address)": "the key {0} is not known.",
    "ParticipantsSignerAlreadyRevoked(address)": "the key {0} is already revoked.",
    "ParticipantsWindowEmpty(uint64,uint64)": "the key's time ends ({1}) before it begins ({0}).",
    "ParticipantsFacilityUnknown(uint32)": "there is no place {0}.",
    "ParticipantsRecoveriesExhausted(uint32)": "participant {0} was recovered 255 times already.",
    "ParticipantsDeviceZero()": "zero is no public key of a device.",
    "ParticipantsDeviceExists(bytes32,uint32)":
        "the device {0} already belongs to participant {1}; its key is never used again.",
    "ParticipantsDeviceUnknown(bytes32)": "the device {0} is not known.",
    "ParticipantsDeviceAlreadyRevoked(bytes32)": "the device {0} is revoked.",
    "ParticipantsDeviceUnchanged(bytes32)": "the calibration of device {0} already ends then.",
    "ParticipantsBookOwnerFixed(uint32,uint32)": "book {0} belongs to participant {1} and keeps its owner.",
    "ParticipantsBookUnknown(uint32)": "there is no book {0}.",
    "ParticipantsOpeningAlreadyClosed(uint32)": "the opening of book {0} is already closed.",
    "CustodyLedgerNoParticipants(address)": "there is no register of participants at {0}.",
    "CustodyLedgerSucceeded(address)": "this ledger takes no more events: its successor {0} does.",
    "CustodyLedgerNoSuccessor(address)": "{0} cannot be the successor: it must be another contract.",
    "AccessManagedUnauthorized(address)": "the account {0} is not allowed to do this.",
    "AccessManagedRequiredDelay(address,uint32)": "the account {0} must announce this {1} s before.",
    "AccessManagedInvalidAuthority(address)": "the access control {0} is not a contract.",
    "AccessManagerUnauthorizedAccount(address,uint64)":
        "the account {0} lacks the role {1} of the access control.",
    "AccessManagerUnauthorizedCall(address,address,bytes4)": "the account {0} is not allowed to call {1}.",
    "AccessManagerUnauthorizedCancel(address,address,address,bytes4)":
        "the account {0} may not cancel what {1} announced.",
    "AccessManagerNotScheduled(bytes32)": "nothing is announced as {0}: carried out, cancelled, or never.",
    "AccessManagerAlreadyScheduled(bytes32)": "the same is already announced as {0}.",
    "AccessManagerNotReady(bytes32)": "the time of the announced act {0} has not come.",
    "AccessManagerExpired(bytes32)": "the announced act {0} was not carried out within a week and has ended.",
    "GovernanceLastMember(address)": "{0} is the last member of the authority and cannot leave it.",
    "GovernanceRoleHeld(address,uint64)":
        "the account {0} already has the role {1}; guardians and gateways have no other role.",
    "AccessManagerBadConfirmation()": "a role can be renounced only by the account that has it.",
    "AccessManagerLockedRole(uint64)": "the role {0} of the access control cannot be changed.",
    "Error(string)": "{0}",
    "Panic(uint256)": "the contract stopped on a fault of its own (panic {0}).",
}
"""Signature of the error to a sentence, with its arguments by position."""

_BY_SELECTOR = {bytes(keccak(signature.encode()))[:4]: signature for signature in SENTENCES}


def explained(fault: RevertedError) -> RevertedError:
    """The same refusal with a sentence that says why."""
    return RevertedError(explain(fault.data) or fault.message, data=fault.data, remedy=fault.remedy)


def explain(data: bytes) -> str:
    """The sentence for what a reverted call returned; empty when it returned nothing."""
    if not data:
        return ""
    signature = _BY_SELECTOR.get(data[:4])
    if signature is None:
        return f"the contract refuses with the unknown error 0x{data[:4].hex()}."
    types = signature[signature.index("(") + 1:-1]
    try:
        values: tuple[Any, ...] = decode(types.split(","), data[4:]) if types else ()
    except DecodingError:
        return f"the contract refuses: {signature}."
    return SENTENCES[signature].format(*("0x" + v.hex() if isinstance(v, bytes) else v for v in values))
