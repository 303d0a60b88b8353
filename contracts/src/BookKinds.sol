// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Act} from "./Act.sol";
import {ApprovalRules} from "./ApprovalRules.sol";
import {BookRules} from "./BookRules.sol";
import {EventHash} from "./EventHash.sol";
import {LineRules} from "./LineRules.sol";
import {LotRules} from "./LotRules.sol";
import {Store} from "./Store.sol";
import {CustodyEvent} from "./Types.sol";
import {Kinds} from "./Vocabulary.sol";

/// @title The kinds that do not fit into the ledger's own code: declarations, books, lots, approvals
/// @notice Part of the custody ledger, deployed apart because one contract may have 24,576 bytes only.
/// @dev A linked library: the ledger's code names this address for good, so nobody can exchange it, and it works on
///      the ledger's storage. It has none of its own. Kinds of every day are in the ledger itself, since each call
///      here costs gas for handing the event over.
library BookKinds {
    /// @notice Judge an event: check it, tell its outcome if it is not refused, write.
    /// @param s What the ledger keeps.
    /// @param act Who acts.
    /// @param given The event; its form is checked already.
    /// @param witness What the gateway sent with it.
    /// @return outcome 0 recorded, 1 pending (both told), or the code of a refusal (told if it has the flag TOLD).
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
        uint8 kind = e.kind;
        if (kind == Kinds.DECLARE) return LineRules.declare(s, act, e);
        if (kind == Kinds.CLEAR) return LineRules.clear(s, act, e);
        if (kind == Kinds.REPURPOSE || kind == Kinds.SELL_INLAND || kind == Kinds.SCRAP_OUT) {
            return LineRules.takeOut(s, act, e);
        }
        if (kind == Kinds.OPENING) return BookRules.proposeOpening(s, act, e);
        if (kind == Kinds.RECEIVE_FACTORY) return BookRules.receiveFactory(s, act, e);
        if (kind == Kinds.RECEIVE_DOMESTIC) return BookRules.receiveDomestic(s, act, e);
        if (kind == Kinds.COUNT) return BookRules.count(s, act, e);
        if (kind == Kinds.SPLIT) return LotRules.split(s, act, e);
        if (kind == Kinds.MERGE) return LotRules.merge(s, act, e);
        if (kind == Kinds.TRANSFORM) return LotRules.transform(s, act, e);
        if (kind == Kinds.APPROVE) return ApprovalRules.approve(s, act, e, witness);
        if (kind == Kinds.DENY) return ApprovalRules.deny(s, act, e);
        if (kind == Kinds.CANCEL) return ApprovalRules.cancelPending(s, act, e);
        return ApprovalRules.correct(s, act, e, witness);
    }
}
