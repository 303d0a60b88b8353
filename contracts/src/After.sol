// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What an event made of its lots and of the line that it cites, for the log of its outcome
/// @dev A log of its own costs 1,600 gas for 64 bytes; in the outcome's content an amount costs its eight gas a byte.
///      The address of a piece of memory, passed about as a number; zero is nothing to tell. In it lie
///          of the cited line the amount that changed, 192..255, and which one, as its bit of `act`; 0 if none did |
///          for each line of the event what its lot has now: which amounts (BOTH, a bit for each balance), 248..255,
///          the amounts, 8 bytes each, below it, and in the lowest byte how many bytes these are
library After {
    uint256 internal constant DRAWN = 1 << 44; // bits of `act`; ledger/chain/outcome_codec.py has the same
    uint256 internal constant EXITED = 1 << 45;

    // Which amounts: bit b - 1 for balance b, and what is loaded for the cited line.
    uint256 private constant LOADED = 1 << 5;
    uint256 private constant FOR_LINE = 1 << 6;
    uint256 private constant BOTH = 1 << 7; // loaded, all of it for the cited line: one amount says both

    uint256 private constant AMOUNT_MASK = 0xffffffffffffffff;

    /// @dev Room for so many lots; no amount of a line changes unless `setLine` says so.
    function create(uint256 count) internal pure returns (uint256 told) {
        assembly ("memory-safe") {
            told := mload(0x40)
            mstore(told, 0)
            mstore(0x40, add(told, shl(5, add(1, count))))
        }
    }

    /// @dev The amount of the cited line that `which` names.
    function setLine(uint256 told, uint256 which, uint64 amount) internal pure {
        assembly ("memory-safe") {
            mstore(told, or(which, shl(192, amount)))
        }
    }

    /// @dev The lot at a place, which must be below the count, has so much raw and wip.
    function setRawAndWip(uint256 told, uint256 place, uint256 balances) internal pure {
        uint256 amounts = ((balances & AMOUNT_MASK) << 184) | (((balances >> 64) & AMOUNT_MASK) << 120);
        _set(told, place, (3 << 248) | amounts | 17);
    }

    /// @dev The lot at a place has so much of one balance (RAW to SCRAP, of which `balances` has it), and so much
    ///      loaded, for the cited line and in total.
    function setLoaded(
        uint256 told,
        uint256 place,
        uint8 balance,
        uint256 balances,
        uint64 forLine,
        uint64 total
    ) internal pure {
        uint256 amount = (balances >> (64 * (uint256(balance) - 1))) & AMOUNT_MASK;
        uint256 word = (uint256(1) << (247 + uint256(balance))) | (amount << 184) | (uint256(total) << 120);
        if (total == forLine) word |= (BOTH << 248) | 17;
        else word |= ((LOADED | FOR_LINE) << 248) | (uint256(forLine) << 56) | 25;
        _set(told, place, word);
    }

    /// @dev As setLoaded, where no other balance changes.
    function setExited(uint256 told, uint256 place, uint64 forLine, uint64 total) internal pure {
        uint256 word = uint256(total) << 184;
        if (total == forLine) word |= (BOTH << 248) | 9;
        else word |= ((LOADED | FOR_LINE) << 248) | (uint256(forLine) << 120) | 17;
        _set(told, place, word);
    }

    function _set(uint256 told, uint256 place, uint256 word) private pure {
        assembly ("memory-safe") {
            mstore(add(told, shl(5, add(1, place))), word)
        }
    }
}
