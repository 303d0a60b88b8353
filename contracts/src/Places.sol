// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Act, ActLib} from "./Act.sol";
import {StoreLib} from "./Store.sol";
import {Store} from "./StoreLayout.sol";
import {CustodyEvent} from "./Types.sol";
import {Kinds, Things} from "./Vocabulary.sol";
import {UnitWord} from "./Words.sol";

/// @title What counts at one place only: roles at a facility, keys limited to one
/// @dev A thing stands at the facility of its state word, what is inside a container where that stands. A
///      declaration line, a lot outside a container and what is carried stand nowhere: there only a role that
///      its holder has everywhere counts, and a key limited to a place may not act.
library Places {
    using ActLib for Act;
    using StoreLib for Store;
    using UnitWord for uint256;

    /// @dev The poster has one of these roles everywhere, or at the place of every unit that the event names. The
    ///      register is asked only where the first is not so.
    function hasRole(Store storage s, Act memory act, CustodyEvent memory e, uint16 roles)
        internal
        view
        returns (bool)
    {
        if (act.has(roles)) return true;
        for (uint256 i = 0; i < e.lines.length; ++i) {
            if (!hasRoleAt(act, s.unitAt(e.lines[i].unit).facility(), roles)) return false;
        }
        return e.lines.length != 0;
    }

    /// @dev The poster has one of these roles everywhere or at this place.
    function hasRoleAt(Act memory act, uint32 facility, uint16 roles) internal view returns (bool) {
        return act.has(roles) || holdsAt(act, act.participant, facility, roles);
    }

    /// @dev A participant has one of these roles at this place.
    function holdsAt(Act memory act, uint32 participant, uint32 facility, uint16 roles)
        internal
        view
        returns (bool)
    {
        return facility != 0 && act.register.facilityRolesOf(participant, facility) & roles != 0;
    }

    /// @dev The event happens at this place: it says so (ARRIVE, ACCEPT and OBSERVE state where), or everything it
    ///      names stands there. What is offered while it is carried may be refused at the gate; what comes out of
    ///      something that stands there, by STRIP or SPLIT, comes into being there.
    function happensAt(Store storage s, CustodyEvent memory e, uint32 facility) internal view returns (bool) {
        if (e.facility != 0 && (e.kind == Kinds.ARRIVE || e.kind == Kinds.ACCEPT || e.kind == Kinds.OBSERVE))
        {
            return e.facility == facility;
        }
        uint256 unmade = Things.NONE + 1;
        uint256 nowhere = 0; // below this a thing may stand nowhere: it is yet to be made, or turned away at the gate
        if (e.kind == Kinds.REFUSE) nowhere = Things.LOT;
        else if (e.kind == Kinds.STRIP || e.kind == Kinds.SPLIT) nowhere = unmade;
        bool here = false;
        for (uint256 i = 0; i < e.lines.length; ++i) {
            uint256 word = s.unitAt(e.lines[i].unit);
            uint32 place = word.facility();
            if (place != facility) {
                if (place != 0 || word.thing() >= nowhere) return false;
                if (nowhere == unmade) continue;
            }
            here = true;
        }
        return here;
    }
}
