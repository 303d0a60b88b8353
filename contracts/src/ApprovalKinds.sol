// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Act} from "./Act.sol";
import {ApprovalRules} from "./ApprovalRules.sol";
import {EventHash} from "./EventHash.sol";
import {Store} from "./StoreLayout.sol";
import {CustodyEvent} from "./Types.sol";
import {Kinds} from "./Vocabulary.sol";

/// @title The kinds that customs approves, approvals and corrections
/// @notice Part of the custody ledger, deployed apart because one contract may have 24,576 bytes only.
/// @dev A linked library, as BookKinds is.
library ApprovalKinds {
    /// @notice Whether the witness shows what an event refers to; asked before the event's nonce is burned.
    /// @param s What the ledger keeps.
    /// @param act Who acts.
    /// @param kind APPROVE, CORRECT, or ACCEPT (into a book).
    /// @param cited The event's reference.
    /// @param witness What the gateway sent with it.
    /// @return Whether it does.
    function shows(Store storage s, Act memory act, uint8 kind, bytes32 cited, bytes calldata witness)
        external
        view
        returns (bool)
    {
        return ApprovalRules.shows(s, act, kind, cited, witness);
    }

    /// @notice Judge an event: check it, tell its outcome if it is not refused, write.
    /// @param s What the ledger keeps.
    /// @param act Who acts.
    /// @param given The event, as EventHash.raw gives it; its form is checked already.
    /// @param witness What the gateway sent with it; compared already.
    /// @return outcome 0 recorded, 1 pending (both told), or the code of a refusal (told if it has the flag TOLD).
    function judge(Store storage s, Act memory act, bytes calldata given, bytes calldata witness)
        external
        returns (uint256 outcome)
    {
        act.known = 0; // an address in the ledger's memory
        CustodyEvent memory e;
        uint256 lifted = EventHash.lift(given);
        assembly ("memory-safe") {
            e := lifted
        }
        if (e.kind == Kinds.APPROVE) return ApprovalRules.approve(s, act, e, witness);
        if (e.kind == Kinds.DENY) return ApprovalRules.deny(s, act, e);
        if (e.kind == Kinds.CANCEL) return ApprovalRules.cancelPending(s, act, e);
        if (e.kind == Kinds.CORRECT) return ApprovalRules.correct(s, act, e, witness);
        return ApprovalRules.propose(s, act, e);
    }
}
