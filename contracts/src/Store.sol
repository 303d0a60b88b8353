// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Act} from "./Act.sol";
import {DeclaredLine, ICustodyLedger, Norm, Pending} from "./ICustodyLedger.sol";
import {CustodyEvent, Line} from "./Types.sol";
import {Kinds, LineStatuses, Outcomes, Things} from "./Vocabulary.sol";
import {LineWord, LotWord, StoredLot, UnitWord} from "./Words.sol";

/// @dev What a lot holds and is (LotWord), as StoreLib.lotAt reads it.
struct LotRecord {
    uint256 balances;
    uint256 more;
}

/// @dev What storage has of a lot beside its state word (StoredLot). `more`: short and loaded, once there was any.
struct Stock {
    uint256 balances;
    uint256 more;
}

/// @dev Where a thing that is inside a container is. `eligibleIn`: the container's round in which this cargo was
///      declared eligible, plus 1; 0 if it was not. A container's release uses up the eligibility of all inside.
struct Inside {
    bytes32 container;
    uint32 eligibleIn;
}

/// @dev What a container's word has no room for: how often it was released, how many cargo are inside.
struct Contents {
    uint32 round;
    uint16 cargo;
}

/// @dev Everything that the ledger keeps.
struct Store {
    mapping(bytes32 unit => uint256 word) units;
    mapping(bytes32 lot => Stock) lots;
    mapping(bytes32 line => DeclaredLine) lines;
    mapping(bytes32 lot => mapping(bytes32 line => uint64 quantity)) loaded;
    mapping(bytes32 unit => bytes32 head) heads;
    mapping(bytes32 eventId => Pending) pending;
    mapping(address signer => mapping(uint64 word => uint256 bits)) nonces;
    mapping(bytes32 unit => Inside) inside;
    mapping(bytes32 container => Contents) contents;
    mapping(bytes32 eventId => uint256 what) evidence;
    mapping(bytes32 key => bool) adjusted;
    mapping(bytes32 version => Norm) norms;
    mapping(bytes32 version => mapping(bytes32 material => uint64 quantity)) coefficients;
    // Materials and source lines of lots by number, so that a lot's word has room for them. None is ever taken out.
    mapping(bytes32 id => uint256 number) numbers;
    mapping(uint256 number => bytes32 id) ids;
    uint256 numbered;
}

uint256 constant QUANTITY_MAX = type(uint64).max;
uint256 constant CORRECTED = 1 << 32; // in Store.evidence, above the book of a COUNT

