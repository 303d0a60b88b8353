"""A small contract for engine tests, written as bytes so that it depends on no compiler and no other part."""

from __future__ import annotations

from typing import Any

import rlp
from eth_hash.auto import keccak

from ledger.chain.client import ChainClient, Receipt
from ledger.chain.tx import wait_for_receipt
from tests.chain_fixtures import CHAIN_ID, AccountSigner

# storage[calldata word] += 1; log1(topic 1, calldata word); with no call data: revert(0, 4 bytes "\xde\xad\xbe\xef")
#   36 15 6018 57          if calldatasize == 0 jump to revert
#   5f35 80 5f52 6001 6020 5f a1   log1(0, 32, 1) of the word
#   80 54 6001 01 90 55 00         sstore(word, sload(word) + 1)
#   5b 63deadbeef 60e0 1b 5f52 6004 5f fd
RUNTIME = bytes.fromhex("3615601857" "5f35805f52600160205fa1" "80546001019055" "00" "5b63deadbeef60e01b5f5260045ffd")


def init_code() -> bytes:
    head = bytes.fromhex(f"60{len(RUNTIME):02x}8060095f395ff3")
    return head + RUNTIME


def transaction(
    signer: AccountSigner, nonce: int, to: bytes | None, data: bytes, gas: int = 1_000_000, chain_id: int = CHAIN_ID,
) -> bytes:
    fields: dict[str, Any] = {
        "type": 2, "chainId": chain_id, "nonce": nonce, "value": 0, "gas": gas, "maxFeePerGas": 0,
        "maxPriorityFeePerGas": 0, "data": data}
    if to is not None:
        fields["to"] = to
    return signer.sign_transaction(fields)


def address_of(signer: AccountSigner, nonce: int) -> bytes:
    encoded: bytes = rlp.encode([signer.address, nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")])
    return bytes(keccak(encoded))[12:]


def send(chain: ChainClient, raw: bytes) -> Receipt:
    return wait_for_receipt(chain, chain.send_raw_transaction(raw))


def deploy(chain: ChainClient, signer: AccountSigner) -> bytes:
    nonce = chain.transaction_count(signer.address)
    send(chain, transaction(signer, nonce, None, init_code()))
    return address_of(signer, nonce)


def word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def poke(chain: ChainClient, signer: AccountSigner, contract: bytes, number: int) -> Receipt:
    nonce = chain.transaction_count(signer.address)
    return send(chain, transaction(signer, nonce, contract, word(number)))
