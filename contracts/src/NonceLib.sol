// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Act} from "./Act.sol";
import {Nonces, Store} from "./StoreLayout.sol";

/// @title The nonces of a key: each is used once, in any order
library NonceLib {
    /// @dev Burns a nonce; false if it was used before.
    function useNonce(Store storage s, Act memory act, uint64 nonce) internal returns (bool) {
        uint256 number = uint256(nonce >> 8) + 1;
        if (act.nonceWord != number) {
            Nonces storage found = s.nonces[act.signer][nonce >> 8];
            bytes32 place;
            assembly ("memory-safe") {
                place := found.slot
            }
            act.nonceSlot = place;
            act.nonceWord = number;
        }
        Nonces storage word;
        bytes32 slot = act.nonceSlot;
        assembly ("memory-safe") {
            word.slot := slot
        }
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
