"""Logs read word by word are what eth_abi reads, and whatever is not canonical is left to it."""

from __future__ import annotations

from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from ledger.chain.abi_words import packed_reader, static_reader
from ledger.chain.codec import _LOGS
from ledger.chain.outcome_codec import OUTCOME_TYPES

WORD, U64, U32 = st.binary(min_size=32, max_size=32), st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1)
BYTE = st.integers(0, 255)
PACKED = st.tuples(st.integers(0, 2**256 - 1), WORD, st.binary(max_size=99))


@given(PACKED)
def test_packed__any__as_eth_abi_reads_it(values: tuple[int, bytes, bytes]) -> None:
    assert packed_reader(encode(OUTCOME_TYPES, values)) == values


@given(PACKED, st.data())
def test_packed__any_bit_beside_the_values__left_to_eth_abi(values: tuple[int, bytes, bytes], data: st.DataObject) -> None:
    good = encode(OUTCOME_TYPES, values)
    changed = bytearray(good)
    changed[data.draw(st.integers(0, len(good) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    found = packed_reader(bytes(changed))
    if found is not None:  # then the bit was part of a value: written again it is the same
        assert encode(OUTCOME_TYPES, found) == bytes(changed)


def test_packed__of_another_length__left_to_eth_abi() -> None:
    good = encode(OUTCOME_TYPES, (1, b"\x01" * 32, b"\x02" * 33))
    assert packed_reader(good) == (1, b"\x01" * 32, b"\x02" * 33)
    for other in (b"", good[:-32], good + bytes(32), good[:-1]):
        assert packed_reader(other) is None


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
