"""What events are posted into: a network of the demo's participants on an engine, and stock py-evm alone."""

from __future__ import annotations

import time
from pathlib import Path

from eth.constants import BLANK_ROOT_HASH
from eth.db.atomic import AtomicDB

from ledger.chain.authority import Authority
from ledger.chain.client import ChainClient
from ledger.chain.deploy import deploy
from ledger.chain.embedded.chain import BLOCK_GAS_LIMIT
from ledger.chain.embedded.interpreter import STOCK
from ledger.chain.embedded.vm import chain_class, vm_class
from ledger.events.model import domain_separator
from ledger.gateway.gateway import Gateway, open_gateway_store
from ledger.gateway.payloads import PayloadStore
from ledger.keys.local_signer import LocalSigner
from ledger.vocabulary import BookOption, Role
from ledger_bench.mix import AFTER_S, Mix, signer_of


class Network:
    """The demo's participants, places and books on an engine, and a gateway with its own durable store."""

    def __init__(self, chain: ChainClient, folder: Path, mix: Mix) -> None:
        """Deploy and register; nothing is posted yet."""
        authority, sender = LocalSigner(b"\x01" * 32), LocalSigner(b"\x02" * 32)
        self.chain = chain
        self.deployment = deploy(chain, authority, sender.address)
        register(Authority(chain, self.deployment, authority), mix)
        store = open_gateway_store(folder / "gateway.sqlite")
        self.gateway = Gateway(
            chain, self.deployment, store, PayloadStore(store), sender=sender, clock=lambda: AFTER_S)
        self.separator = domain_separator(chain.chain_id(), self.deployment.ledger)
        self._store = store

    def close(self) -> None:
        """Close the store."""
        self._store.close()


def register(authority: Authority, mix: Mix) -> None:
    """What the demo's authority decides."""
    numbers = {p["id"]: p["number"] for p in mix.directory["participants"]}
    for p in mix.directory["participants"]:
        roles = Role(0)
        for name in p["roles"]:
            roles |= Role[name]
        authority.admit(p["number"], roles, reading_key=bytes(32), hold_bit=p["hold_bit"])
        authority.add_signer(signer_of(p["number"]).address, p["number"])
    for f in mix.directory["facilities"]:
        authority.set_facility(f["number"], numbers[f["operator"]], supervised=f["supervised"])
    for b in mix.directory["books"]:
        options = BookOption(0)
        for name in b["options"]:
            options |= BookOption[name]
        authority.set_book(b["number"], numbers[b["owner"]], regime=1, options=options)


class Raw:
    """py-evm in memory with its own loop, fed with the transactions of another chain, and nothing else."""

    def __init__(self, chain_id: int) -> None:
        vm = vm_class(STOCK)
        header = vm.create_genesis_header(
            gas_limit=BLOCK_GAS_LIMIT, timestamp=0, extra_data=b"CargoLedger", coinbase=bytes(20),
            state_root=BLANK_ROOT_HASH, difficulty=0)
        self._vm = vm
        self._chain = chain_class(chain_id, vm).from_genesis_header(AtomicDB(), header)

    def block(self, raw: bytes, timestamp_s: int) -> tuple[bytes, float]:
        """A block of one transaction: its hash, and the seconds of running it and its state root."""
        transaction = self._vm.get_transaction_builder().decode(raw)
        header = self._vm.create_header_from_parent(
            self._chain.get_canonical_head(), timestamp=timestamp_s, coinbase=bytes(20))
        vm = self._chain.get_vm(header)
        begin = time.perf_counter()
        filled, receipts, _ = vm.apply_all_transactions([transaction], header)
        block = vm.mine_block(
            vm.set_block_transactions_and_withdrawals(vm.get_block(), filled, [transaction], receipts)).block
        spent_s = time.perf_counter() - begin
        self._chain.chaindb.persist_block(block)
        return block.hash, spent_s
