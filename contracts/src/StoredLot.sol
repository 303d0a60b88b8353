// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Things} from "./Vocabulary.sol";

/// @title The state word of a lot as it is stored
/// @dev Where the state word has fields that lots never use, storage has what the lot is, so that a new lot
///      takes two slots and not five: `more` is used 2 | balances are of OwnLoad's form 3 | book 48..71 | origin
///      136..137 | number of its material 138..166 | number of its source line 167..195 (0 none). Of the offer's
///      tag the first 60 bits remain, 196..255.
///      StoreLib alone writes this: what it shows and logs is the plain state word. Rules ask for what is named below.
library StoredLot {
    uint256 private constant MORE_BIT = 1 << 2;
    uint256 private constant OWN_BIT = 1 << 3;
    uint256 private constant PLAIN_MASK =
        0x3 | (0x7ffffffffff << 5) | (0xffffffffffffffff << 72) | (0xfffffffffffffff << 196);
    uint256 private constant IS_MASK = (0xffffff << 48) | (((1 << 60) - 1) << 136);
    uint256 private constant HINDRANCE_MASK = (1 << 7) | (0xffff << 8) | (0xffffff << 72); // inside, holds, offeree

    /// @dev The plain state word of any unit, as everybody but StoreLib sees it.
    function plain(uint256 stored) internal pure returns (uint256) {
        return stored & 0x3 == Things.LOT ? stored & PLAIN_MASK : stored;
    }

    /// @dev A lot that is in no container and has neither a hold nor an offer, expired or not: nothing that is asked of
    ///      its state can hinder it.
    function isFreeLot(uint256 stored) internal pure returns (bool) {
        return stored & (HINDRANCE_MASK | 0x3) == Things.LOT;
    }

    /// @dev A free lot of that book, of which there never was anything short or loaded: its word of balances says all.
    ///      The book must be one that the register knows, so that its number has 24 bits.
    function isPlainLotOf(uint256 stored, uint32 book) internal pure returns (bool) {
        uint256 asked = HINDRANCE_MASK | 0x3 | MORE_BIT | OWN_BIT | (0xffffff << 48);
        return stored & asked == Things.LOT | (uint256(book) << 48);
    }

    /// @dev A free lot with balances of OwnLoad's form, of which there never was anything short, or loaded for a line
    ///      that was not its own.
    function isPlainFinished(uint256 stored) internal pure returns (bool) {
        return stored & (HINDRANCE_MASK | 0x3 | MORE_BIT | OWN_BIT) == Things.LOT | OWN_BIT;
    }

    /// @dev The stored word with another plain state word in it.
    function withPlain(uint256 stored, uint256 word) internal pure returns (uint256) {
        return (stored & ~PLAIN_MASK) | (word & PLAIN_MASK);
    }

    /// @dev The stored word of a new lot; numbers are below 2^29.
    function createStored(uint256 word, uint32 book, uint8 origin, uint256 material, uint256 sourceLine)
        internal
        pure
        returns (uint256)
    {
        return (word & PLAIN_MASK) | (uint256(book) << 48) | (uint256(origin) << 136) | (material << 138)
            | (sourceLine << 167);
    }

    /// @dev Whether short or loaded were ever more than nothing, so that storage has a word of them.
    function hasMore(uint256 stored) internal pure returns (bool) {
        return stored & MORE_BIT != 0;
    }

    function withMore(uint256 stored) internal pure returns (uint256) {
        return stored | MORE_BIT;
    }

    /// @dev Whether the word of balances is of OwnLoad's form.
    function hasOwn(uint256 stored) internal pure returns (bool) {
        return stored & OWN_BIT != 0;
    }

    function withOwn(uint256 stored) internal pure returns (uint256) {
        return stored | OWN_BIT;
    }

    function withoutOwn(uint256 stored) internal pure returns (uint256) {
        return stored & ~OWN_BIT;
    }

    /// @dev What the lot is, in the places of LotWord's `more`.
    function is_(uint256 stored) internal pure returns (uint256) {
        stored &= IS_MASK;
        return ((stored >> 48) & 0xffffff) << 128 | ((stored >> 136) & 0x3) << 152 | (stored >> 138) << 160;
    }
}
