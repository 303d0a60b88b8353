// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Act, ActLib} from "./Act.sol";
import {EventHash} from "./EventHash.sol";
import {InsideRules} from "./InsideRules.sol";
import {Places} from "./Places.sol";
import {StoreLib} from "./Store.sol";
import {LotRecord, QUANTITY_MAX, Store} from "./StoreLayout.sol";
import {CustodyEvent, Line} from "./Types.sol";
import {
    Balances,
    Kinds,
    LineRoles,
    LineStatuses,
    Outcomes,
    Roles,
    Things,
    UnitStatuses
} from "./Vocabulary.sol";
import {LineWord, LotWord, UnitWord} from "./Words.sol";

/// @title Custody and supervision: ARRIVE, OFFER, ACCEPT, REFUSE, CANCEL, HOLD, UNHOLD, ELIGIBLE, REVOKE,
///        GATE_OUT
/// @dev Each function is one row of the table of kinds: it checks everything, tells the outcome, then writes.
///      Custody changes in accept and, with two signers of customs, in ReassignRules, nowhere else; so does what is
///      supervised become free in gateOut. What is inside a container follows it (InsideRules).
library CustodyRules {
    using ActLib for Act;
    using StoreLib for Store;
    using LineWord for uint256;
    using LotWord for uint256;
    using UnitWord for uint256;

    uint8 private constant HOLD_BIT_MAX = 15;

    /// @dev ARRIVE. Who: a carrier, or the operator of the facility. Needs: new containers or cargo; outside a
    ///      supervised facility only empty containers. Does: custodian is the poster; supervised or free.
    function arrive(Store storage s, Act memory act, CustodyEvent memory e) internal returns (uint256) {
        uint32 facility = e.facility;
        (uint32 operator, bool supervised) = act.facilityAt(facility);
        if (operator == 0) return Outcomes.UNKNOWN_FACILITY;
        if (operator != act.participant && !Places.hasRoleAt(act, facility, Roles.CARRIER)) {
            return Outcomes.NOT_OPERATOR;
        }
        uint256 count = e.lines.length;
        for (uint256 i = 0; i < count; ++i) {
            Line memory line = e.lines[i];
            if (s.exists(line.unit)) return Outcomes.UNIT_EXISTS;
            if (!supervised && line.role != LineRoles.EMPTY_CONTAINER) {
                return Outcomes.FACILITY_NOT_SUPERVISED;
            }
        }
        act.tell(e, Outcomes.RECORDED);
        for (uint256 i = 0; i < count; ++i) {
            Line memory line = e.lines[i];
            uint8 role = line.role;
            uint8 thing = role == LineRoles.CARGO ? Things.CARGO : Things.CONTAINER;
            uint256 word = UnitWord.create(thing, act.participant).withFacility(facility);
            if (role == LineRoles.EMPTY_CONTAINER) word = word.withEmpty();
            word = word.withStatus(supervised ? UnitStatuses.SUPERVISED : UnitStatuses.FREE);
            s.setUnit(line.unit, word);
        }
        return Outcomes.RECORDED;
    }

    /// @dev OFFER. Who: the custodian. Needs: no open offer; what is held goes only to customs or to the operator
    ///      of a supervised facility; a quantity, where given, is the whole lot. Does: opens the offer.
    function offer(Store storage s, Act memory act, CustodyEvent memory e) internal returns (uint256) {
        uint32 offeree = e.counterparty;
        if (offeree == act.participant) return Outcomes.SELF_OFFER;
        (uint16 roles, bool maySecure) = act.rolesOf(offeree);
        if (roles == 0) return Outcomes.UNKNOWN_PARTICIPANT;
        if (roles & Roles.CUSTOMS != 0) maySecure = true;
        uint256 count = e.lines.length;
        uint256 word;
        for (uint256 i = 0; i < count; ++i) {
            Line memory line = e.lines[i];
            word = s.unitAt(line.unit);
            uint256 fault = s.checkOpen(line.unit, word);
            if (fault != Outcomes.RECORDED) return fault;
            if (word.custodian() != act.participant) return Outcomes.NOT_CUSTODIAN;
            if (word.isHeld() && !maySecure && !Places.holdsAt(act, offeree, word.facility(), Roles.CUSTOMS))
            {
                return Outcomes.HELD;
            }
            if (word.offeree() != 0) return Outcomes.UNDER_OFFER;
            if (word.thing() != Things.LOT) continue;
            fault = _checkOfferedLot(s, line);
            if (fault != Outcomes.RECORDED) return fault;
        }
        act.tell(e, Outcomes.RECORDED);
        for (uint256 i = 0; i < count; ++i) {
            bytes32 unit = EventHash.unitOf(e.lines, i);
            if (count != 1) word = s.unitAt(unit); // of one it is known already
            s.setUnit(unit, word.withOffer(act.id, offeree, e.deadline));
        }
        return Outcomes.RECORDED;
    }

    /// @dev ACCEPT. Who: the offeree. Needs: the named offer, open; what is supervised goes into a supervised
    ///      facility or, naming none, is carried under supervision. Does: custody and facility move; what is free
    ///      becomes supervised in a supervised facility; what was found missing of a lot becomes short.
    ///      `counted` says whether a line may have a quantity: the ledger's own code is without what follows from
    ///      one.
    function accept(Store storage s, Act memory act, CustodyEvent memory e, bool counted)
        internal
        returns (uint256)
    {
        uint32 facility = e.facility;
        bool supervised;
        if (facility != 0) {
            uint32 operator;
            (operator, supervised) = act.facilityAt(facility);
            if (operator == 0) return Outcomes.UNKNOWN_FACILITY;
        }
        uint256 count = e.lines.length;
        uint256 word;
        for (uint256 i = 0; i < count; ++i) {
            Line memory line = e.lines[i];
            word = s.storedUnit(line.unit);
            uint256 fault = checkOffer(s, line.unit, word, e.reference_);
            if (fault != Outcomes.RECORDED) return fault;
            if (word.offeree() != act.participant) return Outcomes.NOT_OFFEREE;
            if (word.isTransfer()) return Outcomes.OFFER_MISMATCH; // it is answered into a book
            if (word.isHeld() && !act.supervises && !Places.hasRoleAt(act, word.facility(), Roles.CUSTOMS)) {
                return Outcomes.HELD;
            }
            if (word.status() == UnitStatuses.SUPERVISED && facility != 0 && !supervised) {
                return Outcomes.FACILITY_NOT_SUPERVISED;
            }
            if (!counted || word.thing() != Things.LOT || line.quantity == 0) continue;
            fault = _checkFound(s, line);
            if (fault != Outcomes.RECORDED) return fault;
        }
        act.tell(e, Outcomes.RECORDED);
        for (uint256 i = 0; i < count; ++i) {
            Line memory line = e.lines[i];
            if (count != 1) word = s.storedUnit(line.unit); // of one it is known already
            word = word.withoutOffer().withCustodian(act.participant);
            if (word.thing() == Things.LOT) {
                s.setUnit(line.unit, word);
                if (counted && line.quantity != 0) _moveToShort(s, line);
                continue;
            }
            word = word.withFacility(facility);
            if (word.status() == UnitStatuses.FREE && supervised) {
                word = word.withStatus(UnitStatuses.SUPERVISED).withEligible(false);
            }
            s.setUnit(line.unit, word);
        }
        return Outcomes.RECORDED;
    }

    /// @dev REFUSE; CANCEL of offers. Who: REFUSE the offeree; CANCEL the offeror, who is the custodian still, of a
    ///      TRANSFER the owner.
    ///      Needs: the named offer, open. Does: closes it; custody stays.
    function closeOffer(Store storage s, Act memory act, CustodyEvent memory e) internal returns (uint256) {
        bool byOfferee = e.kind == Kinds.REFUSE;
        for (uint256 i = 0; i < e.lines.length; ++i) {
            uint256 word = s.storedUnit(e.lines[i].unit);
            uint256 fault = checkOffer(s, e.lines[i].unit, word, e.reference_);
            if (fault != Outcomes.RECORDED) return fault;
            if (byOfferee && word.offeree() != act.participant) return Outcomes.NOT_OFFEREE;
            if (!byOfferee && word.isTransfer()) {
                if (act.ownerOf(s.lotAt(e.lines[i].unit).more.book()) != act.participant) {
                    return Outcomes.NOT_OWNER;
                }
            } else if (!byOfferee && word.custodian() != act.participant) {
                return Outcomes.NOT_CUSTODIAN;
            }
        }
        act.tell(e, Outcomes.RECORDED);
        for (uint256 i = 0; i < e.lines.length; ++i) {
            bytes32 unit = e.lines[i].unit;
            s.setUnit(unit, s.storedUnit(unit).withoutOffer());
        }
        return Outcomes.RECORDED;
    }

    /// @dev HOLD, UNHOLD. Who: customs or an agency, each with its own bit. Needs: UNHOLD: the bit is set. Does:
    ///      sets or clears the bit on containers, cargo, lots and lines.
    function hold(Store storage s, Act memory act, CustodyEvent memory e) internal returns (uint256) {
        bool set = e.kind == Kinds.HOLD;
        if (!Places.hasRole(s, act, e, Roles.CUSTOMS | Roles.AGENCY)) return Outcomes.ROLE_MISSING;
        if (act.holdBit > HOLD_BIT_MAX) return Outcomes.NO_HOLD_AUTHORITY;
        uint16 bit = uint16(1) << act.holdBit;
        uint256 count = e.lines.length;
        uint256 word;
        for (uint256 i = 0; i < count; ++i) {
            bytes32 unit = EventHash.unitOf(e.lines, i);
            word = s.unitAt(unit);
            (uint256 fault, uint16 holds) = _holdsOn(s, unit, word);
            if (fault != Outcomes.RECORDED) return fault;
            if (!set && holds & bit == 0) return Outcomes.NOT_HELD;
        }
        act.tell(e, Outcomes.RECORDED);
        for (uint256 i = 0; i < count; ++i) {
            bytes32 unit = EventHash.unitOf(e.lines, i);
            if (count != 1) word = s.unitAt(unit); // of one it is known already
            if (word != 0) {
                uint16 holds = word.holds();
                InsideRules.setHolds(s, unit, word, set ? holds | bit : holds & ~bit);
            } else {
                uint256 state = s.lineAt(unit).state;
                uint16 holds = state.lineHolds();
                s.setLineState(unit, state.withLineHolds(set ? holds | bit : holds & ~bit));
            }
        }
        return Outcomes.RECORDED;
    }

    /// @dev ELIGIBLE, REVOKE. Who: customs. Needs: supervised; ELIGIBLE also: not held. Does: sets or clears
    ///      eligible.
    function eligible(Store storage s, Act memory act, CustodyEvent memory e) internal returns (uint256) {
        bool set = e.kind == Kinds.ELIGIBLE;
        if (!Places.hasRole(s, act, e, Roles.CUSTOMS)) return Outcomes.ROLE_MISSING;
        uint256 count = e.lines.length;
        uint256 word;
        for (uint256 i = 0; i < count; ++i) {
            bytes32 unit = EventHash.unitOf(e.lines, i);
            word = s.unitAt(unit);
            uint256 fault = s.checkThere(unit, word); // inside a container too
            if (fault != Outcomes.RECORDED) return fault;
            if (word.thing() == Things.LOT) return Outcomes.WRONG_THING;
            if (set && word.isHeld()) return Outcomes.HELD;
            if (word.status() != UnitStatuses.SUPERVISED) return Outcomes.NOT_SUPERVISED;
        }
        act.tell(e, Outcomes.RECORDED);
        for (uint256 i = 0; i < count; ++i) {
            bytes32 unit = EventHash.unitOf(e.lines, i);
            if (count != 1) word = s.unitAt(unit); // of one it is known already
            InsideRules.setEligible(s, unit, word, set);
        }
        return Outcomes.RECORDED;
    }

    /// @dev GATE_OUT. Who: the operator, or the custodian. Needs: supervised, not held, eligible with everything
    ///      inside. Does: free for good; eligible is used up.
    function gateOut(Store storage s, Act memory act, CustodyEvent memory e) internal returns (uint256) {
        uint256 count = e.lines.length;
        uint256 word;
        for (uint256 i = 0; i < count; ++i) {
            bytes32 unit = EventHash.unitOf(e.lines, i);
            word = s.unitAt(unit);
            uint256 fault = s.checkOpenCargo(unit, word);
            if (fault != Outcomes.RECORDED) return fault;
            if (word.custodian() != act.participant && !act.operates(word)) return Outcomes.NOT_CUSTODIAN;
            fault = StoreLib.checkUnhindered(word);
            if (fault != Outcomes.RECORDED) return fault;
            if (word.status() != UnitStatuses.SUPERVISED) return Outcomes.NOT_SUPERVISED;
            if (!word.isEligible() || word.insideNotEligible() != 0) return Outcomes.NOT_ELIGIBLE;
        }
        act.tell(e, Outcomes.RECORDED);
        for (uint256 i = 0; i < count; ++i) {
            bytes32 unit = EventHash.unitOf(e.lines, i);
            if (count != 1) word = s.unitAt(unit); // of one it is known already
            s.setUnit(unit, InsideRules.released(s, unit, word));
        }
        return Outcomes.RECORDED;
    }

    // ---- parts of the rows above ------------------------------------------------------------------------------

    /// @dev The stored word is under exactly this offer, and the offer has not expired.
    function checkOffer(Store storage s, bytes32 unit, uint256 word, bytes32 offerId)
        internal
        view
        returns (uint256)
    {
        uint256 fault = s.checkOpen(unit, word);
        if (fault != Outcomes.RECORDED) return fault;
        if (word.offeree() == 0) return Outcomes.NO_OPEN_OFFER;
        if (!word.isOffer(offerId)) return Outcomes.OFFER_MISMATCH;
        return word.offerExpired() ? Outcomes.OFFER_EXPIRED : Outcomes.RECORDED;
    }

    /// @dev A lot is offered whole: with no quantity, or with the whole of its one balance.
    function _checkOfferedLot(Store storage s, Line memory line) private view returns (uint256) {
        LotRecord memory lot = s.lotAt(line.unit);
        if (lot.balances.isEmpty(lot.more)) return Outcomes.EMPTY_LOT;
        if (line.quantity == 0) return Outcomes.RECORDED;
        if (!_isSingle(lot, line.balance)) return Outcomes.WRONG_BALANCE;
        uint64 amount = lot.balances.amount(line.balance);
        if (line.quantity > amount) return Outcomes.NOT_ENOUGH;
        return line.quantity < amount ? Outcomes.NOT_CONSERVED : Outcomes.RECORDED;
    }

    /// @dev What was found of a lot: of its one balance, not more than there is.
    function _checkFound(Store storage s, Line memory line) private view returns (uint256) {
        LotRecord memory lot = s.lotAt(line.unit);
        if (!_isSingle(lot, line.balance)) return Outcomes.WRONG_BALANCE;
        uint64 amount = lot.balances.amount(line.balance);
        if (line.quantity > amount) return Outcomes.MORE_THAN_OFFERED;
        uint256 short = uint256(lot.more.short_()) + amount - line.quantity;
        return short > QUANTITY_MAX ? Outcomes.QUANTITY_OVERFLOW : Outcomes.RECORDED;
    }

    /// @dev The lot has this one balance and no other; what is short is not there, so it does not count.
    function _isSingle(LotRecord memory lot, uint8 balance) private pure returns (bool) {
        return balance != Balances.NONE && lot.balances.single() == balance && lot.more.loaded() == 0;
    }

    function _moveToShort(Store storage s, Line memory line) private {
        LotRecord memory lot = s.lotAt(line.unit);
        uint64 missing = lot.balances.amount(line.balance) - line.quantity;
        if (missing == 0) return;
        uint256 balances = lot.balances.withAmount(line.balance, line.quantity);
        s.setLot(line.unit, balances, lot.more.withShort(lot.more.short_() + missing));
    }

    /// @dev Holds on a unit or line that a hold may be set on.
    function _holdsOn(Store storage s, bytes32 id, uint256 word)
        private
        view
        returns (uint256 fault, uint16 holds)
    {
        if (word == 0) {
            uint256 state = s.lineAt(id).state;
            if (state == 0) return (Outcomes.UNKNOWN_UNIT, 0);
            if (state.lineStatus() == LineStatuses.CANCELLED) return (Outcomes.TERMINAL_UNIT, 0);
            return (Outcomes.RECORDED, state.lineHolds());
        }
        if (word.isClosed()) return (Outcomes.TERMINAL_UNIT, 0);
        if (word.thing() == Things.LOT) {
            LotRecord memory lot = s.lotAt(id);
            if (lot.balances.isEmpty(lot.more)) return (Outcomes.EMPTY_LOT, 0);
        }
        return (Outcomes.RECORDED, word.holds());
    }
}
