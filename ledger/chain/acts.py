"""What an announced act would do, in a sentence: for those who must decide whether to cancel it."""

from __future__ import annotations

from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from ledger.chain.codec import selector
from ledger.chain.deploy import RECOVER, SET_SUCCESSOR

ROLE_NAMES = {0: "authority", 1: "registrar", 2: "gateway", 3: "guardian", 4: "recovery", 5: "succession"}

SENTENCES: dict[str, str] = {
    "addMember(address)": "make {0} a member of the authority",
    "removeMember(address)": "remove {0} from the authority",
    "setDelays((uint32,uint32,uint32,uint32))":
        "set the delays of new members to {0} s (register, authority, recovery, succession)",
    "grantRole(uint64,address,uint32)": "give {1} the role {0}, its acts waiting {2} s",
    "revokeRole(uint64,address)": "take the role {0} from {1}",
    "setTargetFunctionRole(address,bytes4[],uint64)": "let the role {2} call {1} of {0}",
    "setTargetClosed(address,bool)": "close the contract {0}: {1}",
    "updateAuthority(address,address)": "put the contract {0} under the access control {1}",
    RECOVER: "end all keys of participant {0}; from then on {1} signs for it, and its reading key is {4}",
    SET_SUCCESSOR: "end this ledger; its successor is {0}",
    "admit(uint32,uint16,uint8,bytes32)": "admit participant {0} with the roles {1}",
    "setRoles(uint32,uint16)": "give participant {0} the roles {1}",
    "setFacilityRoles(uint32,uint32,uint16)": "give participant {0} the roles {2} at facility {1}",
    "suspend(uint32)": "suspend participant {0}",
    "reinstate(uint32)": "reinstate participant {0}",
    "setReadingKey(uint32,bytes32)": "give participant {0} the reading key {1}",
    "addSigner(address,uint32,uint64,uint64)": "let the key {0} sign for participant {1}",
    "addSignerAt(address,uint32,uint64,uint64,uint32)":
        "let the key {0} sign for participant {1} at facility {4}",
    "revokeSigner(address)": "revoke the key {0}",
    "addDevice(bytes32,uint32,uint32,uint64,uint64,uint64)": "register the device {0} of participant {1}",
    "setCalibration(bytes32,uint64)": "state until when the calibration of device {0} holds",
    "revokeDevice(bytes32)": "revoke the device {0}",
    "setFacility(uint32,uint32,bool)": "set up facility {0}, run by participant {1}",
    "setBook(uint32,uint32,uint8,uint8)": "set up book {0} of participant {1}",
    "closeOpening(uint32)": "close the opening of book {0}",
}
"""Signature to a sentence with the arguments by place; a test compares it with what members may call."""

_BY_SELECTOR = {selector(signature): signature for signature in SENTENCES}


def describe(data: bytes) -> str:
    """The sentence for call data; its first bytes where it is of none of our functions."""
    signature = _BY_SELECTOR.get(data[:4])
    if signature is None:
        return f"call the function 0x{data[:4].hex()}"
    inner = signature[signature.index("(") + 1:-1]
    types = [inner] if inner.startswith("(") else inner.split(",")
    try:
        values: tuple[Any, ...] = decode(types, data[4:])
    except DecodingError:
        return f"call {signature} with arguments that cannot be read"
    shown = [_show(value) for value in values]
    if signature.startswith(("grantRole", "revokeRole")):
        shown[0] = ROLE_NAMES.get(values[0], shown[0])
    return SENTENCES[signature].format(*shown)


def _show(value: Any) -> str:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, (list, tuple)):
        return ", ".join(_show(x) for x in value)
    return str(value)
