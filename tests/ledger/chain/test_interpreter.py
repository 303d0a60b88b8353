"""The fast loop does what py-evm's loop does: outcome, kind of fault, gas, logs, storage, warmth, calls within.

Programs are random; gas runs out everywhere; planted faults are seen. What the contracts' own tests send is compared
in tests/contracts/test_loops.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given, note, settings
from hypothesis import strategies as st

from ledger.chain.deploy import deploy
from ledger.chain.embedded import EmbeddedChain, interpreter, opcodes, writer
from ledger.chain.tx import transaction_fields
from ledger.errors import InputError
from tests.chain_fixtures import AccountSigner, Clock
from tests.ledger.chain.loops import CALLEES, SELF, Bench, Result, both
from tests.ledger.chain.programs import CODES, MESSAGES, push

STOCK, FAST = both()


@pytest.fixture(autouse=True)
def compiled_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No code is left to py-evm because it is visited seldom."""
    monkeypatch.setattr(interpreter, "COMPILE_AT", 1)


DEEP_FACTOR = 1 if settings.default.max_examples <= 25 else 4
IDENTITY, REVERTS, WRITES, LOOPS_FOREVER, CALLS_BACK, GONE = CALLEES

# Every opcode the compiler takes in, most of them twice, with values from near and far.
EVERYTHING = b"".join([
    *(b"".join(push(x) for x in (2**256 - 3, 5, 7)) + bytes([opcode, 0x50])
      for opcode in [*range(0x01, 0x0A), 0x0B, *range(0x10, 0x1E)]),
    *(push(2**255 + 9) + push(x) + bytes([opcode]) for x in (1, 31, 32, 255, 256) for opcode in (0x0B, 0x1A, 0x1B, 0x1C, 0x1D)),
    bytes.fromhex("30 32 33 34 36 38 3d 42 46 58 59 5a".replace(" ", "")),
    push(3) + b"\x35", push(2**200) + b"\x35", push(1) + push(33) + b"\x52", push(33) + b"\x51", push(2**256 - 1) + push(90) + b"\x53",
    push(40) + push(3) + push(200) + b"\x5e", push(40) + push(3) + push(300) + b"\x37", push(64) + push(20) + b"\x20",
    push(0) + push(2**200) + b"\x20", push(1) + b"\x54", push(1) + b"\x54", push(9) + push(1) + b"\x55", push(1) + b"\x54",
    bytes(range(0x80, 0x90)), bytes(range(0x90, 0xA0)), b"\x5b\x5a\x59\x00",
])
# A loop with an inner branch, that stops when a counter is through: jumps back, both ways of a branch.
COUNTING = bytes.fromhex("6005 5b 80 15 6017 57 80 6001 16 600f 57 5b 6001 90 03 6002 56 5b 50 00".replace(" ", ""))


def compare(code: bytes, **message: Any) -> Result:
    """Run both; they must agree. What stock did."""
    expected, found = STOCK.run(code, **message), FAST.run(code, **message)
    assert found == expected
    return expected


@settings(max_examples=400 * DEEP_FACTOR)
@given(code=CODES, message=MESSAGES, gas=st.lists(st.integers(0, 80_000), min_size=1, max_size=4))
def test_loops__random_program__same_result_at_any_gas(code: bytes, message: dict[str, Any], gas: list[int]) -> None:
    note(code.hex())
    full = compare(code, **message, gas=400_000)
    event(full.error)
    for limit in gas:
        compare(code, **message, gas=limit)
    if full.error == "NoneType":
        compare(code, **message, gas=full.gas_used)
        compare(code, **message, gas=max(full.gas_used - 1, 0))


@pytest.mark.parametrize("code", [EVERYTHING, COUNTING], ids=["everything", "counting"])
def test_loops__gas_runs_out_at_every_opcode__same_result(code: bytes) -> None:
    data = bytes(range(60))
    full = compare(code, data=data, gas=10**6)
    assert full.error == "NoneType"
    for gas in range(0, full.gas_used + 2, 1 if full.gas_used < 1_000 or DEEP_FACTOR > 1 else 13):
        assert compare(code, data=data, gas=gas).error == ("NoneType" if gas >= full.gas_used else "OutOfGas")


@pytest.mark.parametrize("height", [*range(8), 15, 16, 17, 1_007, 1_008, 1_021, 1_022, 1_023, 1_024, 1_025])
def test_loops__stack_nearly_empty_or_full__same_result(height: int) -> None:
    some = [*range(0x0B, 0x100, 0x0B), 0x01, 0x15, 0x20, 0x51, 0x54, 0x57, 0x5A, 0x5F, 0x80, 0x8F, 0x90, 0xFA]
    for opcode in range(256) if height < 18 or DEEP_FACTOR > 1 else some:
        compare(b"\x60\x01" * height + bytes([opcode]) + b"\x5a" * 3 + b"\x00", gas=2_000_000)


