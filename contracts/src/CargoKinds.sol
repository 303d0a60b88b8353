// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Act, ActLib, Handed} from "./Act.sol";
import {CustodyRules} from "./CustodyRules.sol";
import {InsideRules} from "./InsideRules.sol";
import {Store} from "./StoreLayout.sol";
import {TransferRules} from "./TransferRules.sol";
import {CustodyEvent} from "./Types.sol";
import {Kinds} from "./Vocabulary.sol";

/// @title REFUSE and CANCEL of offers, the kinds about what is inside containers, transfers between books
/// @notice Part of the custody ledger, deployed apart because one contract may have 24,576 bytes only.
/// @dev A linked library, as BookKinds is.
library CargoKinds {
    /// @notice Judge an event: check it, tell its outcome if it is not refused, write.
    /// @param s What the ledger keeps.
    /// @param acting Who acts, as ActLib.raw gives it.
    /// @param given The event, as EventHash.raw gives it; its form is checked already.
    /// @param witness What the gateway sent with it; for an ACCEPT into a book the TRANSFER, compared already.
    /// @return outcome 0 recorded (told), or the code of a refusal.
    function judge(Store storage s, bytes calldata acting, bytes calldata given, bytes calldata witness)
        external
        returns (uint256 outcome)
    {
        Handed memory handed = ActLib.lift(acting, given)[0];
        Act memory act = handed.act;
        CustodyEvent memory e = handed.e;
        if (e.kind == Kinds.REFUSE || e.kind == Kinds.CANCEL) return CustodyRules.closeOffer(s, act, e);
        if (e.kind == Kinds.ACCEPT && e.book == 0) return CustodyRules.accept(s, act, e, true);
        if (e.kind == Kinds.STUFF) return InsideRules.stuff(s, act, e);
        if (e.kind == Kinds.STRIP) return InsideRules.strip(s, act, e);
        if (e.kind == Kinds.CLOSE) return InsideRules.close(s, act, e);
        if (e.kind == Kinds.TRANSFER) return TransferRules.transfer(s, act, e);
        return TransferRules.accept(s, act, e, witness);
    }
}
