"""Logs read word by word are what eth_abi reads, and whatever is not canonical is left to it."""

from __future__ import annotations

from dataclasses import replace

from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from ledger.chain.abi_words import read_outcome, static_reader
from ledger.chain.codec import _LOGS, _event
from ledger.events.model import ABI_EVENT, CustodyEvent, Line
from ledger.vocabulary import Balance, Kind, LineRole, Step

WORD, U64, U32 = st.binary(min_size=32, max_size=32), st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1)
BYTE = st.integers(0, 255)
EVENT = st.tuples(BYTE, st.integers(0, 2**16 - 1), st.lists(st.tuples(WORD, WORD, BYTE, U64, BYTE), max_size=5),
                  U32, U32, U32, WORD, U64, U64, U64, WORD)


@given(st.integers(0, 2**16 - 1), EVENT)
def test_outcome__any__as_eth_abi_reads_it(code: int, event: tuple[object, ...]) -> None:
    read = read_outcome(encode(["uint16", ABI_EVENT], [code, event]))
    assert read == (code, _event(event))
    assert [read[1].kind.name, read[1].step.name] == [_event(event).kind.name, _event(event).step.name]


@given(EVENT, st.data())
def test_outcome__any_bit_beside_the_values__left_to_eth_abi(event: tuple[object, ...], data: st.DataObject) -> None:
    good = encode(["uint16", ABI_EVENT], [3, event])
    changed = bytearray(good)
    place = data.draw(st.integers(0, len(good) - 1))
    changed[place] ^= 1 << data.draw(st.integers(0, 7))
    found = read_outcome(bytes(changed))
    if found is not None:  # then the bit was part of a value: written again it is the same
        code, what = found
        assert encode(["uint16", ABI_EVENT], [code, what.abi()]) == bytes(changed)


def test_outcome__of_another_length__left_to_eth_abi() -> None:
    event = CustodyEvent(Kind.OBSERVE, (Line(b"\x01" * 32, balance=Balance.RAW, role=LineRole.INPUT),), Step.WEIGH)
    good = encode(["uint16", ABI_EVENT], [1, event.abi()])
    assert read_outcome(good) == (1, event)
    for other in (b"", good[:-32], good + bytes(32), good[:-1]):
        assert read_outcome(other) is None
    many = replace(event, lines=(Line(b"\x01" * 32),) * 65)
    assert read_outcome(encode(["uint16", ABI_EVENT], [1, many.abi()])) is None


@given(st.data())
def test_other_logs__any_values__as_eth_abi_reads_them(data: st.DataObject) -> None:
    kinds = {"uint8": BYTE, "uint16": st.integers(0, 2**16 - 1), "uint32": U32, "uint64": U64,
             "uint256": st.integers(0, 2**256 - 1), "bytes32": WORD}
    for _, _, types, _ in _LOGS[1:]:
        reader = static_reader(types)
        if reader is None:
            continue
        values = tuple(data.draw(kinds[name]) for name in types)
        encoded = encode(types, values)
        assert reader(encoded) == values
        assert reader(encoded + bytes(32)) is None and reader(encoded[:-1]) is None
        if types[0] in ("uint8", "uint16", "uint32", "uint64"):
            assert reader(b"\x01" + encoded[1:]) is None