@pytest.mark.parametrize("code", [
    push(2**256 - 1) + b"\x56", push(3) + b"\x56\x5b", b"\x60\x04\x56\x60\x5b\x00", b"\x60\x05\x56\x61\x5b\x5b\x00",
    push(1) + push(9) + b"\x57", b"\x56", b"\x57", b"\x60\x00\x35\x56\x5b\x00", b"\x5b\x60", b"\x7f\x01", b"\x60\x03\x56\x5b\x00",
    b"\x36\x60\x06\x57\x60\x5b\x5b", b"\x60\x03\x80\x56\x5b",
])
def test_loops__jumps_of_all_sorts__same_result(code: bytes) -> None:
    for data in (b"", bytes(31) + b"\x04", b"\xff" * 32):
        compare(code, data=data)


@pytest.mark.parametrize("place", [0, 31, 2**12, 2**16, 2**20, 2**32, 2**64, 2**255, 2**256 - 1])
@pytest.mark.parametrize("opcode", [0x20, 0x37, 0x39, 0x3E, 0x51, 0x52, 0x53, 0x5E, 0xA0, 0xF0, 0xF3, 0xFD])
def test_loops__memory_far_away__same_result(opcode: int, place: int) -> None:
    for others in (0, 1, 64):
        for order in ((place, others, 3), (others, place, 3), (others, 3, place), (place, place, place)):
            compare(b"".join(map(push, order)) + bytes([opcode]) + b"\x59", gas=3_000_000)


@pytest.mark.parametrize("call", [0xF1, 0xF2, 0xF4, 0xFA])
@pytest.mark.parametrize("to", [*CALLEES, SELF, *(bytes(19) + bytes([i]) for i in range(1, 10))], ids=bytes.hex)
def test_loops__calls__same_result(call: int, to: bytes) -> None:
    value = push(3) if call in (0xF1, 0xF2) else b""
    code = push(32) + push(64) + push(40) + push(0) + value + b"\x73" + to + push(30_000) + bytes([call])
    after = b"\x3d" + push(8) + push(1) + push(7) + b"\x3e" + push(4) + b"\x54" + b"\x59\x00"
    for static in (False, True):
        compare(push(2**255) + push(0) + b"\x52" + code + after, is_static=static, gas=400_000)


def test_loops__calls_within_calls__same_result() -> None:
    again = push(0) + push(0) + push(0) + push(0) + push(0) + b"\x30\x5a\xf1" + b"\x60\x01\x01\x5f\x52\x60\x20\x5f\xf3"
    STOCK.state.set_code(SELF, again)
    FAST.state.set_code(SELF, again)
    gas = 10**13 if DEEP_FACTOR > 1 else 10**7  # to the limit of 1,024, or until gas ends it after some hundred
    assert compare(again, gas=gas).error == "NoneType"


def test_loops__creations__same_result() -> None:
    for runtime in (b"\x5f\x5f\xfd", b"\xef\x00", b"\x33\xff", b""):
        initcode = push(int.from_bytes(runtime.ljust(32, b"\0"), "big"), 32) + b"\x5f\x52" + push(len(runtime)) + b"\x5f\xf3"
        stored = b"".join(push(int.from_bytes(initcode[i:i + 32].ljust(32, b"\0"), "big"), 32) + push(i) + b"\x52"
                          for i in range(0, len(initcode), 32))
        for create in (push(len(initcode)) + b"\x5f\x5f\xf0", push(9) + push(len(initcode)) + b"\x5f\x5f\xf5"):
            for gas in (20_000, 33_000, 60_000, 200_000):
                compare(stored + create + b"\x80\x3b\x90\x3f" + create + b"\x00", gas=gas)
                compare(stored + create + b"\x00", gas=gas, is_static=True)
        compare(initcode, create=True, gas=200_000)


# planted faults: the comparison sees them


def _differs(code: bytes, bench: Bench, **message: Any) -> bool:
    return STOCK.run(code, **message) != bench.run(code, **message)


