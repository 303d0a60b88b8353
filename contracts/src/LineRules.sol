// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Act, ActLib} from "./Act.sol";
import {After} from "./After.sol";
import {DeclaredLine} from "./ICustodyLedger.sol";
import {NormRules} from "./NormRules.sol";
import {Places} from "./Places.sol";
import {StoreLib} from "./Store.sol";
import {LotRecord, QUANTITY_MAX, Store} from "./StoreLayout.sol";
import {StoredLot} from "./StoredLot.sol";
import {CustodyEvent, Line} from "./Types.sol";
import {
    Balances,
    BookOptions,
    Kinds,
    LineRoles,
    LineStatuses,
    Origins,
    Outcomes,
    Roles,
    Steps,
    Things
} from "./Vocabulary.sol";
import {LineWord, LotWord, UnitWord} from "./Words.sol";

/// @title Declaration lines as quotas, and what draws from them when goods leave: DECLARE, CLEAR, EXPORT_LOAD,
///        REEXPORT, EXIT_CONFIRM, REPURPOSE, SELL_INLAND, SCRAP_OUT
/// @dev Per line: exited <= drawn <= quantity, and what is loaded for it is drawn - exited. A kilogram counts once.
///      What comes back is in ReturnRules, what goes to another book in TransferRules.
library LineRules {
    using ActLib for Act;
    using After for uint256;
    using StoreLib for Store;
    using LineWord for uint256;
    using LotWord for uint256;
    using StoredLot for uint256;
    using UnitWord for uint256;

    /// @dev DECLARE. Who: anybody for a new line, then its declarant while it is registered; customs at any time.
    ///      Needs: never below what is drawn. Does: makes or amends a line (a new version), or, without a line,
    ///      anchors a manifest, norm, contract or document by its commitment; a norm may have numbers (NormRules).
    function declare(Store storage s, Act memory act, CustodyEvent memory e) internal returns (uint256) {
        if (e.lines.length == 0) return _anchor(act, e);
        if (e.step == Steps.NORM) return NormRules.declare(s, act, e);
        if (e.counterparty != 0 && !act.has(Roles.CUSTOMS)) return Outcomes.ROLE_MISSING;
        bytes32 id = e.lines[0].unit;
        DeclaredLine memory declared = s.lineAt(id);
        bool isNew = declared.state == 0;
        uint256 fault = isNew ? _checkNewLine(s, e) : _checkAmendment(act, e, declared);
        if (fault == Outcomes.RECORDED) fault = _checkOriginal(s, act, e);
        if (fault != Outcomes.RECORDED) return fault;

        act.tell(e, Outcomes.RECORDED);
        uint32 declarant = isNew ? act.participant : declared.state.declarant();
        if (e.counterparty != 0) declarant = e.counterparty;
        uint8 status = isNew ? LineStatuses.REGISTERED : declared.state.lineStatus();
        declared.state = LineWord.createLine(declarant, e.lines[0].role, status, declared.state.lineHolds());
        declared.amounts = declared.amounts.withQuantity(e.lines[0].quantity);
        if (e.lines[0].material != 0) declared.material = e.lines[0].material;
        declared.original = e.reference_;
        declared.version = act.id;
        s.setDeclared(id, declared);
        return Outcomes.RECORDED;
    }

    /// @dev CLEAR. Who: customs. Needs: the version at which the line stands. Does: registered becomes cleared;
    ///      with step LINE_CANCELLED, registered or cleared with nothing drawn becomes cancelled.
    function clear(Store storage s, Act memory act, CustodyEvent memory e) internal returns (uint256) {
        if (!act.has(Roles.CUSTOMS)) return Outcomes.ROLE_MISSING;
        bytes32 id = e.lines[0].unit;
        DeclaredLine memory declared = s.lineAt(id);
        uint256 state = declared.state;
        if (state == 0) return s.unitAt(id) != 0 ? Outcomes.WRONG_THING : Outcomes.UNKNOWN_UNIT;
        if (state.lineStatus() == LineStatuses.CANCELLED) return Outcomes.TERMINAL_UNIT;
        if (state.lineHolds() != 0) return Outcomes.HELD;
        bool cancel = e.step == Steps.LINE_CANCELLED;
        if (!cancel && state.lineStatus() != LineStatuses.REGISTERED) return Outcomes.LINE_NOT_REGISTERED;
        if (cancel && declared.amounts.drawn() != 0) return Outcomes.LINE_DRAWN;
        if (e.reference_ != declared.version) return Outcomes.WRONG_VERSION;
        act.tell(e, Outcomes.RECORDED);
        s.setLineState(id, state.withLineStatus(cancel ? LineStatuses.CANCELLED : LineStatuses.CLEARED));
        return Outcomes.RECORDED;
    }

    /// @dev EXPORT_LOAD. Who: owner or custodian of every lot. Needs: finished >= q; export line of the owner,
    ///      cleared, enough left, same material. Does: finished to loaded for that line; drawn += q.
    ///      REEXPORT. Who: owner. Needs: raw >= q; re-export line of the owner, likewise. Does: raw to loaded for
    ///      that line; drawn += q.
    function exportLoad(Store storage s, Act memory act, CustodyEvent memory e) internal returns (uint256) {
        bool isExport = e.kind == Kinds.EXPORT_LOAD;
        uint256 total;
        LotRecord[] memory lots = StoreLib.noLots(e.lines.length);
        for (uint256 i = 0; i < lots.length; ++i) {
            Line memory line = e.lines[i];
            uint256 stored = s.units[line.unit];
            uint256 word = s.seen(line.unit, stored.plain());
            uint256 fault = isExport ? s.checkThere(line.unit, word) : s.checkOpen(line.unit, word);
            if (fault != Outcomes.RECORDED) return fault;
            if (word.thing() != Things.LOT) return Outcomes.WRONG_THING;
            LotRecord memory lot;
            (lot.balances, lot.more) = s.lotOf(line.unit, stored);
            uint32 owner = act.ownerOf(lot.more.book());
            bool may = owner == act.participant || (isExport && word.custodian() == act.participant);
            if (!may) return Outcomes.NOT_OWNER;
            fault = s.checkLine(e.reference_, isExport ? LineRoles.EXPORT : LineRoles.RE_EXPORT, owner);
            if (fault == Outcomes.RECORDED) {
                fault = StoreLib.checkLoose(word, lot.balances, lot.more, e.kind);
            }
            if (fault == Outcomes.RECORDED) fault = checkDraw(s, line, lot, e.reference_);
            if (fault != Outcomes.RECORDED) return fault;
            if (uint256(lot.more.loaded()) + line.quantity > QUANTITY_MAX) return Outcomes.QUANTITY_OVERFLOW;
            total += line.quantity;
            lot.balances = _minus(lot, line);
            lot.more = lot.more.withLoaded(lot.more.loaded() + line.quantity);
            lots[i] = lot;
        }
        if (exceeds(s, e.reference_, total)) return Outcomes.LINE_EXCEEDED;
        uint256 told = After.create(lots.length);
        for (uint256 i = 0; i < lots.length; ++i) {
            Line memory line = e.lines[i];
            // No more than the total, so it fits 64 bits.
            uint64 loaded = s.loadedFor(line.unit, e.reference_) + line.quantity;
            told.setLoaded(i, line.balance, lots[i].balances, loaded, lots[i].more.loaded());
        }
        uint256 amounts = s.lineAt(e.reference_).amounts;
        amounts = amounts.withDrawn(uint64(amounts.drawn() + total));
        told.setLine(After.DRAWN, amounts.drawn());
        act.tellAfter(e, told);
        for (uint256 i = 0; i < lots.length; ++i) {
            uint64 loaded = s.loadedFor(e.lines[i].unit, e.reference_) + e.lines[i].quantity;
            s.setLoaded(e.lines[i].unit, e.reference_, loaded, lots[i]);
        }
        s.lineAt(e.reference_).amounts = amounts;
        return Outcomes.RECORDED;
    }

    /// @dev EXIT_CONFIRM. Who: customs, or the operator of the supervised facility where the lot's container stands.
    ///      Needs: loaded for that line >= q; the line not held. Does: loaded -= q; exited += q. Exemption counts
    ///      only here.
    function exitConfirm(Store storage s, Act memory act, CustodyEvent memory e) internal returns (uint256) {
        uint256 fault = _checkExit(s, act, e);
        if (fault != Outcomes.RECORDED) return fault;
        uint256 state = s.lineAt(e.reference_).state;
        if (state == 0) return Outcomes.UNKNOWN_REFERENCE;
        if (state.purpose() != LineRoles.EXPORT && state.purpose() != LineRoles.RE_EXPORT) {
            return Outcomes.WRONG_PURPOSE;
        }
        fault = s.checkLine(e.reference_, state.purpose(), state.declarant());
        if (fault != Outcomes.RECORDED) return fault;
        uint256 total;
        LotRecord[] memory lots = StoreLib.noLots(e.lines.length);
        uint256 told = After.create(lots.length);
        for (uint256 i = 0; i < lots.length; ++i) {
            Line memory line = e.lines[i];
            LotRecord memory lot;
            (fault, lot.balances, lot.more) = s.checkBookLot(line.unit, e);
            if (fault != Outcomes.RECORDED) return fault;
            if (line.quantity == 0) return Outcomes.QUANTITY_ZERO;
            uint64 loaded = s.loadedFor(line.unit, e.reference_);
            if (line.quantity > loaded) return Outcomes.NOT_ENOUGH;
            total += line.quantity;
            lot.more = lot.more.withLoaded(lot.more.loaded() - line.quantity);
            lots[i] = lot;
            told.setExited(i, loaded - line.quantity, lot.more.loaded());
        }
        // Each q was drawn and not exited before, so exited stays <= drawn and fits 64 bits.
        uint256 amounts = s.lineAt(e.reference_).amounts;
        amounts = amounts.withExited(uint64(amounts.exited() + total));
        told.setLine(After.EXITED, amounts.exited());
        act.tellAfter(e, told);
        for (uint256 i = 0; i < lots.length; ++i) {
            uint64 loaded = s.loadedFor(e.lines[i].unit, e.reference_) - e.lines[i].quantity;
            s.setLoaded(e.lines[i].unit, e.reference_, loaded, lots[i]);
        }
        s.lineAt(e.reference_).amounts = amounts;
        return Outcomes.RECORDED;
    }

    /// @dev REPURPOSE, SELL_INLAND. Who: owner. Needs: raw or finished >= q; a change-of-purpose line of the same
    ///      material, cleared, enough left, which for imported material cites the line it came in under. Domestic
    ///      raw material needs no line. Does: balance -= q; drawn += q.
    ///      SCRAP_OUT. Who: owner. Needs: scrap >= q; such a line where the book says so. Does: scrap -= q; where
    ///      a line is cited, drawn += q.
    function takeOut(Store storage s, Act memory act, CustodyEvent memory e) internal returns (uint256) {
        uint256 fault = act.checkOwner(e.book);
        if (fault != Outcomes.RECORDED) return fault;
        bool needsLine =
            e.kind != Kinds.SCRAP_OUT || act.bookAt(e.book).options & BookOptions.LINE_FOR_SCRAP != 0;
        bytes32 original;
        if (e.reference_ != 0) {
            fault = s.checkLine(e.reference_, LineRoles.CHANGE_OF_PURPOSE, act.participant);
            if (fault != Outcomes.RECORDED) return fault;
            original = s.lineAt(e.reference_).original;
        }
        uint256 total;
        for (uint256 i = 0; i < e.lines.length; ++i) {
            Line memory line = e.lines[i];
            LotRecord memory lot;
            (fault, lot.balances, lot.more) = s.checkBookLot(line.unit, e);
            if (fault != Outcomes.RECORDED) return fault;
            if (e.reference_ == 0) {
                bool domesticRaw = line.balance == Balances.RAW && lot.more.origin() == Origins.DOMESTIC;
                if (needsLine && !domesticRaw) return Outcomes.UNKNOWN_REFERENCE;
                fault = checkAmount(line, lot);
            } else {
                if (s.sourceOf(lot) != 0 && s.sourceOf(lot) != original) return Outcomes.WRONG_PURPOSE;
                fault = checkDraw(s, line, lot, e.reference_);
            }
            if (fault != Outcomes.RECORDED) return fault;
            total += line.quantity;
        }
        if (e.reference_ != 0 && exceeds(s, e.reference_, total)) return Outcomes.LINE_EXCEEDED;
        act.tell(e, Outcomes.RECORDED);
        for (uint256 i = 0; i < e.lines.length; ++i) {
            LotRecord memory lot = s.lotAt(e.lines[i].unit);
            s.setLot(e.lines[i].unit, _minus(lot, e.lines[i]), lot.more);
        }
        if (e.reference_ != 0) draw(s, e.reference_, total);
        return Outcomes.RECORDED;
    }

    // ---- parts of the rows above ------------------------------------------------------------------------------

    /// @dev Poster is customs, or runs the supervised facility where the container of every lot stands.
    function _checkExit(Store storage s, Act memory act, CustodyEvent memory e)
        private
        view
        returns (uint256)
    {
        if (Places.hasRole(s, act, e, Roles.CUSTOMS)) return Outcomes.RECORDED;
        for (uint256 i = 0; i < e.lines.length; ++i) {
            uint256 word = s.unitAt(e.lines[i].unit);
            if (!word.isInside()) return Outcomes.ROLE_MISSING;
            (uint32 operator, bool supervised) = act.facilityAt(word.facility());
            if (operator != act.participant || !supervised) return Outcomes.NOT_OPERATOR;
        }
        return Outcomes.RECORDED;
    }

    function _anchor(Act memory act, CustodyEvent memory e) private returns (uint256) {
        if (e.step < Steps.MANIFEST || e.step > Steps.DOCUMENT) return Outcomes.LINES_MISSING;
        if (e.book != 0) {
            uint32 owner = act.ownerOf(e.book);
            if (owner == 0) return Outcomes.UNKNOWN_BOOK;
            if (owner != act.participant && !act.has(Roles.CUSTOMS)) return Outcomes.NOT_OWNER;
        }
        act.tell(e, Outcomes.RECORDED);
        return Outcomes.RECORDED;
    }

    function _checkNewLine(Store storage s, CustodyEvent memory e) private view returns (uint256) {
        if (s.exists(e.lines[0].unit)) return Outcomes.WRONG_THING;
        if (e.lines[0].quantity == 0) return Outcomes.QUANTITY_ZERO;
        return e.lines[0].material == 0 ? Outcomes.WRONG_MATERIAL : Outcomes.RECORDED;
    }

    /// @dev Once something is drawn, what it was drawn as stays: purpose, material and original are fixed.
    function _checkAmendment(Act memory act, CustodyEvent memory e, DeclaredLine memory declared)
        private
        pure
        returns (uint256)
    {
        Line memory line = e.lines[0];
        uint256 state = declared.state;
        if (!act.has(Roles.CUSTOMS) && state.declarant() != act.participant) return Outcomes.NOT_DECLARANT;
        if (state.lineStatus() == LineStatuses.CANCELLED) return Outcomes.TERMINAL_UNIT;
        if (state.lineHolds() != 0) return Outcomes.HELD;
        if (!act.has(Roles.CUSTOMS) && state.lineStatus() != LineStatuses.REGISTERED) {
            return Outcomes.LINE_NOT_REGISTERED;
        }
        if (line.quantity == 0) return Outcomes.QUANTITY_ZERO;
        uint64 drawn = declared.amounts.drawn();
        if (line.quantity < drawn) return Outcomes.BELOW_DRAWN;
        if (drawn == 0) return Outcomes.RECORDED;
        if (line.role != state.purpose() || e.reference_ != declared.original) return Outcomes.WRONG_PURPOSE;
        bool sameMaterial = line.material == 0 || line.material == declared.material;
        return sameMaterial ? Outcomes.RECORDED : Outcomes.WRONG_MATERIAL;
    }

    /// @dev A change of purpose cites the line under which the goods came in; other lines cite none. A declarant
    ///      whom customs names must be known.
    function _checkOriginal(Store storage s, Act memory act, CustodyEvent memory e)
        private
        view
        returns (uint256)
    {
        if (e.counterparty != 0) {
            (uint16 roles,) = act.rolesOf(e.counterparty);
            if (roles == 0) return Outcomes.UNKNOWN_PARTICIPANT;
        }
        if (e.lines[0].role != LineRoles.CHANGE_OF_PURPOSE) {
            return e.reference_ == 0 ? Outcomes.RECORDED : Outcomes.FIELD_NOT_ALLOWED;
        }
        uint256 original = s.lineAt(e.reference_).state;
        if (original == 0 || e.reference_ == e.lines[0].unit) return Outcomes.UNKNOWN_REFERENCE;
        if (original.lineStatus() == LineStatuses.CANCELLED) return Outcomes.TERMINAL_UNIT;
        return original.lineHolds() != 0 ? Outcomes.HELD : Outcomes.RECORDED;
    }

    /// @dev q is not zero and the lot's named balance (RAW to SCRAP) has it.
    function checkAmount(Line memory line, LotRecord memory lot) internal pure returns (uint256) {
        if (line.quantity == 0) return Outcomes.QUANTITY_ZERO;
        bool enough = lot.balances.amount(line.balance) >= line.quantity;
        return enough ? Outcomes.RECORDED : Outcomes.NOT_ENOUGH;
    }

    /// @dev As checkAmount, and lot and line are of the same material.
    function checkDraw(Store storage s, Line memory line, LotRecord memory lot, bytes32 drawnLine)
        internal
        view
        returns (uint256)
    {
        if (lot.more.materialNumber() != s.lineAt(drawnLine).state.lineMaterial()) {
            return Outcomes.WRONG_MATERIAL;
        }
        return checkAmount(line, lot);
    }

    /// @dev Drawing so much would go beyond what was declared.
    function exceeds(Store storage s, bytes32 line, uint256 quantity) internal view returns (bool) {
        uint256 amounts = s.lineAt(line).amounts;
        return amounts.drawn() + quantity > amounts.quantity();
    }

    /// @dev drawn += q, after exceeds said no: so drawn <= quantity and fits 64 bits.
    function draw(Store storage s, bytes32 line, uint256 quantity) internal {
        uint256 amounts = s.lineAt(line).amounts;
        s.setLineAmounts(line, amounts.withDrawn(uint64(amounts.drawn() + quantity)));
    }

    function _minus(LotRecord memory lot, Line memory line) private pure returns (uint256) {
        return lot.balances.withAmount(line.balance, lot.balances.amount(line.balance) - line.quantity);
    }
}
