"""Random EVM programs: some make sense, some nearly, some not at all."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.ledger.chain.loops import CALLEES, NOBODY, SELF

WORDS = st.one_of(
    st.sampled_from([0, 1, 2, 3, 4, 5, 31, 32, 33, 64, 100, 255, 256, 257, 1023, 1024, 2**16, 2**31, 2**32, 2**63, 2**64 - 1,
                     2**255 - 1, 2**255, 2**255 + 1, 2**256 - 2, 2**256 - 1]),
    st.integers(0, 300), st.integers(0, 2**256 - 1))
ADDRESSES = st.sampled_from([*CALLEES, SELF, NOBODY, *(bytes(19) + bytes([i]) for i in (1, 2, 3, 4, 5))])
SMALL = st.one_of(st.integers(0, 130), st.sampled_from([2**14, 2**24, 2**64, 2**256 - 1]))
CALLS = {0xF1: 7, 0xF2: 7, 0xF4: 6, 0xFA: 6}
TOPICS = {0xA0 + i: i for i in range(5)}
LABELS = 6


def push(value: int, size: int | None = None) -> bytes:
    size = (value.bit_length() + 7) // 8 if size is None else size
    return bytes([0x5F + size]) + value.to_bytes(size, "big")


@st.composite
def instruction(draw: Any) -> bytes:
    """An instruction, mostly with the operands it needs; labels are two bytes that `program` fills in."""
    choice = draw(st.integers(0, 11))
    if choice < 2:
        return push(draw(WORDS))
    if choice == 2:
        return bytes([draw(st.integers(0x80, 0x9F))])
    if choice == 3:  # on memory, near or far
        opcode = draw(st.sampled_from([0x51, 0x52, 0x53, 0x20, 0x5E, 0x37, 0x39, 0x3E]))
        return b"".join(push(draw(SMALL)) for _ in range(3)) + bytes([opcode])
    if choice == 4:  # on storage
        opcode = draw(st.sampled_from([0x54, 0x55, 0x5C, 0x5D]))
        return push(draw(st.sampled_from([0, 1, 5, 2**256 - 1]))) + push(draw(st.integers(0, 3))) + bytes([opcode])
    if choice == 5:  # a jump, or a branch
        label = b"L" + bytes([draw(st.integers(0, LABELS)), 0])
        return label + b"\x56" if draw(st.booleans()) else push(draw(st.integers(0, 1))) + label + b"\x57"
    if choice == 6:  # a branch on what is on the stack
        return bytes([draw(st.sampled_from([0x15, 0x10, 0x11, 0x12, 0x13, 0x14, 0x80]))]) + b"L" + bytes(
            [draw(st.integers(0, LABELS)), 0]) + b"\x57"
    if choice == 7 and draw(st.booleans()):
        opcode = draw(st.sampled_from(sorted(CALLS)))
        areas = b"".join(push(draw(SMALL)) for _ in range(4))
        value = push(draw(st.sampled_from([0, 0, 1]))) if CALLS[opcode] == 7 else b""
        return areas + value + b"\x73" + draw(ADDRESSES) + draw(st.sampled_from([b"\x5a", b"\x61\x20\x00"])) + bytes([opcode])
    if choice == 8 and draw(st.booleans()):
        opcode = draw(st.sampled_from(sorted(TOPICS)))
        return b"".join(push(draw(SMALL)) for _ in range(TOPICS[opcode] + 2)) + bytes([opcode])
    if choice == 9 and draw(st.integers(0, 9)) == 0:
        opcode = draw(st.sampled_from([0xF0, 0xF5, 0xF3, 0xFD, 0xFF, 0x00, 0xFE]))
        return b"".join(push(draw(SMALL)) for _ in range(4)) + bytes([opcode])
    if choice == 10:
        return bytes([draw(st.integers(0, 0x5F))])
    arithmetic = draw(st.sampled_from([*range(0x01, 0x0C), *range(0x10, 0x1E), 0x35, 0x31, 0x3B, 0x3F, 0x40]))
    return b"".join(push(draw(WORDS)) for _ in range(draw(st.integers(0, 3)))) + bytes([arithmetic])


@st.composite
def program(draw: Any) -> bytes:
    """Blocks behind labels; some labels lead nowhere, or into the data of a PUSH."""
    blocks = [b"".join(draw(st.lists(instruction(), max_size=8))) for _ in range(draw(st.integers(1, LABELS)))]
    prefix = b"\x5f" * draw(st.sampled_from([0, 0, 0, 3, 17, 1000, 1015, 1023, 1024, 1025]))
    code, labels = bytearray(prefix), []
    if draw(st.booleans()):
        code += b"\x61\x5b\x5b"  # a PUSH2 of two JUMPDESTs that are none
        labels.append(len(code) - 1)
    for block in blocks:
        labels.append(len(code))
        code += b"\x5b" + block
    return fill_in(bytes(code), labels)


def fill_in(code: bytes, labels: list[int]) -> bytes:
    """Labels (`L`, number, 0) as PUSH2; those that are missing lead behind the code."""
    out, i = bytearray(), 0
    while i < len(code):
        if code[i:i + 1] == b"L" and i + 2 < len(code) and code[i + 1] <= LABELS and code[i + 2] == 0:
            place = labels[code[i + 1]] if code[i + 1] < len(labels) else len(code) + 7
            out += b"\x61" + place.to_bytes(2, "big")
            i += 3
        else:
            out.append(code[i])
            i += 1
    return bytes(out)


MESSAGES = st.fixed_dictionaries({
    "data": st.binary(max_size=70), "value": st.sampled_from([0, 0, 7]), "is_static": st.booleans(),
    "depth": st.sampled_from([0, 0, 0, 1023, 1024]), "create": st.sampled_from([False, False, False, True])})
CODES = st.one_of(program(), program(), program(), st.binary(max_size=120))
