// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The word of balances of a lot made without raw and wip, as it is stored
/// @dev Finished goods are loaded, mostly for one line at a time. In the places of raw and wip, of which such a lot
///      has none, this word has what is loaded for one line, its own: loaded 0..63 | the line's number 64..127, zero if
///      it never had one | finished 128..191 | scrap 192..255. So loading takes no new slot. What is loaded for other
///      lines is in Store.loaded, and in Stock.more only their sum. A lot that gets raw or wip after all loses this
///      form for good. StoreLib and PlainLoad alone know it.
library OwnLoad {
    uint256 private constant OWN_MASK = (1 << 128) - 1;

    /// @dev Balances without raw and wip, of which the word has room for an own line.
    function hasRoom(uint256 balances) internal pure returns (bool) {
        return balances & OWN_MASK == 0;
    }

    /// @dev The plain balances: raw and wip are zero.
    function plainBalances(uint256 stored) internal pure returns (uint256) {
        return stored & ~OWN_MASK;
    }

    /// @dev The own line and what is loaded for it.
    function ownPart(uint256 stored) internal pure returns (uint256) {
        return stored & OWN_MASK;
    }

    function ownLoaded(uint256 stored) internal pure returns (uint64) {
        return uint64(stored);
    }

    function ownLine(uint256 stored) internal pure returns (uint256) {
        return uint64(stored >> 64);
    }

    function own(uint256 line, uint64 quantity) internal pure returns (uint256) {
        return (line << 64) | quantity;
    }
}
