// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Act, ActLib} from "./Act.sol";
import {After} from "./After.sol";
import {DeclaredLine} from "./ICustodyLedger.sol";
import {OwnLoad} from "./OwnLoad.sol";
import {Store} from "./StoreLayout.sol";
import {StoredLot} from "./StoredLot.sol";
import {CustodyEvent, Line} from "./Types.sol";
import {Balances, LineRoles, LineStatuses} from "./Vocabulary.sol";
import {LineWord, LotWord, UnitWord} from "./Words.sol";

/// @title EXPORT_LOAD as it nearly always is: one lot, which nothing hinders, for its own line
/// @dev Says whether it was such a one, and then has told and written what LineRules.exportLoad would have. Of any
///      other, and of whatever might be refused, it leaves everything as it was, and that row decides.
library PlainLoad {
    using ActLib for Act;
    using After for uint256;
    using LineWord for uint256;
    using LotWord for uint256;
    using OwnLoad for uint256;
    using StoredLot for uint256;
    using UnitWord for uint256;

    /// @param s What the ledger keeps.
    /// @param act Who acts.
    /// @param e An EXPORT_LOAD of right form: of finished goods, citing something.
    function load(Store storage s, Act memory act, CustodyEvent memory e) internal returns (bool) {
        if (e.lines.length != 1) return false;
        Line memory line = e.lines[0];
        uint256 stored = s.units[line.unit];
        if (!stored.isPlainFinished()) return false;
        uint256 is_ = stored.is_();
        uint256 owner = act.ownerOf(is_.book());
        uint256 poster = act.participant;
        DeclaredLine storage quota = s.lines[e.reference_];
        uint256 state = quota.state;
        // Each term is zero where its check holds; one jump for all, since a jump costs as much as three of them.
        uint256 wrong =
            state.plainLine() ^ LineWord.createLine(uint32(owner), LineRoles.EXPORT, LineStatuses.CLEARED, 0);
        wrong |= state.lineMaterial() ^ is_.materialNumber();
        unchecked {
            wrong |= (owner ^ poster) * (stored.custodian() ^ poster); // factors below 2^32: zero if one of them is
        }
        if (wrong != 0) return false;

        uint256 quantity = line.quantity;
        uint256 balances = s.lots[line.unit].balances;
        uint256 amounts = quota.amounts;
        unchecked {
            // Every amount is below 2^64, so a sum that does not fit, and a difference below zero, has higher bits.
            uint256 own = balances.ownLine();
            uint256 loaded = balances.ownLoaded() + quantity;
            uint256 drawn = amounts.drawn() + quantity;
            wrong = (quantity - 1) | (uint64(balances >> 128) - quantity) | loaded; // not zero; finished has it
            wrong = (wrong | (amounts.quantity() - drawn)) >> 64; // the line has it
            wrong |= own * (own ^ state.lineNumber()); // the lot's own line, or the first
            if (wrong != 0) return false;

            balances = balances.plainBalances() - (quantity << 128); // so scrap beside it is not touched
            uint256 told = After.create(1);
            told.setLine(After.DRAWN, uint64(drawn));
            // None is loaded for other lines: there is no `more`.
            told.setLoaded(0, Balances.FINISHED, balances, uint64(loaded), uint64(loaded));
            act.tellAfter(e, told);
            s.lots[line.unit].balances = balances | OwnLoad.own(state.lineNumber(), uint64(loaded));
            quota.amounts = amounts.withDrawn(uint64(drawn));
        }
        return true;
    }
}
