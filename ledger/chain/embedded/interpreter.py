"""The fast loop of the embedded ledger: runs EVM code as compiled Python (compiler.py) in py-evm's place.

Only the loop over opcodes is replaced. Messages, snapshots, precompiles, contract creation, storage, logs,
blocks and receipts are py-evm's. `loop_class` gives py-evm's computation class with this loop (`fast`), or as
it is (`stock`).

Equal by test: tests/ledger/chain/test_interpreter.py runs both over random programs and whole blocks,
tests/contracts/test_loops.py over what the contracts' tests send: outcome, kind of fault, gas, logs and
storage agree. docs/adr/0019 says why it is there.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

from eth.exceptions import Halt, InvalidInstruction, InvalidJumpDestination, OutOfGas
from eth.vm.forks.cancun.computation import CancunComputation
from eth.vm.logic.invalid import InvalidOpcode
from sha3 import keccak_256

from ledger.chain.embedded import opcodes as op
from ledger.chain.embedded.compiler import Trace, trace_source

FAST, STOCK = "fast", "stock"
LOOPS = (FAST, STOCK)

PROGRAMS_MAX = 64        # codes kept compiled; a deployment has four, each creation runs one more
TRACES_MAX = 4_096       # of one program; what is beyond runs by py-evm's functions
COMPILE_AT = 4           # visit at which a place is compiled: what runs once or twice is not worth it

_OPCODES = CancunComputation.opcodes
_PY_EVM: dict[int, Any] = {i: _OPCODES.get(i) or InvalidOpcode(i) for i in range(256)}
_TAKEN_IN = frozenset({
    *op.EXPRESSIONS, *op.COMPARISONS, *range(op.PUSH0, op.SWAP16 + 1), op.STOP, op.POP, op.PC, op.GAS,
    op.MLOAD, op.MSTORE, op.MSTORE8, op.MCOPY, op.KECCAK256, op.SLOAD, op.CALLDATACOPY, op.JUMP, op.JUMPI,
    op.JUMPDEST})
_COSTS: dict[int, int] = {i: _PY_EVM[i].gas_cost for i in sorted(_TAKEN_IN)}

_WORD_GAS_COPY, _WORD_GAS_HASH, _WORD_GAS_MEMORY = 3, 6, 3
_COLD_SLOAD_GAS, _WARM_SLOAD_GAS = 2_100, 100


class Program(dict[int, Trace]):
    """The traces of one code, compiled where it is worth it. Threads may share it: at worst both compile."""

    def __init__(self, code: bytes) -> None:
        super().__init__()
        self.code = code
        self.visits: dict[int, int] = {}
        self.destinations = op.jump_destinations(code)

    def __missing__(self, key: int) -> Trace:
        """The trace of a key that is not compiled: now, or for this time by py-evm's functions.

        Raises:
            InvalidJumpDestination, InvalidInstruction: the code jumps where it may not.
        """
        place = key if key >= 0 else ~key
        if key >= 0 and key not in self.destinations:
            if key >= len(self.code) or self.code[key] != op.JUMPDEST:
                raise InvalidJumpDestination("Invalid Jump Destination")
            raise InvalidInstruction("Jump resulted in invalid instruction")
        visits = self.visits[place] = self.visits.get(place, 0) + 1
        if visits < COMPILE_AT or len(self) >= TRACES_MAX:
            return partial(_uncompiled, place)
        source = trace_source(self.code, place, self.destinations, _COSTS)
        names = dict(_NAMES)
        # S102: the source is our compiler's; of the code it holds nothing but numbers
        exec(compile(source, f"<evm code at {place}>", "exec"), names)  # noqa: S102
        trace: Trace = names["trace"]
        self[key] = trace
        return trace


_program = lru_cache(maxsize=PROGRAMS_MAX)(Program)


class FastComputation(CancunComputation):  # type: ignore[misc]  # py-evm ships no types we follow
    """py-evm's Cancun with the fast loop."""

    @classmethod
    def apply_computation(
        cls, state: Any, message: Any, transaction_context: Any, parent_computation: Any = None,
    ) -> Any:
        """Run a message; py-evm's method but for the loop. With other opcodes than Cancun's its own."""
        if cls.opcodes is not _OPCODES:  # somebody counts or changes them, to learn what they do
            return super().apply_computation(state, message, transaction_context, parent_computation)
        with cls(state, message, transaction_context) as computation:
            if computation.is_origin_computation:
                computation.contracts_created = []
                if message.is_create:
                    cls.consume_initcode_gas_cost(computation)
            if parent_computation is not None:
                computation.contracts_created = parent_computation.contracts_created
            if message.is_create:
                computation.contracts_created.append(message.storage_address)
            precompile = computation.precompiles.get(message.code_address)
            if precompile is not None:
                if not message.is_delegation:
                    precompile(computation)
                return computation
            if message.code:
                _run(computation)
        return computation