@pytest.mark.parametrize("opcode", sorted(interpreter._COSTS))
def test_fault_planted__wrong_cost__seen(opcode: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(interpreter._COSTS, opcode, interpreter._COSTS[opcode] + 1)
    interpreter._program.cache_clear()
    try:
        assert _differs(EVERYTHING + push(0, 32), FAST, gas=10**6) or _differs(COUNTING, FAST) or _differs(
            _all_pushes(), FAST) or _differs(push(0) + b"\x00", FAST)
    finally:
        interpreter._program.cache_clear()


def _all_pushes() -> bytes:
    return b"".join(push(1, size) for size in range(1, 33)) + b"\x5f\x5f" + bytes(range(0x80, 0xA0))


@pytest.mark.parametrize(("where", "name", "value"), [
    (interpreter, "_COLD_SLOAD_GAS", 100), (interpreter, "_WARM_SLOAD_GAS", 101), (interpreter, "_WORD_GAS_HASH", 7),
    (interpreter, "_WORD_GAS_COPY", 2), (interpreter, "_WORD_GAS_MEMORY", 4),
    (writer, "STACK_MAX", 1025), (opcodes, "jump_destinations", lambda code: frozenset(range(len(code)))),
])
def test_fault_planted__in_what_traces_use__seen(
    where: Any, name: str, value: Any, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(where, name, value)
    interpreter._program.cache_clear()
    try:
        far = push(5) + push(30_000) + b"\x52\x59"
        full = b"\x5f" * 1_023 + b"\x5f\x5f\x00"
        assert any(_differs(code, FAST, gas=10**6) for code in (EVERYTHING, far, full, b"\x60\x04\x56\x60\x5b\x00"))
    finally:
        interpreter._program.cache_clear()


@pytest.mark.parametrize("opcode", sorted({*opcodes.EXPRESSIONS, *opcodes.COMPARISONS}))
def test_fault_planted__wrong_value__seen(opcode: int, monkeypatch: pytest.MonkeyPatch) -> None:
    table: Any = opcodes.EXPRESSIONS if opcode in opcodes.EXPRESSIONS else opcodes.COMPARISONS
    count, expression = table[opcode]
    monkeypatch.setitem(table, opcode, (count, f"not ({expression})" if table is opcodes.COMPARISONS else f"({expression}) ^ 1"))
    monkeypatch.setattr(opcodes, "SHORTER", {})
    interpreter._program.cache_clear()
    try:
        operands = b"".join(push(x) for x in (11, 7, 200)[-count:]) if count else b""
        assert _differs(operands + bytes([opcode]) + b"\x5f\x52", FAST)
    finally:
        interpreter._program.cache_clear()


# whole blocks, and the switch


def test_loops__same_transactions__same_blocks(tmp_path: Path) -> None:
    chains = {loop: EmbeddedChain(tmp_path / loop / "chain.sqlite", Clock(), loop=loop) for loop in interpreter.LOOPS}
    fast, stock = chains["fast"], chains["stock"]
    try:
        signer = AccountSigner(7)
        deployment = deploy(fast, signer, AccountSigner(8).address)
        for data, gas in ((b"\x12\x34\x56\x78", 100_000), (b"", 30_000), (b"\xff" * 200, 30_000)):
            fast.send_raw_transaction(signer.sign_transaction(transaction_fields(
                chain_id=fast.chain_id(), nonce=fast.transaction_count(signer.address), to=deployment.ledger, data=data,
                gas=gas, gas_price=0)))
        for number in range(1, fast.head_number() + 1):
            for row in fast._store.transactions(number):
                stock.send_raw_transaction(row.raw)
            assert stock.header(number) == fast.header(number)
            assert stock.receipts(number) == fast.receipts(number)
        assert fast.head_number() > 8
        assert {r.status for n in range(1, fast.head_number() + 1) for r in fast.receipts(n)} == {0, 1}
        for loop, chain in chains.items():
            for state in (chain._engine.get_vm().state, chain._states.after(chain._row(None), as_next=True)):
                assert state.computation_class is interpreter.loop_class(loop)
    finally:
        for chain in chains.values():
            chain.close()


def test_loop__unknown__refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no loop 'slow'"):
        EmbeddedChain(tmp_path / "chain.sqlite", Clock(), loop="slow")


def test_opcodes__not_cancuns_own__are_what_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    class Noting(dict[int, Any]):
        def __getitem__(self, opcode: int) -> Any:
            asked.append(opcode)
            return super().__getitem__(opcode)

    monkeypatch.setattr(interpreter.FastComputation, "opcodes", Noting(interpreter.FastComputation.opcodes))
    compare(b"\x60\x01\x50\x00")
    assert asked == [0x60, 0x50, 0x00]


@pytest.mark.parametrize("visits", [2, 4, 9, 10**9])
def test_program__compiled_after_some_visits__same_result(visits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "COMPILE_AT", visits)
    interpreter._program.cache_clear()
    for gas in (60, 100, 160, 10_000) * 3:
        compare(COUNTING, gas=gas)
    assert bool(interpreter._program(COUNTING)) is (visits < 20)


def test_program__more_traces_than_kept__runs_on_by_py_evm(monkeypatch: pytest.MonkeyPatch) -> None:
    interpreter._program.cache_clear()
    monkeypatch.setattr(interpreter, "TRACES_MAX", 1)
    try:
        assert compare(COUNTING).error == "NoneType"
        assert len(interpreter._program(COUNTING)) == 1
    finally:
        interpreter._program.cache_clear()
