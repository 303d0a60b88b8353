// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICustodyLedger} from "./ICustodyLedger.sol";
import {CustodyEvent, Line} from "./Types.sol";

/// @title EIP-712 hashes of events, and events found inside witnesses
/// @dev A witness is bytes that a gateway sends and nobody signs, so it may be anything. It is measured by hand
///      before Solidity touches it: a wrong length, offset or high bit makes it "no event", never a revert,
///      because a revert would cost the whole batch.
library EventHash {
    bytes32 internal constant LINE_TYPEHASH =
        keccak256("Line(bytes32 unit,bytes32 material,uint8 balance,uint64 quantity,uint8 role)");
    bytes32 internal constant EVENT_TYPEHASH = keccak256(
        "CustodyEvent(uint8 kind,uint16 step,Line[] lines,uint32 counterparty,uint32 facility,uint32 book,"
        "bytes32 reference,uint64 occurredAt,uint64 deadline,uint64 nonce,bytes32 commitment)"
        "Line(bytes32 unit,bytes32 material,uint8 balance,uint64 quantity,uint8 role)"
    );

    uint256 private constant HEAD_BYTES = 11 * 32; // fixed fields of an event, the lines by their offset
    uint256 internal constant LINE_BYTES = 5 * 32;
    uint256 private constant LINES_MAX = 64;

    // Widths of the fields in bits, a byte each, the first field lowest; 0 stands for 256.
    uint256 private constant EVENT_BITS = 0x00_40_40_40_00_20_20_20_00_10_08;
    uint256 private constant LINE_BITS = 0x08_40_08_00_00;

    /// @dev An event out of calldata, once, in one piece of memory that serves as the struct at `e`, for its EIP-712
    ///      hash, and to hand the event to a library (raw, lift). From the word before `e` on lie
    ///          which fields it has | 11 words of the event | number of lines | 5 words a line
    ///      and behind them the array of pointers to the lines that Solidity expects. The first word has the bits that
    ///      `log` puts into `act`: reference 1, counterparty 2, facility 4, book 8. The word before it is free.
    ///      Reverts if a number has bits above its type, as Solidity's own decoder does.
    function load(CustodyEvent calldata given) internal pure returns (uint256 e, bytes32 hash) {
        Line[] calldata lines = given.lines; // Solidity checks that the lines lie inside the calldata
        bytes32 lineType = LINE_TYPEHASH;
        bytes32 eventType = EVENT_TYPEHASH;
        assembly ("memory-safe") {
            // Copy; the high bits of every number are collected in `excess`.
            e := add(mload(0x40), 64)
            calldatacopy(e, given, HEAD_BYTES)
            let count := lines.length
            mstore(add(e, HEAD_BYTES), count)
            let line := add(e, add(HEAD_BYTES, 32))
            let pointer := add(line, mul(count, LINE_BYTES))
            calldatacopy(line, lines.offset, mul(count, LINE_BYTES))
            let excess := or(shr(8, mload(e)), shr(16, mload(add(e, 32))))
            excess := or(excess, shr(32, or(mload(add(e, 96)), or(mload(add(e, 128)), mload(add(e, 160))))))
            excess := or(excess, shr(64, or(mload(add(e, 224)), or(mload(add(e, 256)), mload(add(e, 288))))))
            // The array: its length and pointers; behind it, for now, the hashes of the lines.
            let array := pointer
            mstore(array, count)
            let hashes := add(array, mul(add(count, 1), 32))
            let hashAt := hashes
            for { let end := pointer } lt(line, end) { line := add(line, LINE_BYTES) } {
                pointer := add(pointer, 32)
                mstore(pointer, line)
                excess := or(excess, shr(8, or(mload(add(line, 64)), mload(add(line, 128)))))
                excess := or(excess, shr(64, mload(add(line, 96))))
                // The word before a line makes room for the type, and is put back.
                let before := sub(line, 32)
                let saved := mload(before)
                mstore(before, lineType)
                mstore(hashAt, keccak256(before, add(LINE_BYTES, 32)))
                mstore(before, saved)
                hashAt := add(hashAt, 32)
            }
            if excess { revert(0, 0) }
            mstore(sub(e, 32), eventType)
            mstore(add(e, 64), keccak256(hashes, mul(count, 32)))
            hash := keccak256(sub(e, 32), add(HEAD_BYTES, 32))
            mstore(add(e, 64), array)
            mstore(
                sub(e, 32),
                or(
                    or(gt(mload(add(e, 192)), 0), shl(1, gt(mload(add(e, 96)), 0))),
                    or(shl(2, gt(mload(add(e, 128)), 0)), shl(3, gt(mload(add(e, 160)), 0)))
                )
            )
            mstore(0x40, hashes)
        }
    }

    /// @dev The words of an event that `load` laid out, where they lie, as bytes: what `lift` makes it of again.
    function raw(CustodyEvent memory e) internal pure returns (bytes memory words) {
        assembly ("memory-safe") {
            words := sub(e, 64)
            mstore(words, add(add(HEAD_BYTES, 64), mul(mload(mload(add(e, 64))), LINE_BYTES)))
        }
    }

    /// @dev The event of which `raw` gave the words; the address of its struct. Nothing is checked: `load` did.
    function lift(bytes calldata words) internal pure returns (uint256 e) {
        assembly ("memory-safe") {
            e := add(mload(0x40), 64)
            calldatacopy(sub(e, 32), words.offset, words.length)
            let pointer := add(sub(e, 32), words.length)
            mstore(add(e, 64), pointer)
            mstore(pointer, mload(add(e, HEAD_BYTES)))
            let end := pointer
            for { let line := add(e, add(HEAD_BYTES, 32)) } lt(line, end) { line := add(line, LINE_BYTES) } {
                pointer := add(pointer, 32)
                mstore(pointer, line)
            }
            mstore(0x40, add(pointer, 32))
        }
    }

    /// @dev Emits EventOutcome for an event that `load` or `lift` laid out; ICustodyLedger says what is packed how.
    /// @param id The event's id.
    /// @param who Who acts, as `act` has it.
    /// @param outcome Below 2^16.
    /// @param e The event.
    /// @param told What it made of lots and cited line (After), 0 if the outcome does not say.
    function log(bytes32 id, uint256 who, uint256 outcome, CustodyEvent memory e, uint256 told) internal {
        bytes32 topic = ICustodyLedger.EventOutcome.selector;
        assembly ("memory-safe") {
            // Behind all memory that is in use: act | commitment | offset of the content | its length | content.
            // Each write's low end is overwritten by the next one.
            let data := mload(0x40)
            mstore(add(data, 32), mload(add(e, 320)))
            mstore(add(data, 64), 96)
            mstore(
                add(data, 128),
                or(
                    or(shl(192, mload(add(e, 224))), shl(128, mload(add(e, 256)))),
                    shl(64, mload(add(e, 288)))
                )
            )
            let at := add(data, 152)
            let value := mload(sub(e, 32)) // which fields there are
            who := or(or(who, outcome), or(or(shl(16, mload(e)), shl(24, mload(add(e, 32)))), shl(40, value)))
            if value {
                if gt(value, 1) {
                    value := mload(add(e, 96))
                    if value {
                        mstore(at, shl(224, value))
                        at := add(at, 4)
                    }
                    value := mload(add(e, 128))
                    if value {
                        mstore(at, shl(224, value))
                        at := add(at, 4)
                    }
                    value := mload(add(e, 160))
                    if value {
                        mstore(at, shl(224, value))
                        at := add(at, 4)
                    }
                }
                value := mload(add(e, 192))
                if value {
                    mstore(at, value)
                    at := add(at, 32)
                }
            }
            if told {
                value := mload(told) // an amount of the cited line
                if value {
                    mstore(at, value)
                    at := add(at, 8)
                    who := or(who, and(value, shl(44, 3)))
                }
            }
            mstore(data, who)
            let line := add(e, add(HEAD_BYTES, 32))
            for { let end := mload(add(e, 64)) } lt(line, end) { line := add(line, LINE_BYTES) } {
                mstore(at, mload(line))
                let follows := add(at, 32)
                let present := 0
                at := add(at, 33)
                value := or(
                    or(shl(192, mload(add(line, 96))), shl(184, mload(add(line, 64)))),
                    shl(176, mload(add(line, 128)))
                )
                if value {
                    mstore(at, value)
                    at := add(at, 10)
                    present := 1
                }
                value := mload(add(line, 32))
                if value {
                    mstore(at, value)
                    at := add(at, 32)
                    present := or(present, 2)
                }
                if told {
                    told := add(told, 32)
                    value := mload(told)
                    mstore(at, value)
                    at := add(at, and(value, 0xff))
                    present := or(present, 4)
                }
                mstore8(follows, present)
            }
            mstore(at, 0)
            let size := sub(at, add(data, 128))
            mstore(add(data, 96), size)
            log2(data, add(128, and(add(size, 31), not(31))), topic, id)
        }
    }

    /// @dev Where the lines begin and end of an event that `load` laid out, LINE_BYTES each.
    function linesOf(CustodyEvent memory e) internal pure returns (uint256 line, uint256 end) {
        assembly ("memory-safe") {
            line := add(e, add(HEAD_BYTES, 32))
            end := mload(add(e, 64))
        }
    }

    /// @dev Unit of the line that lies there.
    function unitAt(uint256 line) internal pure returns (bytes32 unit) {
        assembly ("memory-safe") {
            unit := mload(line)
        }
    }

    /// @dev Unit of the line at a place, which must be below their number: a loop has compared them already.
    function unitOf(Line[] memory lines, uint256 place) internal pure returns (bytes32 unit) {
        assembly ("memory-safe") {
            unit := mload(mload(add(add(lines, 32), shl(5, place))))
        }
    }

    /// @dev EIP-712 hashStruct of an event.
    function structHash(CustodyEvent memory e) internal pure returns (bytes32) {
        Line[] memory lines = e.lines;
        bytes32[] memory hashes = new bytes32[](lines.length);
        for (uint256 i = 0; i < lines.length; ++i) {
            hashes[i] = keccak256(abi.encode(LINE_TYPEHASH, lines[i]));
        }
        return keccak256(
            abi.encode(
                EVENT_TYPEHASH,
                e.kind,
                e.step,
                keccak256(abi.encodePacked(hashes)),
                e.counterparty,
                e.facility,
                e.book,
                e.reference_,
                e.occurredAt,
                e.deadline,
                e.nonce,
                e.commitment
            )
        );
    }

    /// @dev The event in abi.encode(CustodyEvent); `ok` is false if the bytes are anything else.
    function eventIn(bytes calldata witness) internal pure returns (bool ok, CustodyEvent memory e) {
        (uint256 start, uint256 end) = _measure(witness);
        ok = start == 32 && end == witness.length;
        if (ok) e = abi.decode(witness, (CustodyEvent));
    }

    /// @dev Event and signature in abi.encode(CustodyEvent, bytes); `ok` is false if the bytes are anything else.
    function signedEventIn(bytes calldata witness)
        internal
        pure
        returns (bool ok, CustodyEvent memory e, bytes memory signature)
    {
        (uint256 start, uint256 end) = _measure(witness);
        if (start != 64 || witness.length < end + 32 || _word(witness, 1) != end) {
            return (false, e, signature);
        }
        uint256 size = _word(witness, end / 32);
        ok = size <= witness.length && end + 32 + (size + 31) / 32 * 32 == witness.length;
        if (ok) (e, signature) = abi.decode(witness, (CustodyEvent, bytes));
    }

    /// @dev Measures the event to which the witness's first word points: the lines follow the fixed fields at
    ///      once, there are at most 64, all lie inside, and no number has bits above its type (at the first such
    ///      bit abi.decode would revert). Says where it starts and ends, in bytes; 0 and 0 if it is no event.
    function _measure(bytes calldata witness) private pure returns (uint256 start, uint256 end) {
        if (witness.length < 32 + HEAD_BYTES + 32) return (0, 0);
        start = _word(witness, 0);
        if (start != 32 && start != 64) return (0, 0);
        if (witness.length < start + HEAD_BYTES + 32) return (0, 0);
        uint256 first = start / 32;
        if (_word(witness, first + 2) != HEAD_BYTES) return (0, 0);
        uint256 count = _word(witness, first + 11);
        if (count > LINES_MAX) return (0, 0);
        end = start + HEAD_BYTES + 32 + count * LINE_BYTES;
        if (witness.length < end) return (0, 0);
        bool ok = _fits(witness, first, 11, EVENT_BITS);
        for (uint256 i = 0; ok && i < count; ++i) {
            ok = _fits(witness, first + 12 + 5 * i, 5, LINE_BITS);
        }
        if (!ok) return (0, 0);
    }

    /// @dev None of `count` words from `first` on has bits above its type. `bits` has a byte for each, low first:
    ///      the width of its type, 0 for the full 256.
    function _fits(bytes calldata witness, uint256 first, uint256 count, uint256 bits)
        private
        pure
        returns (bool)
    {
        for (uint256 i = 0; i < count; ++i) {
            uint256 width = (bits >> (8 * i)) & 0xff;
            if (width != 0 && _word(witness, first + i) >> width != 0) return false;
        }
        return true;
    }

    /// @dev A word of the witness; callers have measured that it lies inside.
    function _word(bytes calldata data, uint256 index) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(add(data.offset, mul(index, 32)))
        }
    }
}
