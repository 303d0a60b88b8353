// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Act} from "./Act.sol";
import {EventHash} from "./EventHash.sol";
import {DeclaredLine, ICustodyLedger, Pending} from "./ICustodyLedger.sol";
import {OwnLoad} from "./OwnLoad.sol";
import {CITES_LINE, CORRECTED, DRAWS_LINE, Inside, LotRecord, Store} from "./StoreLayout.sol";
import {StoredLot} from "./StoredLot.sol";
import {CustodyEvent, Line} from "./Types.sol";
import {Kinds, LineStatuses, Outcomes, Things} from "./Vocabulary.sol";
import {LineWord, LotWord, UnitWord} from "./Words.sol";

/// @title Reading and writing what the ledger keeps, and the checks that several kinds share
/// @dev Every writing function emits what it wrote, at once, unless it says that the outcome does. A check returns
///      the first fault, or RECORDED (0).
library StoreLib {
    using LineWord for uint256;
    using LotWord for uint256;
    using OwnLoad for uint256;
    using StoredLot for uint256;
    using UnitWord for uint256;
    using StoreLib for Store;

    /// @dev head' = keccak256(head, event id, outcome) of each unit that the event names, and of the line in
    ///      `reference` where the kind cites one; each once. Unit zero is no unit.
    function foldHeads(Store storage s, bytes32 id, CustodyEvent memory e, uint256 outcome) internal {
        bytes32 cited = (CITES_LINE >> e.kind) & 1 == 0 ? bytes32(0) : e.reference_;
        (uint256 line, uint256 end) = EventHash.linesOf(e);
        while (line != end) {
            bytes32 unit = EventHash.unitAt(line);
            unchecked {
                line += EventHash.LINE_BYTES; // an address in memory
            }
            if (unit == 0) continue;
            _foldHead(s, unit, id, outcome);
            if (unit == cited) cited = 0;
        }
        if (cited == 0) return;
        bool declared = outcome == Outcomes.RECORDED && (DRAWS_LINE >> e.kind) & 1 != 0;
        if (declared || s.lines[cited].state != 0) _foldHead(s, cited, id, outcome);
    }

    function setPending(Store storage s, bytes32 id, Act memory act, uint8 kind) internal {
        s.pending[id] = Pending({kind: kind, participant: act.participant, signer: act.signer});
    }

    function endPending(Store storage s, bytes32 id) internal {
        delete s.pending[id];
        emit ICustodyLedger.PendingEnded(id);
    }

    /// @dev A COUNT of that book was recorded, which ADJUST may name.
    function setCount(Store storage s, bytes32 id, uint32 book) internal {
        s.evidence[id] |= book;
    }

    /// @dev The event was corrected, so ADJUST and REASSIGN may name it.
    function setCorrected(Store storage s, bytes32 id) internal {
        s.evidence[id] |= CORRECTED;
    }

    function setUnit(Store storage s, bytes32 unit, uint256 word) internal {
        if (word.isInside()) word = word.withoutPlace();
        if (word.thing() == Things.LOT) {
            uint256 stored = s.units[unit].withPlain(word);
            s.units[unit] = stored;
            word = stored.plain();
        } else {
            s.units[unit] = word;
        }
        emit ICustodyLedger.UnitChanged(unit, word);
    }

    function createLot(
        Store storage s,
        bytes32 lot,
        uint256 word,
        bytes32 material,
        bytes32 sourceLine,
        uint32 book,
        uint8 origin,
        uint256 balances
    ) internal {
        uint256 line = sourceLine == 0 ? 0 : _numberOf(s, sourceLine);
        uint256 stored = word.createStored(book, origin, _numberOf(s, material), line);
        s.units[lot] = balances.hasRoom() ? stored.withOwn() : stored;
        s.lots[lot].balances = balances;
        emit ICustodyLedger.LotCreated(lot, material, sourceLine, book, origin, stored.plain(), balances);
    }

    function setLot(Store storage s, bytes32 lot, uint256 balances, uint256 more) internal {
        uint256 stored = s.units[lot];
        uint256 before = s.lots[lot].balances;
        more = more.logged();
        uint256 word = balances;
        uint256 others = more;
        if (stored.hasOwn() && balances.hasRoom()) {
            word |= before.ownPart();
            others -= uint256(before.ownLoaded()) << 64;
        } else if (stored.hasOwn()) {
            stored = _spread(s, lot, stored, before);
        }
        if (before != word) s.lots[lot].balances = word;
        _setMore(s, lot, stored, others);
        emit ICustodyLedger.LotChanged(lot, balances, more);
    }

    /// @dev Sets the balances of a lot with raw or wip, before or after, of which nothing else changes.
    function setBalances(Store storage s, bytes32 lot, uint256 balances, uint256 more) internal {
        s.lots[lot].balances = balances;
        emit ICustodyLedger.LotChanged(lot, balances, more.logged());
    }

    /// @dev Sets what is loaded of a lot for a line, and with it the lot's balances. The outcome has told so (After).
    ///      `next` is what the lot holds from now on.
    function setLoaded(Store storage s, bytes32 lot, bytes32 line, uint64 quantity, LotRecord memory next)
        internal
    {
        uint256 stored = s.units[lot];
        uint256 number = s.lines[line].state.lineNumber();
        uint256 before = s.lots[lot].balances;
        uint256 balances = next.balances;
        uint256 word = balances;
        uint256 others = next.more.logged();
        if (stored.hasOwn() && balances.hasRoom()) {
            uint256 part = before.ownPart();
            if (_isOwn(s, lot, part, number)) part = OwnLoad.own(number, quantity);
            else s.loaded[lot][number] = quantity;
            word |= part;
            others -= uint256(part.ownLoaded()) << 64;
        } else {
            if (stored.hasOwn()) stored = _spread(s, lot, stored, before);
            s.loaded[lot][number] = quantity;
        }
        if (before != word) s.lots[lot].balances = word;
        _setMore(s, lot, stored, others);
    }

    /// @dev Puts a thing into a container, or (container zero) out of it. The caller writes the container's counts.
    function setInside(Store storage s, bytes32 unit, uint256 word, bytes32 container, uint32 eligibleIn)
        internal
    {
        if (container == 0) delete s.inside[unit];
        else s.inside[unit] = Inside({container: container, eligibleIn: eligibleIn});
        s.setUnit(unit, word.withInside(container != 0));
        emit ICustodyLedger.InsideChanged(unit, container);
    }

    /// @dev The number of a line is given when it is declared first, that of its material if no lot or line had it yet.
    function setDeclared(Store storage s, bytes32 line, DeclaredLine memory declared) internal {
        uint256 number = s.lines[line].state.lineNumber();
        if (number == 0) number = ++s.numbered;
        uint256 state = declared.state.plainLine();
        declared.state = state.withLineNumbers(number, _numberOf(s, declared.material));
        s.lines[line] = declared;
        emit ICustodyLedger.LineDeclared(line, declared.material, declared.original, declared.version);
        emit ICustodyLedger.LineChanged(line, state, declared.amounts);
    }

    function setLineState(Store storage s, bytes32 line, uint256 state) internal {
        DeclaredLine storage kept = s.lines[line];
        uint256 stored = kept.state;
        kept.state = state.withLineNumbers(stored.lineNumber(), stored.lineMaterial());
        emit ICustodyLedger.LineChanged(line, state.plainLine(), kept.amounts);
    }

    function setLineAmounts(Store storage s, bytes32 line, uint256 amounts) internal {
        DeclaredLine storage kept = s.lines[line];
        kept.amounts = amounts;
        emit ICustodyLedger.LineChanged(line, kept.state.plainLine(), amounts);
    }

    /// @dev A recorded CORRECT corrects this event.
    function isCorrected(Store storage s, bytes32 id) internal view returns (bool) {
        return s.evidence[id] & CORRECTED != 0;
    }

    /// @dev The book of the COUNT recorded under this id; 0 if none was.
    function countedBook(Store storage s, bytes32 id) internal view returns (uint32) {
        return uint32(s.evidence[id]);
    }

    function pendingAt(Store storage s, bytes32 id) internal view returns (Pending memory) {
        return s.pending[id];
    }

    /// @dev The state word as it counts now: an offer that expired counts as none; what is inside a container has
    ///      that container's custodian, facility, status and holds, and is eligible only if it was declared so since
    ///      the container was last released. One step, since containers do not nest.
    function unitAt(Store storage s, bytes32 unit) internal view returns (uint256) {
        return s.seen(unit, s.units[unit].plain());
    }

    /// @dev As unitAt, of the plain state word as stored.
    function seen(Store storage s, bytes32 unit, uint256 word) internal view returns (uint256) {
        if (word.isInside()) {
            Inside memory place = s.inside[unit];
            if (word.isEligible() && place.eligibleIn != s.contents[place.container].round + 1) {
                word = word.withEligible(false);
            }
            return word.seenIn(s.units[place.container]);
        }
        return word.offeree() != 0 && word.offerExpired() ? word.withoutOffer() : word;
    }

    /// @dev The state word as stored, with an offer that may have expired.
    function storedUnit(Store storage s, bytes32 unit) internal view returns (uint256) {
        return s.units[unit].plain();
    }

    function lotAt(Store storage s, bytes32 lot) internal view returns (LotRecord memory) {
        (uint256 balances, uint256 more) = s.lotOf(lot, s.units[lot]);
        return LotRecord({balances: balances, more: more});
    }

    /// @dev As lotAt, of a lot of which the stored word is known.
    function lotOf(Store storage s, bytes32 lot, uint256 stored)
        internal
        view
        returns (uint256 balances, uint256 more)
    {
        balances = s.lots[lot].balances;
        more = stored.hasMore() ? s.lots[lot].more : 0;
        if (stored.hasOwn()) {
            more += uint256(balances.ownLoaded()) << 64; // with what is loaded for other lines it fits 64 bits
            balances = balances.plainBalances();
        }
        more |= stored.is_();
    }

    /// @dev Room for the records of lots; none is there yet.
    function noLots(uint256 count) internal pure returns (LotRecord[] memory lots) {
        uint256[] memory places = new uint256[](count);
        assembly ("memory-safe") {
            lots := places
        }
    }

    /// @dev The book of a lot; 0 of what is none.
    function bookOf(Store storage s, bytes32 unit) internal view returns (uint32) {
        uint256 stored = s.units[unit];
        return stored.thing() == Things.LOT ? stored.is_().book() : 0;
    }

    /// @dev The unit is a lot of this material.
    function isOf(Store storage s, bytes32 unit, bytes32 material) internal view returns (bool) {
        uint256 stored = s.units[unit];
        uint256 number = s.numbers[material];
        return stored.thing() == Things.LOT && number != 0 && stored.is_().materialNumber() == number;
    }

    /// @dev Id of the lot's material.
    function materialOf(Store storage s, LotRecord memory lot) internal view returns (bytes32) {
        return s.ids[lot.more.materialNumber()];
    }

    /// @dev The line that the lot came in under, or zero.
    function sourceOf(Store storage s, LotRecord memory lot) internal view returns (bytes32) {
        uint256 number = lot.more.sourceNumber();
        return number == 0 ? bytes32(0) : s.ids[number];
    }

    function lineAt(Store storage s, bytes32 line) internal view returns (DeclaredLine storage) {
        return s.lines[line];
    }

    function loadedFor(Store storage s, bytes32 lot, bytes32 line) internal view returns (uint64) {
        uint256 number = s.lines[line].state.lineNumber();
        if (s.units[lot].hasOwn()) {
            uint256 word = s.lots[lot].balances;
            if (word.ownLine() == number) return word.ownLoaded();
            if (word.ownLine() == 0) return 0;
        }
        return s.loaded[lot][number];
    }

    /// @dev A unit or line of this id exists, so nothing can be made under it.
    function exists(Store storage s, bytes32 id) internal view returns (bool) {
        return s.units[id] != 0 || s.lines[id].state != 0;
    }

    /// @dev The unit exists and is not closed; it may be inside a container.
    function checkThere(Store storage s, bytes32 unit, uint256 word) internal view returns (uint256) {
        if (word == 0) return s.lines[unit].state != 0 ? Outcomes.WRONG_THING : Outcomes.UNKNOWN_UNIT;
        if (word.isClosed()) return Outcomes.TERMINAL_UNIT;
        return Outcomes.RECORDED;
    }

    /// @dev The unit exists, is not closed and not inside a container.
    function checkOpen(Store storage s, bytes32 unit, uint256 word) internal view returns (uint256) {
        uint256 fault = s.checkThere(unit, word);
        if (fault == Outcomes.RECORDED && word.isInside()) fault = Outcomes.INSIDE_CONTAINER;
        return fault;
    }

    /// @dev As checkOpen, and it is a container or cargo.
    function checkOpenCargo(Store storage s, bytes32 unit, uint256 word) internal view returns (uint256) {
        uint256 fault = s.checkOpen(unit, word);
        if (fault != Outcomes.RECORDED) return fault;
        return word.thing() == Things.LOT ? Outcomes.WRONG_THING : Outcomes.RECORDED;
    }

    /// @dev Neither held nor under offer.
    function checkUnhindered(uint256 word) internal pure returns (uint256) {
        if (word.isHeld()) return Outcomes.HELD;
        if (word.offeree() != 0) return Outcomes.UNDER_OFFER;
        return Outcomes.RECORDED;
    }

    /// @dev The unit is a lot, of the event's book where it names one, not held (RETURN_PROD and UNLOAD may act
    ///      under hold), not under offer and not empty; inside a container only for loading and exit. What it holds
    ///      and is comes with it, where there is no fault.
    function checkBookLot(Store storage s, bytes32 unit, CustodyEvent memory e)
        internal
        view
        returns (uint256 fault, uint256 balances, uint256 more)
    {
        uint256 stored = s.units[unit];
        uint8 kind = e.kind;
        if (stored.isFreeLot()) {
            (balances, more) = s.lotOf(unit, stored);
            if (e.book != 0 && more.book() != e.book) return (Outcomes.WRONG_BOOK, 0, 0);
            return (balances.isEmpty(more) ? Outcomes.EMPTY_LOT : Outcomes.RECORDED, balances, more);
        }
        uint256 word = s.seen(unit, stored.plain());
        bool insideToo = kind == Kinds.EXPORT_LOAD || kind == Kinds.UNLOAD || kind == Kinds.EXIT_CONFIRM;
        fault = insideToo ? s.checkThere(unit, word) : s.checkOpen(unit, word);
        if (fault != Outcomes.RECORDED) return (fault, 0, 0);
        if (word.thing() != Things.LOT) return (Outcomes.WRONG_THING, 0, 0);
        (balances, more) = s.lotOf(unit, stored);
        if (e.book != 0 && more.book() != e.book) return (Outcomes.WRONG_BOOK, 0, 0);
        return (checkLoose(word, balances, more, kind), balances, more);
    }

    /// @dev The lot is not held (RETURN_PROD and UNLOAD may act under hold), not under offer and not empty.
    function checkLoose(uint256 word, uint256 balances, uint256 more, uint8 kind)
        internal
        pure
        returns (uint256)
    {
        if (word.isHeld() && kind != Kinds.RETURN_PROD && kind != Kinds.UNLOAD) return Outcomes.HELD;
        if (word.offeree() != 0) return Outcomes.UNDER_OFFER;
        return balances.isEmpty(more) ? Outcomes.EMPTY_LOT : Outcomes.RECORDED;
    }

    /// @dev The line can be drawn from, or exited against, by that declarant: right purpose, not held, cleared.
    function checkLine(Store storage s, bytes32 id, uint8 purpose, uint32 declarant)
        internal
        view
        returns (uint256)
    {
        uint256 state = s.lines[id].state;
        if (state == 0) return Outcomes.UNKNOWN_REFERENCE;
        if (state.purpose() != purpose) return Outcomes.WRONG_PURPOSE;
        if (state.declarant() != declarant) return Outcomes.NOT_DECLARANT;
        if (state.lineStatus() == LineStatuses.CANCELLED) return Outcomes.TERMINAL_UNIT;
        if (state.lineHolds() != 0) return Outcomes.HELD;
        if (state.lineStatus() != LineStatuses.CLEARED) return Outcomes.LINE_NOT_CLEARED;
        return Outcomes.RECORDED;
    }

    /// @dev Number of a material or source line, given at its first lot or, of a material, declaration line. A number
    ///      for each would have to be paid for 2^29 times, at 44,000 gas each, before one did not fit.
    function _numberOf(Store storage s, bytes32 id) private returns (uint256 number) {
        number = s.numbers[id];
        if (number != 0) return number;
        number = ++s.numbered;
        s.numbers[id] = number;
        s.ids[number] = id;
    }

    /// @dev Short, and what is loaded for lines other than an own one: a slot once there was any.
    function _setMore(Store storage s, bytes32 lot, uint256 stored, uint256 value) private {
        if (stored.hasMore()) {
            if (s.lots[lot].more != value) s.lots[lot].more = value;
        } else if (value != 0) {
            s.lots[lot].more = value;
            s.units[lot] = stored.withMore();
        }
    }

    /// @dev The lot's own line is this one, or may be from now on: it never had one, or there is nothing loaded for
    ///      the one it had, nor for this one yet.
    function _isOwn(Store storage s, bytes32 lot, uint256 part, uint256 number) private view returns (bool) {
        uint256 line = part.ownLine();
        if (line == number || line == 0) return true;
        return part.ownLoaded() == 0 && s.loaded[lot][number] == 0;
    }

    /// @dev Raw or wip takes the place of the own line, which becomes a line like others. The stored word.
    function _spread(Store storage s, bytes32 lot, uint256 stored, uint256 balances)
        private
        returns (uint256)
    {
        if (balances.ownLoaded() != 0) {
            s.loaded[lot][balances.ownLine()] = balances.ownLoaded();
        }
        stored = stored.withoutOwn();
        s.units[lot] = stored;
        return stored;
    }

    function _foldHead(Store storage s, bytes32 unit, bytes32 id, uint256 outcome) private {
        mapping(bytes32 unit => bytes32 head) storage heads = s.heads;
        assembly ("memory-safe") {
            mstore(0, unit)
            mstore(32, heads.slot)
            let slot := keccak256(0, 64)
            // keccak256(abi.encodePacked(head, id, uint16(outcome))), in memory that is free
            let free := mload(0x40)
            mstore(free, sload(slot))
            mstore(add(free, 32), id)
            mstore(add(free, 64), shl(240, outcome))
            sstore(slot, keccak256(free, 66))
        }
    }
}
