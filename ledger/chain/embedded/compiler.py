"""Compiles EVM code to Python, trace by trace: a trace is the straight way through the code from a place on.

A trace is a function `(vm, stack, memory, data, gas) -> (key, gas)`; the key names the trace that goes on,
None means the end. Within a trace the EVM's stack exists only where it must: pushes, duplicates and swaps
cost nothing, values are locals. Three things keep it equal to py-evm's loop; `interpreter.py` says how that
is tested:

* Gas of a stretch without side effects and without a way out is taken at its beginning. If it is not there,
  or the stack would run out or over, py-evm's own functions run the stretch instead (`by_the_book`), so that
  every fault is theirs. Within a stretch nothing but lack of gas can go wrong, so it does not matter where
  in it gas runs out.
* What is not in opcodes.py is done by py-evm's function, with stack, gas and program counter in place.
* Costs come from py-evm's table.

Keys: a place that must be a JUMPDEST is its number; any other place `p` is `~p`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ledger.chain.embedded import opcodes as op
from ledger.chain.embedded.writer import Condition, Slot, Writer, literal

Trace = Callable[[Any, list[int], Any, bytes, int], tuple[int | None, int]]

TRACE_OPCODES_MAX = 100    # then a trace ends at the next chance; longer ones gain nothing (measured)
VISITS_MAX = 2             # how often a place may be in a trace: a small helper is taken in more than once
LOOKAHEAD_OPCODES = 24     # an error path of Solidity is shorter


def trace_source(
    code: bytes, start: int, destinations: frozenset[int], costs: Mapping[int, int],
) -> str:
    """Source of the trace that begins at `start`.

    Args:
        code: the whole code.
        start: where to begin; an instruction.
        destinations: valid places to jump to.
        costs: fixed cost of each opcode that this compiler takes in.
    """
    return _Compiler(code, destinations, costs).write(start)


class _Compiler:
    def __init__(self, code: bytes, destinations: frozenset[int], costs: Mapping[int, int]) -> None:
        self.code = code
        self.destinations = destinations
        self.costs = costs
        self.w = Writer()
        self.visits: dict[int, int] = {}
        self.opcodes_count = 0

    def write(self, start: int) -> str:
        pc: int | None = start
        self.w.begin_zone(start)
        while pc is not None:
            pc = self._step(pc)
        self.w.end_zone()
        return self.w.source()

    def _step(self, pc: int) -> int | None:
        """Take in the opcode at `pc`; returns where the trace goes on, or None at its end."""
        opcode = self.code[pc] if pc < len(self.code) else op.STOP
        self.opcodes_count += 1
        w = self.w
        if opcode == op.JUMPDEST:
            if not self._may_visit(pc):
                w.leave(str(pc))
                return None
        elif self.opcodes_count > 2 * TRACE_OPCODES_MAX:
            w.leave(str(~pc))
            return None
        if opcode not in self.costs:
            return self._by_py_evm(opcode, pc)
        w.segment_gas += self.costs[opcode]
        if op.PUSH0 <= opcode <= op.PUSH32:
            size = opcode - op.PUSH0
            w.push(int.from_bytes(self.code[pc + 1:pc + 1 + size].ljust(size, b"\0"), "big"))
            return pc + 1 + size
        if op.DUP1 <= opcode <= op.DUP16:
            self._duplicate(opcode - op.DUP1 + 1)
        elif op.SWAP1 <= opcode <= op.SWAP16:
            position = opcode - op.SWAP1 + 1
            w.reach(position + 1)
            w.items[-1], w.items[-1 - position] = w.items[-1 - position], w.items[-1]
        elif opcode in op.EXPRESSIONS:
            self._compute(opcode)
        elif opcode in op.COMPARISONS:
            self._compare(opcode)
        elif opcode == op.JUMP:
            return self._jump(w.operand())
        elif opcode == op.JUMPI:
            return self._branch(pc)
        elif opcode == op.STOP:
            w.emit("vm._gas_meter.gas_remaining = gas", "return None, gas")
            return None
        elif opcode != op.JUMPDEST:
            self._memory_and_others(opcode, pc)
        return pc + 1

    def _duplicate(self, position: int) -> None:
        w = self.w
        w.reach(position)
        item = w.items[-position]
        if isinstance(item, Slot):  # known as a local, both are
            w.items.append(item)
            item = w.operand()
        w.push(item)

    def _compute(self, opcode: int) -> None:
        count, expression = op.EXPRESSIONS[opcode]
        operands = [self.w.operand() for _ in range(count)]
        first = operands[0] if operands else None
        extra = {}
        if isinstance(first, int) and opcode in op.SHORTER and first < op.SHORTER[opcode][0]:
            expression, extra = op.SHORTER[opcode][1], {"shift": 248 - 8 * first}
        text = expression.format(*map(literal, operands), **extra)
        if operands and all(isinstance(x, int) for x in operands) and opcode != 0x35:
            self.w.push(int(eval(text, _FOLDING)))  # noqa: S307 - a template of ours with numbers in it
            return
        name = self.w.local()
        self.w.emit(f"{name} = {text}")
        self.w.push(name)

    def _compare(self, opcode: int) -> None:
        w = self.w
        count, expression = op.COMPARISONS[opcode]
        if opcode == op.ISZERO:
            item = w.condition()
            if isinstance(item, Condition):
                w.push(Condition(f"not ({item.text})"))
                return
            operands: list[Any] = [item]
        else:
            operands = [w.operand() for _ in range(count)]
        if all(isinstance(x, int) for x in operands):
            w.push(int(eval(expression.format(*operands), {})))  # noqa: S307 - as above
        else:
            w.push(Condition(expression.format(*map(literal, operands))))

    def _memory_and_others(self, opcode: int, pc: int) -> None:
        w = self.w
        if opcode == op.POP:
            w.pop()
        elif opcode == op.PC:
            w.push(pc)
        elif opcode == op.GAS:  # the exact rest: nothing later may be charged yet
            w.end_segment()
            name = w.local()
            w.emit(f"{name} = gas")
            w.push(name)
            w.begin_segment(pc + 1)
        elif opcode == op.MLOAD:
            place = self._room(w.operand(), 32)
            name = w.local()
            w.emit(f"{name} = from_bytes(memory._bytes[{place}:{self._end(place, 32)}])")
            w.push(name)
        elif opcode in (op.MSTORE, op.MSTORE8):
            size = 32 if opcode == op.MSTORE else 1
            at, value = w.operand(), w.operand()
            place = self._room(at, size)
            text = literal(value)
            if size == 1:
                w.emit(f"memory._bytes[{place}] = {text} & 255")
            else:
                blob = repr(value.to_bytes(32, "big")) if isinstance(value, int) else f"{text}.to_bytes(32)"
                w.emit(f"memory._bytes[{place}:{self._end(place, 32)}] = {blob}")
        elif opcode == op.KECCAK256:
            at, length = literal(w.operand()), literal(w.operand())
            name = w.local()
            w.emit(f"{name}, gas = hashed(memory, {at}, {length}, gas)")
            w.push(name)
        elif opcode == op.SLOAD:
            slot = literal(w.operand())
            name = w.local()
            w.emit(f"{name}, gas = sload(vm, {slot}, gas)")
            w.push(name)
        else:
            to, start, length = (literal(w.operand()) for _ in range(3))
            if opcode == op.MCOPY:
                w.emit(f"gas = mcopy(memory, {to}, {start}, {length}, gas)")
            else:
                w.emit(f"gas = calldatacopy(memory, data, {to}, {start}, {length}, gas)")

    def _room(self, at: int | str, size: int) -> str:
        """Have memory up to `at + size`; returns the place as source."""
        place = literal(at)
        end = self._end(place, size)
        self.w.emit(f"if {end} > len(memory._bytes): gas = grown(memory, {end}, gas)")
        return place

    @staticmethod
    def _end(place: str, size: int) -> str:
        return f"{place} + {size}"

    # ways on

    def _may_visit(self, pc: int) -> bool:
        """Whether the trace may go on with a place that others jump to."""
        seen = self.visits.get(pc, 0)
        if self.opcodes_count > TRACE_OPCODES_MAX or seen >= VISITS_MAX:
            return False
        self.visits[pc] = seen + 1
        return True

    def _jump(self, to: int | str) -> int | None:
        if isinstance(to, int) and to in self.destinations:
            return to  # no more to check: its JUMPDEST decides whether the trace goes on
        self.w.leave(literal(to))
        return None

    def _branch(self, pc: int) -> int | None:
        w = self.w
        to = w.operand()
        item = w.condition()
        if isinstance(item, int):
            return self._jump(to) if item else pc + 1
        test = item.text if isinstance(item, Condition) else self.w.text(item)
        w.end_segment()
        if isinstance(to, int) and to in self.destinations and self._fails_soon(pc + 1):
            w.leave(str(~(pc + 1)), under=f"not ({test})")
            w.begin_segment(to)
            return to
        w.leave(literal(to), under=test)
        w.begin_segment(pc + 1)
        return pc + 1

    def _fails_soon(self, pc: int) -> bool:
        """Whether the straight way from here is an error path."""
        for _ in range(LOOKAHEAD_OPCODES):
            opcode = self.code[pc] if pc < len(self.code) else op.STOP
            if opcode in op.FAILING:
                return True
            if opcode in (op.JUMP, op.JUMPI, op.STOP, op.RETURN):
                return False
            pc += opcode - op.PUSH0 + 1 if op.PUSH0 < opcode <= op.PUSH32 else 1
        return False

    def _by_py_evm(self, opcode: int, pc: int) -> int | None:
        """Have py-evm's function do it, with everything in place."""
        w = self.w
        w.end_zone()
        w.emit(*w.settled())
        w.emit(f"gas = by_py_evm(vm, {opcode}, {pc + 1}, gas)")
        if opcode in op.ENDING:
            w.begin_zone(pc)
            return None
        if opcode not in op.WITHOUT_VALUE:
            w.emit("if type(stack[-1]) is bytes: stack[-1] = from_bytes(stack[-1])")
        w.begin_zone(pc + 1)
        return pc + 1


_FOLDING = {"__builtins__": {}, "signed_divide": op.signed_divide, "signed_modulo": op.signed_modulo,
            "sign_extend": op.sign_extend, "shift_signed_right": op.shift_signed_right}
