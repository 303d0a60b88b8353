"""Opcodes as Python expressions, for the compiler beside it. Gas is never here: it comes from py-evm's table.

Operands are `{0}` (top of the stack), `{1}`, `{2}`: locals or literals, non-negative and below 2**256. What
is not listed is done by py-evm's own function for that opcode.
"""

from __future__ import annotations

WORD_MAX = 2**256 - 1
_SIGN = 2**255
_M, _S = hex(WORD_MAX), hex(_SIGN)

STOP, MLOAD, MSTORE, MSTORE8, POP, SLOAD = 0x00, 0x51, 0x52, 0x53, 0x50, 0x54
JUMP, JUMPI, PC, MSIZE, GAS, JUMPDEST, MCOPY = 0x56, 0x57, 0x58, 0x59, 0x5A, 0x5B, 0x5E
PUSH0, PUSH32, DUP1, DUP16, SWAP1, SWAP16 = 0x5F, 0x7F, 0x80, 0x8F, 0x90, 0x9F
KECCAK256, CALLDATACOPY, ISZERO = 0x20, 0x37, 0x15
RETURN, REVERT, INVALID, SELFDESTRUCT = 0xF3, 0xFD, 0xFE, 0xFF

FAILING = frozenset({REVERT, INVALID})
ENDING = frozenset({STOP, RETURN, REVERT, INVALID, SELFDESTRUCT})
"""After these nothing more of the code runs."""

EXPRESSIONS: dict[int, tuple[int, str]] = {
    0x01: (2, f"({{0}} + {{1}}) & {_M}"),                                   # ADD
    0x02: (2, f"({{0}} * {{1}}) & {_M}"),                                   # MUL
    0x03: (2, f"({{0}} - {{1}}) & {_M}"),                                   # SUB
    0x04: (2, "{0} // {1} if {1} else 0"),                                  # DIV
    0x05: (2, "signed_divide({0}, {1})"),                                   # SDIV
    0x06: (2, "{0} % {1} if {1} else 0"),                                   # MOD
    0x07: (2, "signed_modulo({0}, {1})"),                                   # SMOD
    0x08: (3, "({0} + {1}) % {2} if {2} else 0"),                           # ADDMOD
    0x09: (3, "({0} * {1}) % {2} if {2} else 0"),                           # MULMOD
    0x0B: (2, "sign_extend({0}, {1})"),                                     # SIGNEXTEND
    0x16: (2, "{0} & {1}"),                                                 # AND
    0x17: (2, "{0} | {1}"),                                                 # OR
    0x18: (2, "{0} ^ {1}"),                                                 # XOR
    0x19: (1, f"{{0}} ^ {_M}"),                                             # NOT
    0x1A: (2, "({1} >> (248 - 8 * {0})) & 255 if {0} < 32 else 0"),         # BYTE
    0x1B: (2, f"({{1}} << {{0}}) & {_M} if {{0}} < 256 else 0"),            # SHL
    0x1C: (2, "{1} >> {0} if {0} < 256 else 0"),                            # SHR
    0x1D: (2, "shift_signed_right({0}, {1})"),                              # SAR
    0x30: (0, "from_bytes(vm.msg.storage_address)"),                        # ADDRESS
    0x32: (0, "from_bytes(vm.transaction_context.origin)"),                 # ORIGIN
    0x33: (0, "from_bytes(vm.msg.sender)"),                                 # CALLER
    0x34: (0, "vm.msg.value"),                                              # CALLVALUE
    0x35: (1, "from_bytes(data[{0}:{0} + 32])"),                            # CALLDATALOAD
    0x36: (0, "len(vm.msg.data)"),                                          # CALLDATASIZE
    0x38: (0, "len(vm.code)"),                                              # CODESIZE
    0x3D: (0, "len(vm.return_data)"),                                       # RETURNDATASIZE
    0x42: (0, "vm.state.timestamp"),                                        # TIMESTAMP
    0x46: (0, "vm.state.execution_context.chain_id"),                       # CHAINID
    MSIZE: (0, "len(memory._bytes)"),
}
"""Opcodes of fixed cost that compute one value: (operands, expression)."""

SHORTER: dict[int, tuple[int, str]] = {
    0x1A: (32, "({1} >> {shift}) & 255"), 0x1B: (256, f"({{1}} << {{0}}) & {_M}"), 0x1C: (256, "{1} >> {0}"),
}
"""The same where the first operand is a literal below the limit (`shift` = 248 - 8 × it)."""

COMPARISONS: dict[int, tuple[int, str]] = {
    0x10: (2, "{0} < {1}"),                                                 # LT
    0x11: (2, "{0} > {1}"),                                                 # GT
    0x12: (2, f"({{0}} ^ {_S}) < ({{1}} ^ {_S})"),                          # SLT: sign bits turned
    0x13: (2, f"({{0}} ^ {_S}) > ({{1}} ^ {_S})"),                          # SGT
    0x14: (2, "{0} == {1}"),                                                # EQ
    ISZERO: (1, "not {0}"),
}
"""Opcodes whose value is 0 or 1: kept as conditions until somebody needs the number."""

WITHOUT_VALUE = frozenset({CALLDATACOPY, 0x39, 0x3C, 0x3E, 0x55, 0x5D, *range(0xA0, 0xA5), *ENDING})
"""Opcodes done by py-evm that push nothing (copies, stores, logs, ends)."""


def signed(word: int) -> int:
    """A word as two's complement."""
    return word if word < _SIGN else word - 2**256


def signed_divide(a: int, b: int) -> int:
    """SDIV: towards zero, 0 where b is 0; -2**255 / -1 stays -2**255."""
    if b == 0:
        return 0
    x, y = signed(a), signed(b)
    quotient = abs(x) // abs(y)
    return (-quotient if (x < 0) != (y < 0) else quotient) & WORD_MAX


def signed_modulo(a: int, b: int) -> int:
    """SMOD: with the sign of a, 0 where b is 0."""
    if b == 0:
        return 0
    x = signed(a)
    rest = abs(x) % abs(signed(b))
    return (-rest if x < 0 else rest) & WORD_MAX


def sign_extend(byte: int, word: int) -> int:
    """SIGNEXTEND: the sign of the lowest byte + 1 bytes into all higher bits."""
    if byte > 31:
        return word
    sign = 1 << (8 * byte + 7)
    return word | (2**256 - sign) if word & sign else word & (sign - 1)


def shift_signed_right(count: int, word: int) -> int:
    """SAR: fills with the sign."""
    if count >= 256:
        return 0 if word < _SIGN else WORD_MAX
    return (signed(word) >> count) & WORD_MAX


def jump_destinations(code: bytes) -> frozenset[int]:
    """Places of JUMPDEST that are not data of a PUSH."""
    found, i = [], 0
    while i < len(code):
        opcode = code[i]
        if opcode == JUMPDEST:
            found.append(i)
        i += opcode - PUSH0 + 1 if PUSH0 < opcode <= PUSH32 else 1
    return frozenset(found)
