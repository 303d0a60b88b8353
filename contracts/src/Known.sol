// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What the register said, remembered for the length of a batch
/// @dev It cannot change within the call, and a batch asks the same few questions 200 times. A table in memory of
///      pairs: a key, and the answer packed into a word that is never zero. The address of the table is passed
///      about as a number; zero is no table, in which nothing is found or kept.
library Known {
    // Topics: the upper part of a key, whose lower part is a number of the register.
    uint256 internal constant PARTICIPANT = 1 << 32;
    uint256 internal constant FACILITY = 2 << 32;
    uint256 internal constant BOOK = 3 << 32;

    uint256 private constant PAIRS = 64;
    uint256 private constant PROBES = 8; // how far from its own place an answer may be

    /// @dev An empty table.
    function create() internal pure returns (uint256 table) {
        uint256[] memory words = new uint256[](2 * PAIRS);
        assembly ("memory-safe") {
            table := add(words, 32)
        }
    }

    /// @dev The answer under a key, 0 if there is none; and the pair to keep one in.
    function find(uint256 table, uint256 key) internal pure returns (uint256 answer, uint256 pair) {
        if (table == 0) return (0, 0);
        assembly ("memory-safe") {
            let own := add(key, shl(4, shr(32, key)))
            pair := add(table, shl(6, and(own, sub(PAIRS, 1))))
            switch eq(mload(pair), key)
            case 1 {
                answer := mload(add(pair, 32)) // nearly always it is in its own place
            }
            default {
                for { let i := 0 } lt(i, PROBES) { i := add(i, 1) } {
                    pair := add(table, shl(6, and(add(own, i), sub(PAIRS, 1))))
                    let there := mload(pair)
                    if eq(there, key) {
                        answer := mload(add(pair, 32))
                        break
                    }
                    if iszero(there) { break }
                }
            }
        }
    }

    /// @dev Keeps an answer in the pair that `find` gave, over what may be there.
    function keep(uint256 table, uint256 pair, uint256 key, uint256 answer) internal pure {
        if (table == 0) return;
        assembly ("memory-safe") {
            mstore(pair, key)
            mstore(add(pair, 32), answer)
        }
    }
}
