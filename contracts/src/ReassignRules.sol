// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Act, ActLib} from "./Act.sol";
import {InsideRules} from "./InsideRules.sol";
import {StoreLib} from "./Store.sol";
import {Store} from "./StoreLayout.sol";
import {CustodyEvent, Line} from "./Types.sol";
import {LineRoles, Outcomes, Roles, Things, UnitStatuses} from "./Vocabulary.sol";
import {UnitWord} from "./Words.sol";

/// @title Custody, place or status that customs sets right: REASSIGN
library ReassignRules {
    using ActLib for Act;
    using StoreLib for Store;
    using UnitWord for uint256;

    /// @dev REASSIGN. Who: customs; approved by a second signer of customs. Needs: a corrected event; containers,
    ///      cargo or lots, not inside a container; never free under hold, and what is held goes only to customs or to
    ///      the operator of a supervised facility; what is supervised stands in a supervised facility or in none.
    ///      Lots have neither facility nor status.
    function check(Store storage s, Act memory poster, CustodyEvent memory e)
        internal
        view
        returns (uint256)
    {
        if (!poster.has(Roles.CUSTOMS)) return Outcomes.ROLE_MISSING;
        if (!s.isCorrected(e.reference_)) return Outcomes.UNKNOWN_REFERENCE;
        (uint16 roles, bool secures) = poster.rolesOf(e.counterparty);
        if (e.counterparty != 0 && roles == 0) return Outcomes.UNKNOWN_PARTICIPANT;
        if (e.facility != 0) {
            (uint32 operator,) = poster.facilityAt(e.facility);
            if (operator == 0) return Outcomes.UNKNOWN_FACILITY;
        }
        if (e.counterparty == 0 || roles & Roles.CUSTOMS != 0) secures = true;
        for (uint256 i = 0; i < e.lines.length; ++i) {
            Line memory line = e.lines[i];
            uint256 word = s.unitAt(line.unit);
            uint256 fault = s.checkOpen(line.unit, word);
            if (fault != Outcomes.RECORDED) return fault;
            bool placed = e.facility != 0 || line.role != LineRoles.NONE;
            if (word.thing() == Things.LOT && placed) return Outcomes.WRONG_THING;
            if (word.isHeld() && (line.role == LineRoles.FREE || !secures)) return Outcomes.HELD;
            uint8 status = line.role == LineRoles.NONE ? word.status() : _statusOf(line);
            uint32 place = e.facility == 0 ? word.facility() : e.facility;
            if (status == UnitStatuses.SUPERVISED && place != 0) {
                (, bool supervised) = poster.facilityAt(place);
                if (!supervised) return Outcomes.FACILITY_NOT_SUPERVISED;
            }
        }
        return Outcomes.RECORDED;
    }

    /// @dev REASSIGN does, once approved: custodian and facility where named, status where the role says so, contents
    ///      with their container. An open offer ends; a new status starts without eligibility.
    function execute(Store storage s, CustodyEvent memory e) internal {
        for (uint256 i = 0; i < e.lines.length; ++i) {
            Line memory line = e.lines[i];
            uint256 word = s.unitAt(line.unit).withoutOffer();
            if (e.counterparty != 0) word = word.withCustodian(e.counterparty);
            if (e.facility != 0) word = word.withFacility(e.facility);
            if (line.role != LineRoles.NONE) {
                word = InsideRules.released(s, line.unit, word).withStatus(_statusOf(line));
            }
            s.setUnit(line.unit, word);
        }
    }

    function _statusOf(Line memory line) private pure returns (uint8) {
        return line.role == LineRoles.FREE ? UnitStatuses.FREE : UnitStatuses.SUPERVISED;
    }
}
