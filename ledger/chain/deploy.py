"""Putting the contracts on a chain, and knowing them again: addresses and pinned code.

`deploy` can be killed at any moment and run again with the same key: contracts stand at the addresses that
the key's first account nonces give, and what is there is not sent twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode, encode
from eth_hash.auto import keccak

from contracts.artifacts import load
from ledger.chain.client import ChainClient
from ledger.chain.codec import call_data, encode_record, selector
from ledger.chain.tx import Sender, Signer, created_address
from ledger.errors import CannotVerifyError, ConflictError, InputError, TrustError

ROLE_AUTHORITY = 0
"""Role of the access control: members of the authority; changes members, guardians, delays, roles."""
ROLE_REGISTRAR = 1
"""May change the register and admit gateways."""
ROLE_GATEWAY = 2
"""May send batches."""
ROLE_GUARDIAN = 3
"""May cancel what members announced."""
ROLE_RECOVERY = 4
"""May recover a participant's keys."""
ROLE_SUCCESSION = 5
"""May end the ledger by naming its successor."""

ROLES = (ROLE_AUTHORITY, ROLE_REGISTRAR, ROLE_GATEWAY, ROLE_GUARDIAN, ROLE_RECOVERY, ROLE_SUCCESSION)

REGISTRAR_FUNCTIONS = (
    "admit(uint32,uint16,uint8,bytes32)", "setRoles(uint32,uint16)", "suspend(uint32)", "reinstate(uint32)",
    "setReadingKey(uint32,bytes32)", "addSigner(address,uint32,uint64,uint64)",
    "addSignerAt(address,uint32,uint64,uint64,uint32)", "revokeSigner(address)",
    "setFacilityRoles(uint32,uint32,uint16)", "addDevice(bytes32,uint32,uint32,uint64,uint64,uint64)",
    "setCalibration(bytes32,uint64)", "revokeDevice(bytes32)",
    "setFacility(uint32,uint32,bool)", "setBook(uint32,uint32,uint8,uint8)", "closeOpening(uint32)",
)

RECOVER = "recover(uint32,address,uint64,uint64,bytes32)"
SET_SUCCESSOR = "setSuccessor(address)"

_FORMAT = "cargoledger-deployment-1"
_LIBRARIES = {"approval_kinds": "ApprovalKinds", "book_kinds": "BookKinds", "cargo_kinds": "CargoKinds"}
_NAMES = ("manager", "participants", *_LIBRARIES, "ledger")


@dataclass(frozen=True, slots=True)
class Terms:
    """Who governs a network that is deployed, and how long announced acts wait (seconds; 0: done at once).

    Attributes:
        members: 20-byte accounts of the authority beside the one that deploys.
        guardians: accounts that may cancel what was announced; they may not be members.
        register_delay_s: of changes of the register: participants, keys, devices, places, books, gateways.
        authority_delay_s: of changes of members, guardians, delays, and of what each role may call.
        recovery_delay_s: of recovering a participant's keys.
        succession_delay_s: of ending a ledger.
    """

    members: tuple[bytes, ...] = ()
    guardians: tuple[bytes, ...] = ()
    register_delay_s: int = 0
    authority_delay_s: int = 0
    recovery_delay_s: int = 0
    succession_delay_s: int = 0


