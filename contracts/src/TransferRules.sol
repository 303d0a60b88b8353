// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Act, ActLib} from "./Act.sol";
import {BookRules} from "./BookRules.sol";
import {CustodyRules} from "./CustodyRules.sol";
import {EventHash} from "./EventHash.sol";
import {LineRules} from "./LineRules.sol";
import {StoreLib} from "./Store.sol";
import {LotRecord, Store} from "./StoreLayout.sol";
import {CustodyEvent, Line} from "./Types.sol";
import {Balances, Kinds, LineRoles, Outcomes, Roles, Things} from "./Vocabulary.sol";
import {LineWord, LotWord, UnitWord} from "./Words.sol";

/// @title Raw material from one book into another: TRANSFER, and the ACCEPT that answers it
/// @dev The giver's lot is under offer meanwhile. Both lines are drawn and the out line exited in one act, so what
///      leaves one book is in the other.
library TransferRules {
    using ActLib for Act;
    using StoreLib for Store;
    using LineWord for uint256;
    using LotWord for uint256;
    using UnitWord for uint256;

    /// @dev TRANSFER. Who: owner, who is declarant of the transfer-out line. Needs: one lot, raw >= q; that line
    ///      cleared, enough left, same material. Does: offers q of it to the owner of another book.
    function transfer(Store storage s, Act memory act, CustodyEvent memory e) internal returns (uint256) {
        Line memory line = e.lines[0];
        uint256 fault = act.checkOwner(e.book);
        if (fault != Outcomes.RECORDED) return fault;
        (uint16 roles,) = act.rolesOf(e.counterparty);
        if (roles == 0) return Outcomes.UNKNOWN_PARTICIPANT;
        fault = s.checkLine(e.reference_, LineRoles.TRANSFER_OUT, act.participant);
        LotRecord memory lot;
        if (fault == Outcomes.RECORDED) (fault, lot.balances, lot.more) = s.checkBookLot(line.unit, e);
        if (fault == Outcomes.RECORDED) fault = LineRules.checkDraw(s, line, lot, e.reference_);
        if (fault != Outcomes.RECORDED) return fault;
        if (LineRules.exceeds(s, e.reference_, line.quantity)) return Outcomes.LINE_EXCEEDED;
        act.tell(e, Outcomes.RECORDED);
        uint256 word = s.unitAt(line.unit).withOffer(act.id, e.counterparty, e.deadline);
        s.setUnit(line.unit, word.withTransfer());
        return Outcomes.RECORDED;
    }

    /// @dev ACCEPT of a TRANSFER. Who: the offeree, owner of the other book, declarant of the transfer-in line.
    ///      Needs: the TRANSFER, open (shown by the witness); both lines cleared with enough left; the new lot of
    ///      the in line's material (each enterprise names materials with its own key) and exactly q. Does: raw -= q;
    ///      a new lot of the same origin and source, with every hold, kept by the acceptor, or by the third party
    ///      who kept the goods for the giver; both lines drawn, the out line exited, by q.
    function accept(Store storage s, Act memory act, CustodyEvent memory e, bytes calldata witness)
        internal
        returns (uint256)
    {
        (, CustodyEvent memory offered) = EventHash.eventIn(witness);
        Line[4] memory named = _named(e); // lot, new lot, transfer in, transfer out
        for (uint256 i = 0; i < 4; ++i) {
            if (named[i].unit == 0) return Outcomes.LINES_MISSING;
        }
        uint256 fault = act.checkOwner(e.book);
        if (fault != Outcomes.RECORDED) return fault;
        if (offered.kind != Kinds.TRANSFER || offered.lines.length != 1) return Outcomes.OFFER_MISMATCH;
        if (offered.lines[0].unit != named[0].unit || offered.reference_ != named[3].unit) {
            return Outcomes.OFFER_MISMATCH;
        }
        if (offered.book == e.book) return Outcomes.WRONG_BOOK;
        uint64 quantity = offered.lines[0].quantity;
        fault = _checkOffered(s, act, named[0].unit, e.reference_);
        if (fault != Outcomes.RECORDED) return fault;
        fault = s.checkLine(named[3].unit, LineRoles.TRANSFER_OUT, act.ownerOf(offered.book));
        if (fault == Outcomes.RECORDED) {
            fault = LineRules.checkDraw(s, offered.lines[0], s.lotAt(named[0].unit), named[3].unit);
        }
        if (fault != Outcomes.RECORDED) return fault;
        fault = s.checkLine(named[2].unit, LineRoles.TRANSFER_IN, act.participant);
        if (fault == Outcomes.RECORDED) fault = BookRules.checkNewLot(s, named[1]);
        if (fault != Outcomes.RECORDED) return fault;
        if (named[1].material != s.lineAt(named[2].unit).material) return Outcomes.WRONG_MATERIAL;
        if (named[1].quantity != quantity) return Outcomes.NOT_CONSERVED;
        if (LineRules.exceeds(s, named[3].unit, quantity) || LineRules.exceeds(s, named[2].unit, quantity)) {
            return Outcomes.LINE_EXCEEDED;
        }
        act.tell(e, Outcomes.RECORDED);
        _execute(s, act, e, named);
        return Outcomes.RECORDED;
    }

    // ---- parts of the rows above ------------------------------------------------------------------------------

    /// @dev The lines by their role; format has let nothing else in, and one that is missing stays zero.
    function _named(CustodyEvent memory e) private pure returns (Line[4] memory named) {
        for (uint256 i = 0; i < e.lines.length; ++i) {
            uint8 role = e.lines[i].role;
            if (role == LineRoles.INPUT) named[0] = e.lines[i];
            if (role == LineRoles.OUTPUT) named[1] = e.lines[i];
            if (role == LineRoles.TRANSFER_IN) named[2] = e.lines[i];
            if (role == LineRoles.TRANSFER_OUT) named[3] = e.lines[i];
        }
    }

    /// @dev The giver's lot is under exactly this TRANSFER, made to the poster; held only if the poster may secure it.
    function _checkOffered(Store storage s, Act memory act, bytes32 unit, bytes32 offer)
        private
        view
        returns (uint256)
    {
        uint256 word = s.storedUnit(unit);
        uint256 fault = CustodyRules.checkOffer(s, unit, word, offer);
        if (fault != Outcomes.RECORDED) return fault;
        if (word.offeree() != act.participant) return Outcomes.NOT_OFFEREE;
        bool secure = act.has(Roles.CUSTOMS) || act.supervises;
        return word.isHeld() && !secure ? Outcomes.HELD : Outcomes.RECORDED;
    }

    function _execute(Store storage s, Act memory act, CustodyEvent memory e, Line[4] memory named) private {
        LotRecord memory lot = s.lotAt(named[0].unit);
        uint64 quantity = named[1].quantity;
        uint256 word = s.storedUnit(named[0].unit).withoutOffer();
        uint32 giver = act.ownerOf(lot.more.book());
        uint32 keeper = word.custodian() == giver ? act.participant : word.custodian();
        s.setUnit(named[0].unit, word);
        uint64 rest = lot.balances.amount(Balances.RAW) - quantity;
        s.setLot(named[0].unit, lot.balances.withAmount(Balances.RAW, rest), lot.more);
        s.createLot(
            named[1].unit,
            UnitWord.create(Things.LOT, keeper).withHolds(word.holds()),
            named[1].material,
            s.sourceOf(lot),
            e.book,
            lot.more.origin(),
            LotWord.only(Balances.RAW, quantity)
        );
        LineRules.draw(s, named[2].unit, quantity);
        uint256 amounts = s.lineAt(named[3].unit).amounts;
        amounts = amounts.withDrawn(amounts.drawn() + quantity).withExited(amounts.exited() + quantity);
        s.setLineAmounts(named[3].unit, amounts);
    }
}
