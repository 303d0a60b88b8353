// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Nonces, Store} from "./StoreLayout.sol";

/// @title The nonces of a key: each is used once, in any order
library NonceLib {
    /// @dev Burns a nonce; false if it was used before.
    function useNonce(Store storage s, address signer, uint64 nonce) internal returns (bool) {
        Nonces storage word = s.nonces[signer][nonce >> 8];
        uint256 bits = word.bits;
        uint256 bit = 1 << (nonce & 0xff);
        if (bits & bit != 0) return false;
        word.bits = bits | bit;
        return true;
    }

    function nonceUsed(Store storage s, address signer, uint64 nonce) internal view returns (bool) {
        return (s.nonces[signer][nonce >> 8].bits >> (nonce & 0xff)) & 1 != 0;
    }
}