def loop_class(loop: str) -> Any:
    """The computation class for a loop, `fast` or `stock`."""
    return {FAST: FastComputation, STOCK: CancunComputation}[loop]


def _run(vm: Any) -> None:
    """Run the code of a computation to its end."""
    program = _program(vm.msg.code)
    stack, memory = vm._stack.values, vm._memory
    data = vm.msg.data_as_bytes + bytes(32)  # reading a word at or behind the end gives zeros
    key: int | None = ~0
    gas = vm._gas_meter.gas_remaining
    try:
        while key is not None:
            key, gas = program[key](vm, stack, memory, data, gas)
    except Halt:
        pass


# what traces call


def _by_py_evm(vm: Any, opcode: int, next_pc: int, gas: int) -> int:
    """One opcode by py-evm's function; returns the gas left."""
    vm.code.program_counter = next_pc
    meter = vm._gas_meter
    meter.gas_remaining = gas
    _PY_EVM[opcode](vm)
    left: int = meter.gas_remaining
    return left


def _by_the_book(vm: Any, pc: int, gas: int) -> tuple[int, int]:
    """Everything by py-evm's functions up to the next jump, or to the end or fault before it."""
    code, meter, values = vm.code, vm._gas_meter, vm._stack.values
    code.program_counter = pc
    meter.gas_remaining = gas
    raw = vm.msg.code
    while True:
        at = code.program_counter
        opcode = raw[at] if at < len(raw) else op.STOP
        code.program_counter = at + 1
        _PY_EVM[opcode](vm)
        if opcode in (op.JUMP, op.JUMPI):
            break
    values[:] = [int.from_bytes(x, "big") if type(x) is bytes else x for x in values]
    return ~code.program_counter, meter.gas_remaining


def _uncompiled(place: int, vm: Any, *rest: Any) -> tuple[int, int]:
    """In a trace's place: `rest` is what a trace takes, gas at its end."""
    gas: int = rest[-1]
    return _by_the_book(vm, place, gas)


def _grown(memory: Any, end: int, gas: int) -> int:
    """Make memory reach `end`; returns the gas left.

    Raises:
        OutOfGas: it costs more than there is.
    """
    before, after = len(memory._bytes) >> 5, (end + 31) >> 5
    if after <= before:
        return gas
    gas -= _WORD_GAS_MEMORY * (after - before) + after * after // 512 - before * before // 512
    if gas < 0:
        raise OutOfGas("Out of gas: expanding memory")
    memory._bytes.extend(bytes((after - before) << 5))
    return gas


def _hashed(memory: Any, start: int, length: int, gas: int) -> tuple[int, int]:
    """Keccak-256 of memory, and the gas left."""
    if length:
        gas = _grown(memory, start + length, gas) - _WORD_GAS_HASH * ((length + 31) >> 5)
        if gas < 0:
            raise OutOfGas("Out of gas: hashing")
    return int.from_bytes(keccak_256(memory._bytes[start:start + length]).digest(), "big"), gas


def _mcopy(memory: Any, to: int, start: int, length: int, gas: int) -> int:
    """MCOPY; returns the gas left."""
    if length:
        gas = _grown(memory, max(to, start) + length, gas) - _WORD_GAS_COPY * ((length + 31) >> 5)
        if gas < 0:
            raise OutOfGas("Out of gas: copying")
        blob = memory._bytes
        blob[to:to + length] = blob[start:start + length]
    return gas


def _calldatacopy(  # noqa: PLR0917 - an opcode's operands
    memory: Any, data: bytes, to: int, start: int, length: int, gas: int,
) -> int:
    """CALLDATACOPY; `data` has 32 zeros behind it. Returns the gas left."""
    if length:
        gas = _grown(memory, to + length, gas) - _WORD_GAS_COPY * ((length + 31) >> 5)
        if gas < 0:
            raise OutOfGas("Out of gas: copying")
        memory._bytes[to:to + length] = data[start:start + length].ljust(length, b"\0")
    return gas


def _sload(vm: Any, slot: int, gas: int) -> tuple[int, int]:
    """SLOAD: the value and the gas left; dearer for the first look in a transaction (EIP-2929)."""
    address, state = vm.msg.storage_address, vm.state
    if state.is_storage_warm(address, slot):
        gas -= _WARM_SLOAD_GAS
    else:
        state.mark_storage_warm(address, slot)
        gas -= _COLD_SLOAD_GAS
    if gas < 0:
        raise OutOfGas("Out of gas: SLOAD")
    return state.get_storage(address, slot), gas


_NAMES: dict[str, Any] = {
    "by_py_evm": _by_py_evm, "by_the_book": _by_the_book, "grown": _grown, "hashed": _hashed,
    "mcopy": _mcopy, "calldatacopy": _calldatacopy, "sload": _sload, "from_bytes": int.from_bytes,
    "signed_divide": op.signed_divide, "signed_modulo": op.signed_modulo, "sign_extend": op.sign_extend,
    "shift_signed_right": op.shift_signed_right,
}