NO_DELAYS = Terms()
"""One member, no guardian, everything at once: for trying out and for tests."""
_DELAYS = "(uint32,uint32,uint32,uint32)"


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where the contracts of one ledger are, and what code stands there.

    Attributes:
        manager, participants, ledger: 20-byte addresses of AccessManager, Participants and CustodyLedger.
        approval_kinds, book_kinds, cargo_kinds: 20-byte addresses of the libraries that the ledger links.
        block_number: nothing of this ledger happened before this block.
        earlier: ledgers that ended, the first one first; `ledger` is the one that follows them.
        code_hashes: keccak-256 of the runtime code by the names of these contracts, as `manager`.
    """

    chain_id: int
    manager: bytes
    participants: bytes
    approval_kinds: bytes
    book_kinds: bytes
    cargo_kinds: bytes
    ledger: bytes
    block_number: int
    code_hashes: Mapping[str, bytes]
    earlier: tuple[bytes, ...] = ()

    @property
    def ledgers(self) -> tuple[bytes, ...]:
        """Every ledger of this network, the first one first, the one that takes events last."""
        return (*self.earlier, self.ledger)

    def verify(self, chain: ChainClient) -> None:
        """Check that this chain carries these contracts with this code.

        Raises:
            TrustError: other chain, or other code.
            CannotVerifyError: there is no code yet (the node may lag behind).
        """
        found = chain.chain_id()
        if found != self.chain_id:
            raise TrustError(f"the deployment is on chain {self.chain_id}, this is chain {found}.")
        for name in _NAMES:
            address: bytes = getattr(self, name)
            code = chain.code(address)
            if not code:
                raise CannotVerifyError(f"there is no contract at 0x{address.hex()} ({name}).")
            if keccak(code) != self.code_hashes[name]:
                raise TrustError(f"the contract at 0x{address.hex()} ({name}) is not what was deployed.")

    def to_json(self) -> dict[str, Any]:
        """The deployment as JSON values."""
        return {
            "format": _FORMAT, "chainId": self.chain_id, "blockNumber": self.block_number,
            **{_json_name(name): "0x" + getattr(self, name).hex() for name in _NAMES},
            **({"earlier": ["0x" + address.hex() for address in self.earlier]} if self.earlier else {}),
            "codeHashes": {_json_name(name): "0x" + self.code_hashes[name].hex() for name in _NAMES},
        }

    @classmethod
    def from_json(cls, value: Any) -> Deployment:
        """Read what `to_json` wrote.

        Raises:
            InputError: malformed, or of another format.
        """
        try:
            if value["format"] != _FORMAT:
                raise InputError(f"the deployment has format {value['format']!r}, not {_FORMAT!r}.")
            return cls(
                chain_id=int(value["chainId"]), block_number=int(value["blockNumber"]),
                earlier=tuple(_unhex(x, 20) for x in value.get("earlier", ())),
                code_hashes={name: _unhex(value["codeHashes"][_json_name(name)], 32) for name in _NAMES},
                **{name: _unhex(value[_json_name(name)], 20) for name in _NAMES})
        except (KeyError, TypeError, ValueError, AttributeError) as fault:
            raise InputError(f"the deployment is malformed: {fault!r}.") from fault


def deploy(
    chain: ChainClient, authority: Signer, gateway: bytes, *, first_nonce: int = 0,
    terms: Terms = NO_DELAYS, **sender: Any,
) -> Deployment:
    """Deploy the contracts and found the authority: its members, guardians, delays, the first gateway.

    Args:
        chain: where to.
        authority: becomes the first member; on a chain with fees it must have funds.
        gateway: 20-byte address that may send batches.
        terms: who else governs, and with which delays.
        first_nonce: account nonce of the authority at which deploying begins; 0 for a fresh key.

    Raises:
        ConflictError: the authority's key was used for other transactions at those nonces.
        UnavailableError: the chain does not answer; run again.
    """
    transactions = Sender(chain, authority, **sender)
    delays = (terms.register_delay_s, terms.authority_delay_s, terms.recovery_delay_s,
              terms.succession_delay_s)
    addresses = {name: created_address(authority.address, first_nonce + i) for i, name in enumerate(_NAMES)}
    manager, participants, ledger = addresses["manager"], addresses["participants"], addresses["ledger"]
    creations = (
        (manager, load("Governance").linked() + encode(["address", _DELAYS], [authority.address, delays])),
        (participants, load("Participants").linked() + encode(["address"], [manager])),
        *((addresses[name], load(library).linked()) for name, library in _LIBRARIES.items()),
        (ledger, load("CustodyLedger").linked({_LIBRARIES[x]: addresses[x] for x in _LIBRARIES})
         + encode(["address", "address"], [manager, participants])),
    )
    blocks = [_create(transactions, first_nonce + i, *creation) for i, creation in enumerate(creations)]
    _found(transactions, addresses, gateway, terms)
    named: dict[str, Any] = dict(addresses)
    return Deployment(
        chain_id=chain.chain_id(), **named,
        block_number=blocks[0] if blocks[0] is not None else _first_block_of(chain, manager),
        code_hashes={name: keccak(chain.code(address)) for name, address in addresses.items()})


def _found(sender: Sender, addresses: Mapping[str, bytes], gateway: bytes, terms: Terms) -> None:
    """What each role may call, and who has it. The account that deploys becomes a member like the others at
    the end, since from then on its acts wait, too; if it is one, nothing is left to do.
    """
    chain, first = sender.chain, sender.signer.address
    manager, participants, ledger = (addresses[name] for name in ("manager", "participants", "ledger"))
    if has_role(chain, manager, ROLE_SUCCESSION, first):
        return
    registrar = [selector(signature) for signature in REGISTRAR_FUNCTIONS]
    _open(sender, manager, participants, registrar, ROLE_REGISTRAR)
    _open(sender, manager, participants, [selector(RECOVER)], ROLE_RECOVERY)
    open_ledger(sender, manager, ledger)
    grants = [(ROLE_REGISTRAR, first), (ROLE_GATEWAY, gateway)]
    for role, account in (*grants, *((ROLE_GUARDIAN, guardian) for guardian in terms.guardians)):
        if not has_role(chain, manager, role, account):
            sender.send(manager, call_data("grantRole(uint64,address,uint32)", role, account, 0))
    for member in (*terms.members, first):
        if not has_role(chain, manager, ROLE_SUCCESSION, member):
            sender.send(manager, call_data("addMember(address)", member))


def open_ledger(sender: Sender, manager: bytes, ledger: bytes) -> None:
    """Let gateways record on a ledger, and the authority end it, where they may not yet."""
    _open(sender, manager, ledger, [encode_record([])[:4]], ROLE_GATEWAY)
    _open(sender, manager, ledger, [selector(SET_SUCCESSOR)], ROLE_SUCCESSION)


def has_role(chain: ChainClient, manager: bytes, role: int, account: bytes) -> bool:
    """Whether an account has a role of the access control, effective now."""
    answer = chain.call(manager, call_data("hasRole(uint64,address)", role, account))
    return bool(decode(["bool", "uint32"], answer)[0])


def granted_delay_s(chain: ChainClient, manager: bytes, role: int, account: bytes) -> int | None:
    """Seconds that acts of an account in a role wait, a change under way as done; None without the role."""
    answer = chain.call(manager, call_data("getAccess(uint64,address)", role, account))
    since, now, pending, effect = decode(["uint48", "uint32", "uint32", "uint48"], answer)
    if not since:
        return None
    return int(pending if effect else now)


def _create(sender: Sender, nonce: int, address: bytes, code: bytes) -> int | None:
    """Create a contract at the account's nonce; the block it is in, or None if it was there already."""
    if sender.chain.code(address):
        return None
    if sender.chain.transaction_count(sender.signer.address) != nonce:
        raise ConflictError(
            f"the authority's key was used for something else at account nonce {nonce}.",
            remedy="Use a fresh key, or say at which account nonce the deployment begins.")
    return sender.send(None, code).block_number


def _open(sender: Sender, manager: bytes, target: bytes, selectors: list[bytes], role: int) -> None:
    """Let a role call functions of a contract, where it may not yet."""
    closed = [
        one for one in selectors if int.from_bytes(sender.chain.call(manager, call_data(
            "getTargetFunctionRole(address,bytes4)", target, one)), "big") != role]
    if closed:
        sender.send(
            manager, call_data("setTargetFunctionRole(address,bytes4[],uint64)", target, closed, role))


def _first_block_of(chain: ChainClient, contract: bytes) -> int:
    """The block of a contract's first log. Asked only when an interrupted deployment goes on."""
    for number in range(chain.head_number() + 1):
        if any(log.address == contract for receipt in chain.receipts(number) for log in receipt.logs):
            return number
    raise CannotVerifyError(f"no block has a log of 0x{contract.hex()}.")


def _json_name(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _unhex(text: str, length: int) -> bytes:
    raw = bytes.fromhex(text.removeprefix("0x"))
    if len(raw) != length:
        raise ValueError(f"{text} has not {length} bytes")
    return raw
