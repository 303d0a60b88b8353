// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Act, ActLib, Handed} from "./Act.sol";
import {BookRules} from "./BookRules.sol";
import {LineRules} from "./LineRules.sol";
import {LotRules} from "./LotRules.sol";
import {ReturnRules} from "./ReturnRules.sol";
import {Store} from "./StoreLayout.sol";
import {CustodyEvent} from "./Types.sol";
import {Kinds} from "./Vocabulary.sol";

/// @title The kinds that do not fit into the ledger's own code: declarations, books, lots
/// @notice Part of the custody ledger, deployed apart because one contract may have 24,576 bytes only.
/// @dev A linked library: the ledger's code names this address for good, so nobody can exchange it, and it works on
///      the ledger's storage. It has none of its own. Kinds of every day are in the ledger itself, since each call
///      here costs gas for handing the event over.
library BookKinds {
    /// @notice Judge an event: check it, tell its outcome if it is not refused, write.
    /// @param s What the ledger keeps.
    /// @param acting Who acts, as ActLib.raw gives it.
    /// @param given The event, as EventHash.raw gives it; its form is checked already.
    /// @return outcome 0 recorded (told), or the code of a refusal.
    function judge(Store storage s, bytes calldata acting, bytes calldata given)
        external
        returns (uint256 outcome)
    {
        Handed memory handed = ActLib.lift(acting, given)[0];
        Act memory act = handed.act;
        CustodyEvent memory e = handed.e;
        uint8 kind = e.kind;
        // The kinds of every day first.
        if (kind == Kinds.EXPORT_LOAD || kind == Kinds.REEXPORT) return LineRules.exportLoad(s, act, e);
        if (kind == Kinds.RECEIVE_FACTORY) return BookRules.receiveFactory(s, act, e);
        if (kind == Kinds.RECEIVE_DOMESTIC) return BookRules.receiveDomestic(s, act, e);
        if (kind == Kinds.TRANSFORM) return LotRules.transform(s, act, e);
        if (kind == Kinds.EXIT_CONFIRM) return LineRules.exitConfirm(s, act, e);
        if (kind == Kinds.DECLARE) return LineRules.declare(s, act, e);
        if (kind == Kinds.CLEAR) return LineRules.clear(s, act, e);
        if (kind == Kinds.SPLIT) return LotRules.split(s, act, e);
        if (kind == Kinds.MERGE) return LotRules.merge(s, act, e);
        if (kind == Kinds.COUNT) return BookRules.count(s, act, e);
        if (kind == Kinds.UNLOAD) return ReturnRules.unload(s, act, e);
        if (kind == Kinds.REPURPOSE || kind == Kinds.SELL_INLAND || kind == Kinds.SCRAP_OUT) {
            return LineRules.takeOut(s, act, e);
        }
        return ReturnRules.comeBack(s, act, e);
    }
}
