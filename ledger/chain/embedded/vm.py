"""The virtual machine of the embedded ledger: Cancun, without proof of work and without fees.

Departs from py-evm's Cancun in one rule of the header: the base fee is always zero (as `zeroBaseFee` of a
Besu network), so that a gateway needs no funds and never runs dry. What a transaction does is plain Cancun.
"""

from __future__ import annotations

import sys
from typing import Any

from eth import EVM_RECURSION_LIMIT
from eth.chains.base import Chain
from eth.consensus.noproof import NoProofConsensus
from eth.db.chain import ChainDB
from eth.validation import validate_gas_limit
from eth.vm.forks.cancun import CancunVM

from ledger.chain.embedded.accounts import Accounts
from ledger.chain.embedded.interpreter import FAST, loop_class

FORK = "cancun"

# py_ecc, which py-evm imports, sets Python's recursion limit to 100,000. With that a document of 100,000
# opening brackets makes the JSON parser overrun the C stack and kills the process. 12,288 is what py-evm
# needs for 1,024 nested calls; an 8 MB stack bears three times that.
sys.setrecursionlimit(EVM_RECURSION_LIMIT)


def _header_from_parent(parent_header: Any, **header_params: Any) -> Any:
    """Header of the next block: the parent's gas limit and a base fee of zero, whatever the parent used."""
    if parent_header is not None:
        header_params.setdefault("gas_limit", parent_header.gas_limit)
    return CancunVM.create_header_from_parent(parent_header, **header_params).copy(base_fee_per_gas=0)


class LedgerVM(CancunVM):  # type: ignore[misc]  # py-evm ships no types we follow
    """Cancun with a base fee of zero and no consensus seal: checkpoints vouch for blocks, not this engine."""

    consensus_class = NoProofConsensus
    create_header_from_parent = staticmethod(_header_from_parent)

    @classmethod
    def validate_gas(cls, header: Any, parent_header: Any) -> None:
        """Check gas limit and base fee of a header.

        Raises:
            eth_utils.ValidationError: the limit jumps, or the base fee is not zero.
        """
        validate_gas_limit(header.gas_limit, parent_header.gas_limit)
        if header.base_fee_per_gas != 0:
            raise ValueError("the base fee of the embedded ledger is zero")


class LedgerChainDB(ChainDB):  # type: ignore[misc]  # as above
    """py-evm's header and lookup records; bodies and receipts are kept as plain rows by our store instead."""

    def persist_trie_data_dict(self, trie_data_dict: Any) -> None:
        """Store nothing: the nodes of transaction and receipt tries can be rebuilt from the rows."""


def vm_class(loop: str) -> Any:
    """The virtual machine with a loop over opcodes, one of `interpreter.LOOPS`; `stock` is all py-evm's."""
    ours: dict[str, Any] = {"computation_class": loop_class(loop)}
    if loop == FAST:
        ours["account_db_class"] = type("LedgerAccounts", (Accounts,), {"known_nodes": {}})
    state = type("LedgerState", (LedgerVM.get_state_class(),), ours)
    return type("LedgerVM", (LedgerVM,), {"_state_class": state})


def chain_class(chain_id: int, vm: Any) -> Any:
    """The py-evm chain class for a chain id and a virtual machine."""
    return type("LedgerChain", (Chain,), {
        "chain_id": chain_id,
        "chaindb_class": LedgerChainDB,
        "vm_configuration": ((0, vm),),
    })
