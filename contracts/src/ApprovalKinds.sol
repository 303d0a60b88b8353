// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Act, ActLib, Handed} from "./Act.sol";
import {ApprovalRules} from "./ApprovalRules.sol";
import {Store} from "./StoreLayout.sol";
import {CustodyEvent} from "./Types.sol";
import {Kinds} from "./Vocabulary.sol";

/// @title The kinds that customs approves, approvals and corrections
/// @notice Part of the custody ledger, deployed apart because one contract may have 24,576 bytes only.
/// @dev A linked library, as BookKinds is.
library ApprovalKinds {
    /// @notice Whether the witness shows what an event refers to; asked before the event's nonce is burned.
    /// @param s What the ledger keeps.
    /// @param acting Who acts, as ActLib.raw gives it.
    /// @param given The event, as EventHash.raw gives it: APPROVE, CORRECT, or ACCEPT (into a book).
    /// @param witness What the gateway sent with it.
    /// @return Whether it does.
    function shows(Store storage s, bytes calldata acting, bytes calldata given, bytes calldata witness)
        external
        view
        returns (bool)
    {
        Handed memory handed = ActLib.lift(acting, given)[0];
        return ApprovalRules.shows(s, handed.act, handed.e, witness);
    }

    /// @notice Judge an event: check it, tell its outcome if it is not refused, write.
    /// @param s What the ledger keeps.
    /// @param acting Who acts, as ActLib.raw gives it.
    /// @param given The event, as EventHash.raw gives it; its form is checked already.
    /// @param witness What the gateway sent with it; compared already.
    /// @return outcome 0 recorded, 1 pending (both told), or the code of a refusal (told if it has the flag TOLD).
    function judge(Store storage s, bytes calldata acting, bytes calldata given, bytes calldata witness)
        external
        returns (uint256 outcome)
    {
        Handed memory handed = ActLib.lift(acting, given)[0];
        Act memory act = handed.act;
        CustodyEvent memory e = handed.e;
        if (e.kind == Kinds.APPROVE) return ApprovalRules.approve(s, act, e, witness);
        if (e.kind == Kinds.DENY) return ApprovalRules.deny(s, act, e);
        if (e.kind == Kinds.CANCEL) return ApprovalRules.cancelPending(s, act, e);
        if (e.kind == Kinds.CORRECT) return ApprovalRules.correct(s, act, e, witness);
        return ApprovalRules.propose(s, act, e);
    }
}