/// @title Reading and writing what the ledger keeps, and the checks that several kinds share
/// @dev Every writing function emits what it wrote, at once. A check returns the first fault, or RECORDED (0).
library StoreLib {
    using LineWord for uint256;
    using LotWord for uint256;
    using StoredLot for uint256;
    using UnitWord for uint256;
    using StoreLib for Store;

    /// @dev head' = keccak256(head, event id, outcome) of each unit that the event names, and of the line in
    ///      `reference`; each once. Unit zero is no unit.
    function foldHeads(Store storage s, bytes32 id, CustodyEvent memory e, uint256 outcome) internal {
        Line[] memory lines = e.lines;
        bytes32 cited = e.reference_;
        bool named = cited == 0;
        for (uint256 i = 0; i < lines.length; ++i) {
            bytes32 unit = lines[i].unit;
            if (unit != 0) _foldHead(s, unit, id, outcome);
            if (unit == cited) named = true;
        }
        if (!named && s.lines[cited].state != 0) _foldHead(s, cited, id, outcome);
    }

    /// @dev Burns a nonce; false if it was used before.
    function useNonce(Store storage s, address signer, uint64 nonce) internal returns (bool) {
        mapping(uint64 word => uint256 bits) storage words = s.nonces[signer];
        uint256 bits = words[nonce >> 8];
        uint256 bit = 1 << (nonce & 0xff);
        if (bits & bit != 0) return false;
        words[nonce >> 8] = bits | bit;
        return true;
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
        s.units[lot] = stored;
        s.lots[lot].balances = balances;
        word = stored.plain();
        emit ICustodyLedger.LotCreated(lot, material, sourceLine, book, origin);
        emit ICustodyLedger.UnitChanged(lot, word);
        emit ICustodyLedger.LotChanged(lot, word, balances, 0);
    }

    function setLot(Store storage s, bytes32 lot, uint256 balances, uint256 more) internal {
        Stock storage kept = s.lots[lot];
        uint256 stored = s.units[lot];
        more = more.logged();
        if (kept.balances != balances) kept.balances = balances;
        if (stored.hasMore()) {
            if (kept.more != more) kept.more = more;
        } else if (more != 0) {
            kept.more = more;
            s.units[lot] = stored.withMore();
        }
        emit ICustodyLedger.LotChanged(lot, stored.plain(), balances, more);
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

    function setLoaded(Store storage s, bytes32 lot, bytes32 line, uint64 quantity) internal {
        s.loaded[lot][line] = quantity;
        emit ICustodyLedger.LoadedChanged(lot, line, quantity);
    }

    function setDeclared(Store storage s, bytes32 line, DeclaredLine memory declared) internal {
        s.lines[line] = declared;
        emit ICustodyLedger.LineDeclared(line, declared.material, declared.original, declared.version);
        emit ICustodyLedger.LineChanged(line, declared.state, declared.amounts);
    }

    function setLineState(Store storage s, bytes32 line, uint256 state) internal {
        s.lines[line].state = state;
        emit ICustodyLedger.LineChanged(line, state, s.lines[line].amounts);
    }

    function setLineAmounts(Store storage s, bytes32 line, uint256 amounts) internal {
        s.lines[line].amounts = amounts;
        emit ICustodyLedger.LineChanged(line, s.lines[line].state, amounts);
    }

    /// @dev A recorded CORRECT corrects this event.
    function isCorrected(Store storage s, bytes32 id) internal view returns (bool) {
        return s.evidence[id] & CORRECTED != 0;
    }

    /// @dev The book of the COUNT recorded under this id; 0 if none was.
    function countedBook(Store storage s, bytes32 id) internal view returns (uint32) {
        return uint32(s.evidence[id]);
    }

    function nonceUsed(Store storage s, address signer, uint64 nonce) internal view returns (bool) {
        return (s.nonces[signer][nonce >> 8] >> (nonce & 0xff)) & 1 != 0;
    }

    function pendingAt(Store storage s, bytes32 id) internal view returns (Pending memory) {
        return s.pending[id];
    }

    /// @dev The state word as it counts now: an offer that expired counts as none; what is inside a container has
    ///      that container's custodian, facility, status and holds, and is eligible only if it was declared so since
    ///      the container was last released. One step, since containers do not nest.
    function unitAt(Store storage s, bytes32 unit) internal view returns (uint256 word) {
        word = s.units[unit].plain();
        if (word.isInside()) {
            Inside memory place = s.inside[unit];
            if (word.isEligible() && place.eligibleIn != s.contents[place.container].round + 1) {
                word = word.withEligible(false);
            }
            return word.seenIn(s.units[place.container]);
        }
        if (word.offeree() != 0 && word.offerExpired()) word = word.withoutOffer();
    }

    /// @dev The state word as stored, with an offer that may have expired.
    function storedUnit(Store storage s, bytes32 unit) internal view returns (uint256) {
        return s.units[unit].plain();
    }

    function lotAt(Store storage s, bytes32 lot) internal view returns (LotRecord memory) {
        uint256 stored = s.units[lot];
        uint256 more = stored.hasMore() ? s.lots[lot].more : 0;
        return LotRecord({balances: s.lots[lot].balances, more: stored.is_() | more});
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
        return s.loaded[lot][line];
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
    ///      under hold), not under offer and not empty; inside a container only for loading and exit.
    function checkBookLot(Store storage s, bytes32 unit, CustodyEvent memory e)
        internal
        view
        returns (uint256)
    {
        uint256 word = s.unitAt(unit);
        bool insideToo = e.kind == Kinds.EXPORT_LOAD || e.kind == Kinds.UNLOAD || e.kind == Kinds.EXIT_CONFIRM;
        uint256 fault = insideToo ? s.checkThere(unit, word) : s.checkOpen(unit, word);
        if (fault != Outcomes.RECORDED) return fault;
        if (word.thing() != Things.LOT) return Outcomes.WRONG_THING;
        LotRecord memory lot = s.lotAt(unit);
        if (e.book != 0 && lot.more.book() != e.book) return Outcomes.WRONG_BOOK;
        bool heldToo = e.kind == Kinds.RETURN_PROD || e.kind == Kinds.UNLOAD;
        if (word.isHeld() && !heldToo) return Outcomes.HELD;
        if (word.offeree() != 0) return Outcomes.UNDER_OFFER;
        return lot.balances.isEmpty(lot.more) ? Outcomes.EMPTY_LOT : Outcomes.RECORDED;
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

    /// @dev Number of a material or line, given at its first lot. A number for each would have to be paid for 2^29
    ///      times, at 44,000 gas each, before one did not fit.
    function _numberOf(Store storage s, bytes32 id) private returns (uint256 number) {
        number = s.numbers[id];
        if (number != 0) return number;
        number = ++s.numbered;
        s.numbers[id] = number;
        s.ids[number] = id;
    }

    function _foldHead(Store storage s, bytes32 unit, bytes32 id, uint256 outcome) private {
        bytes32 head = s.heads[unit];
        assembly ("memory-safe") {
            // keccak256(abi.encodePacked(head, id, uint16(outcome))), in memory that is free
            let free := mload(0x40)
            mstore(free, head)
            mstore(add(free, 32), id)
            mstore(add(free, 64), shl(240, outcome))
            head := keccak256(free, 66)
        }
        s.heads[unit] = head;
    }
}
