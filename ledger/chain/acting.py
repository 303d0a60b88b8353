"""Acts on the contracts by an account of the authority: at once, or announced first if its role has a delay.

An act with a delay is announced by the first call, which raises AnnouncedError; the same call after the delay
carries it out. Guardians and members may cancel it meanwhile (`ledger.chain.governance`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from eth_abi.abi import decode, encode
from eth_hash.auto import keccak

from ledger.chain.client import ChainClient, Receipt
from ledger.chain.codec import call_data, selector
from ledger.chain.deploy import ROLE_AUTHORITY, Deployment
from ledger.chain.tx import Sender, Signer
from ledger.chain.views import View
from ledger.errors import AnnouncedError, InputError

EXPIRES_S = 7 * 86_400
"""An announced act that nobody carries out ends so long after it became possible."""


class Acting:
    """Sends acts of one account through the access control.

    Args:
        chain: where the contracts are.
        deployment: which they are.
        signer: the account; what it may do, its roles say.
        sender: more for `Sender`.
    """

    def __init__(self, chain: ChainClient, deployment: Deployment, signer: Signer, **sender: Any) -> None:
        self._chain = chain
        self._deployment = deployment
        self._sender = Sender(chain, signer, **sender)
        self._view = View(chain, deployment)

    @property
    def address(self) -> bytes:
        """20-byte address of the account that acts."""
        return self._sender.signer.address

    @property
    def account(self) -> Signer:
        """The account that acts."""
        return self._sender.signer

    def carry_out(self, target: bytes, data: bytes) -> Receipt:
        """Do it if it may be done now, else announce it.

        Raises:
            AnnouncedError: announced, by this call or before; its time has not come.
            InputError: the account may not do this, or the contract refuses.
        """
        delay_s = self._delay_s(target, data)
        if not delay_s:
            return self._sender.send(target, data)
        operation = operation_id(self._sender.signer.address, target, data)
        ready_at_s = self._ready_at_s(operation)
        if ready_at_s:
            try:
                return self._sender.send(target, data)
            except InputError as fault:
                if getattr(fault, "data", b"")[:4] != _NOT_READY:
                    raise
                raise announced(operation, ready_at_s) from fault
        self._sender.send(self._deployment.manager, call_data(
            "schedule(address,bytes,uint48)", target, data, 0))
        raise announced(operation, self._ready_at_s(operation))

    def _delay_s(self, target: bytes, data: bytes) -> int:
        """Seconds between announcing and doing for this account; 0 for at once, or if it may not at all."""
        manager = self._deployment.manager
        if target == manager and data[:4] in _ROLE_ACTS:
            role = int.from_bytes(data[4:36], "big")
            admin = int.from_bytes(self._chain.call(manager, call_data("getRoleAdmin(uint64)", role)), "big")
            asked = call_data("hasRole(uint64,address)", admin, self._sender.signer.address)
        elif target == manager:
            asked = call_data("hasRole(uint64,address)", ROLE_AUTHORITY, self._sender.signer.address)
        else:
            caller = self._sender.signer.address
            asked = call_data("canCall(address,address,bytes4)", caller, target, data[:4])
        return int(decode(["bool", "uint32"], self._chain.call(manager, asked))[1])

    def _ready_at_s(self, operation: bytes) -> int:
        """Block time from which an announced act may be done; 0 if it is not announced or expired."""
        answer = self._chain.call(self._deployment.manager, call_data("getSchedule(bytes32)", operation))
        return int.from_bytes(answer, "big")


def operation_id(caller: bytes, target: bytes, data: bytes) -> bytes:
    """Id of an announced act: who, on which contract, what (as AccessManager.hashOperation)."""
    return bytes(keccak(encode(["address", "address", "bytes"], [caller, target, data])))


def announced(operation: bytes, ready_at_s: int) -> AnnouncedError:
    """The error that says from when an announced act can be done."""
    ready = datetime.fromtimestamp(ready_at_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return AnnouncedError(
        f"announced as 0x{operation.hex()}; it can be carried out from {ready}.",
        remedy="Run the same command again then (within a week), or: cargoledger authority execute ID. "
        "A guardian or a member may cancel it meanwhile.",
        operation=operation, ready_at_s=ready_at_s)


_NOT_READY = selector("AccessManagerNotReady(bytes32)")
_ROLE_ACTS = (selector("grantRole(uint64,address,uint32)"), selector("revokeRole(uint64,address)"))
