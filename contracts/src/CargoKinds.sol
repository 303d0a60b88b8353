// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Act} from "./Act.sol";
import {CustodyRules} from "./CustodyRules.sol";
import {EventHash} from "./EventHash.sol";
import {InsideRules} from "./InsideRules.sol";
import {Store} from "./Store.sol";
import {TransferRules} from "./TransferRules.sol";
import {CustodyEvent} from "./Types.sol";
import {Kinds} from "./Vocabulary.sol";

/// @title The kinds about what is inside containers, holds and eligibility, and transfers between books
/// @notice Part of the custody ledger, deployed apart because one contract may have 24,576 bytes only.
/// @dev A linked library, as BookKinds is.
library CargoKinds {
    /// @notice Judge an event: check it, tell its outcome if it is not refused, write.
    /// @param s What the ledger keeps.
    /// @param act Who acts.
    /// @param given The event; its form is checked already.
    /// @param witness What the gateway sent with it; for an ACCEPT into a book the TRANSFER, compared already.
    /// @return outcome 0 recorded (told), or the code of a refusal.
    function judge(Store storage s, Act memory act, CustodyEvent calldata given, bytes calldata witness)
        external
        returns (uint256 outcome)
    {
        act.known = 0; // an address in the ledger's memory
        CustodyEvent memory e;
        (uint256 loaded,) = EventHash.load(given);
        assembly ("memory-safe") {
            e := loaded
        }
        if (e.kind == Kinds.STUFF) return InsideRules.stuff(s, act, e);
        if (e.kind == Kinds.STRIP) return InsideRules.strip(s, act, e);
        if (e.kind == Kinds.HOLD || e.kind == Kinds.UNHOLD) return CustodyRules.hold(s, act, e);
        if (e.kind == Kinds.ELIGIBLE || e.kind == Kinds.REVOKE) return CustodyRules.eligible(s, act, e);
        if (e.kind == Kinds.CLOSE) return InsideRules.close(s, act, e);
        if (e.kind == Kinds.TRANSFER) return TransferRules.transfer(s, act, e);
        return TransferRules.accept(s, act, e, witness);
    }
}
