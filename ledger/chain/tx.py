"""Transactions of an account: who signs them, what they offer for gas, and waiting until they are in a block.

Never knows a key: a `Signer` does. Never guesses a result: a transaction whose receipt does not come in time
is an UnavailableError, and asking again later is safe, since callers look at the state of the chain first.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

import rlp
from eth_hash.auto import keccak

from ledger.chain.client import ChainClient, Receipt
from ledger.chain.explain import explained
from ledger.chain.reverts import RevertedError
from ledger.errors import InputError, UnavailableError

WAIT_S_MAX = 60.0      # a network halts for 10 s when one of five validators dies
_POLL_S_FIRST, _POLL_S_MAX = 0.01, 0.5


class AccountError(InputError):
    """The sending account cannot pay for transactions: nothing of it is taken, whatever it carries."""

    code = "CL-INPUT-011"


class Signer(Protocol):
    """An account that signs transactions (implementations: ledger/keys/signers.py)."""

    @property
    def address(self) -> bytes:
        """20-byte address of the account."""
        ...

    def sign_transaction(self, fields: dict[str, Any]) -> bytes:
        """The signed EIP-1559 transaction, encoded.

        Args:
            fields: `type` 2, `chainId`, `nonce`, `gas`, `maxFeePerGas`, `maxPriorityFeePerGas`, `value` as
                integers, `data` as bytes, and `to` as 20 bytes unless a contract is created.
        """
        ...


def created_address(sender: bytes, nonce: int) -> bytes:
    """Address of the contract that an account's transaction with that nonce creates."""
    encoded: bytes = rlp.encode([sender, nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")])
    return bytes(keccak(encoded))[12:]


def transaction_fields(
    *, chain_id: int, nonce: int, to: bytes | None, data: bytes, gas: int, gas_price: int,
) -> dict[str, Any]:
    """Fields of a transaction as a `Signer` takes them.

    The offer is twice the price of now, so that a rising base fee does not strand it; zero where gas is free.
    """
    fields: dict[str, Any] = {
        "type": 2, "chainId": chain_id, "nonce": nonce, "value": 0, "gas": gas, "data": data,
        "maxFeePerGas": 2 * gas_price, "maxPriorityFeePerGas": gas_price}
    if to is not None:
        fields["to"] = to
    return fields


def wait_for_receipt(
    chain: ChainClient, tx_hash: bytes, *, wait_s_max: float = WAIT_S_MAX,
    sleep: Callable[[float], None] = time.sleep,
) -> Receipt:
    """The receipt of a transaction, once it is in a block.

    Raises:
        UnavailableError: not within `wait_s_max` seconds; it may still come.
    """
    waited, pause = 0.0, _POLL_S_FIRST
    while True:
        receipt = chain.receipt(tx_hash)
        if receipt is not None:
            return receipt
        if waited >= wait_s_max:
            raise UnavailableError(
                f"transaction 0x{tx_hash.hex()} is not in a block after {wait_s_max:.0f} s.",
                remedy="The network may have stopped; the request can be repeated.")
        sleep(pause)
        waited += pause
        pause = min(2 * pause, _POLL_S_MAX)


class Sender:
    """Sends transactions of one account, one after the other."""

    def __init__(
        self, chain: ChainClient, signer: Signer, *, wait_s_max: float = WAIT_S_MAX,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.chain = chain
        self.signer = signer
        self._wait_s_max = wait_s_max
        self._sleep = sleep

    def send(self, to: bytes | None, data: bytes) -> Receipt:
        """Send call data to a contract, or create one; returns the receipt of its success.

        Raises:
            InputError: the contract refuses; the message says why.
            UnavailableError: the chain does not answer, or not in time.
        """
        try:
            gas = self.chain.estimate_gas(to or b"", data, self.signer.address)
        except RevertedError as fault:
            raise explained(fault) from fault
        raw = self.signer.sign_transaction(transaction_fields(
            chain_id=self.chain.chain_id(), nonce=self.chain.transaction_count(self.signer.address), to=to,
            data=data, gas=gas, gas_price=self.chain.gas_price()))
        tx_hash = self.chain.send_raw_transaction(raw)
        receipt = wait_for_receipt(self.chain, tx_hash, wait_s_max=self._wait_s_max, sleep=self._sleep)
        if receipt.status != 1:
            raise self._why(to, data)
        return receipt

    def _why(self, to: bytes | None, data: bytes) -> Exception:
        """What the contract says when asked again: between estimate and block its state may have changed."""
        try:
            self.chain.call(to or b"", data, self.signer.address)
        except RevertedError as fault:
            return explained(fault)
        return UnavailableError(
            "the transaction failed in its block and would pass now.", remedy="Repeat the request.")
