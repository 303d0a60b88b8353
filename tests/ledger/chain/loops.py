"""Both loops on the same message in the same state, and everything in which their results could differ."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from eth.constants import BLANK_ROOT_HASH
from eth.db.atomic import AtomicDB
from eth.vm.message import Message

from ledger.chain.embedded.interpreter import FAST, STOCK
from ledger.chain.embedded.vm import chain_class, vm_class

SELF, SENDER, NOBODY = b"\xc0" * 20, b"\x5e" * 20, b"\x0b" * 20
CALLEES: dict[bytes, bytes] = {
    # gives back its call data
    b"\xa1" * 20: bytes.fromhex("3660005f37365ff3"),
    # refuses, with 36 bytes
    b"\xa2" * 20: bytes.fromhex("6024 5f fd".replace(" ", "")),
    # writes storage and logs: not in a static call
    b"\xa3" * 20: bytes.fromhex("6001 5f 55 6020 5f a0 00".replace(" ", "")),
    # runs for ever
    b"\xa4" * 20: bytes.fromhex("5b 5f 56".replace(" ", "")),
    # calls back whoever called, with half the call data
    b"\xa5" * 20: bytes.fromhex("5f 5f 6004 5f 5f 33 5a f1 5f 52 6020 5f f3".replace(" ", "")),
    # gives everything to the sender and is gone
    b"\xa6" * 20: bytes.fromhex("33ff"),
}
VISIBLE_SLOTS = range(8)


@dataclass(frozen=True)
class Result:
    """What a message did, as far as anybody could see it."""

    error: str
    output: bytes
    gas_used: int
    gas_left: int
    refund: int
    logs: Any
    deleted: Any
    return_data: bytes
    memory: bytes
    children: tuple[Any, ...]
    state: Any


@dataclass
class Bench:
    """A state on one loop, with callees; every run begins in it."""

    loop: str
    state: Any = field(init=False)

    def __post_init__(self) -> None:
        vm = vm_class(self.loop)
        header = vm.create_genesis_header(
            gas_limit=60_000_000, timestamp=1_790_000_000, extra_data=b"", coinbase=b"\x77" * 20,
            state_root=BLANK_ROOT_HASH, difficulty=0)
        self.state = chain_class(7_042, vm).from_genesis_header(AtomicDB(), header).get_vm().state
        for address, code in CALLEES.items():
            self.state.set_code(address, code)
        for address in (SELF, SENDER):
            self.state.set_balance(address, 10**9)
        self.state.set_storage(SELF, 1, 5)
        self.state.set_storage(SELF, 2, 2**255)
        self.state.lock_changes()

    def run(self, code: bytes, **fields: Any) -> Result:
        """Run code as SELF, or as a creation."""
        state = self.state
        create = fields.pop("create", False)
        mark = state.snapshot()
        try:
            message = Message(**{
                "gas": 100_000, "to": b"" if create else SELF, "sender": SENDER, "value": 0, "data": b"", "code": code,
                **({"create_address": NOBODY} if create else {}), **fields})
            context = state.get_transaction_context_class()(gas_price=3, origin=SENDER)
            run = state.computation_class.apply_create_message if create else state.computation_class.apply_message
            return result_of(run(state, message, context), state)
        finally:
            state.revert(mark)
            state.clear_transient_storage()
            state.lock_changes()


def result_of(computation: Any, state: Any) -> Result:
    """What a computation did."""
    accounts = (SELF, SENDER, NOBODY, *CALLEES)
    return Result(
        error=type(computation._error).__name__, output=computation.output, gas_used=computation.get_gas_used(),
        gas_left=computation.get_gas_remaining(), refund=computation.get_gas_refund(),
        logs=computation.get_raw_log_entries(), deleted=sorted(computation.get_accounts_for_deletion()),
        return_data=bytes(computation.return_data),
        memory=b"" if computation.is_error else bytes(computation._memory._bytes),
        children=tuple(outline(x) for x in computation.children),
        state=[
            (state.get_balance(x), state.get_nonce(x), state.get_code(x), state.is_address_warm(x),
             [(state.get_storage(x, i), state.is_storage_warm(x, i)) for i in VISIBLE_SLOTS]) for x in accounts])


def outline(computation: Any) -> tuple[Any, ...]:
    """A computation without the state, its calls included."""
    return (type(computation._error).__name__, bytes(computation.output), computation.get_gas_used(),
            computation.get_gas_refund(), computation.get_raw_log_entries(),
            tuple(outline(x) for x in computation.children))


def both() -> tuple[Bench, Bench]:
    """A bench on each loop."""
    return Bench(STOCK), Bench(FAST)
