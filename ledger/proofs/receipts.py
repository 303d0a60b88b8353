"""Inclusion of a receipt in a block: a Merkle-Patricia proof from the receipts root in the block's header.

Pure. A proof is the list of trie nodes from the root to the receipt; the receipt stands in the last one.
Byte-level format: docs/formats/proofs.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from ledger.chain.client import Receipt
from ledger.chain.receipt_codec import DecodedReceipt, decode_receipt
from ledger.errors import TrustError
from ledger.proofs.tries import ordered_key, ordered_trie_root, prove_ordered, value_in_proof

INDEX_MAX = 65_535  # a block of 60 Mgas holds fewer than 3,000 transactions


def receipts_root(receipts: Sequence[Receipt]) -> bytes:
    """Receipts root over all receipts of a block, in order."""
    return ordered_trie_root([receipt.encoded for receipt in receipts])


def prove(receipts: Sequence[Receipt], index: int) -> list[bytes]:
    """Proof that the receipt of transaction `index` is in the block.

    Args:
        receipts: all receipts of the block in order.
        index: position of the transaction.

    Raises:
        TrustError: there is no such receipt.
    """
    return prove_ordered([receipt.encoded for receipt in receipts], index)


def verify(root: bytes, index: int, proof: Sequence[bytes]) -> bytes:
    """The encoded receipt of transaction `index`, proven to be in the block with that receipts root.

    Raises:
        TrustError: the proof does not lead from the root to a receipt.
    """
    if not 0 <= index <= INDEX_MAX:
        raise TrustError(f"a transaction's position lies between 0 and {INDEX_MAX}.")
    encoded = value_in_proof(root, ordered_key(index), proof)
    if not encoded:
        raise TrustError(f"the proof shows that the block has no transaction {index}.")
    return encoded


def verify_receipt(root: bytes, index: int, proof: Sequence[bytes]) -> DecodedReceipt:
    """The same, read. Log indexes count within the receipt, since a proof says nothing of those before it.

    Raises:
        TrustError: not proven, or not a receipt.
    """
    return decode_receipt(verify(root, index, proof))
