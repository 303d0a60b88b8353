// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EventHash} from "../src/EventHash.sol";
import {Format} from "../src/Format.sol";
import {CustodyEvent, Line} from "../src/Types.sol";
import {Balances, Kinds, LineRoles, Outcomes, Steps} from "../src/Vocabulary.sol";
import {Base} from "./Base.t.sol";

/// @notice The quick look at an event's form and the thorough one agree.
contract FormTest is Base {
    uint8 private constant LINES_MOST = 3;

    /// @notice What both say of an event laid out as the ledger does.
    function look(CustodyEvent calldata given) external pure returns (bool right, uint256 fault) {
        (uint256 place,) = EventHash.load(given);
        CustodyEvent memory e;
        assembly ("memory-safe") {
            e := place
        }
        uint256[] memory table = Format.rules();
        if (!Format.isList(e.lines)) return (false, Outcomes.LINES_NOT_ASCENDING);
        return (Format.isRight(e, table), Format.fault(e, true, table));
    }

    function test_form_of_one_line__unit_only__same_answer() public view {
        _everyKindRoleAndBalance(0, 0);
    }

    function test_form_of_one_line__with_quantity__same_answer() public view {
        _everyKindRoleAndBalance(1, 0);
    }

    function test_form_of_one_line__with_material__same_answer() public view {
        _everyKindRoleAndBalance(0, "fabric");
    }

    function test_form_of_one_line__with_both__same_answer() public view {
        _everyKindRoleAndBalance(1, "fabric");
    }

    function test_form_of_any_event__same_answer(uint256 seed) public view {
        for (uint256 round = 0; round < 8; ++round) {
            seed = uint256(keccak256(abi.encode(seed)));
            CustodyEvent memory e;
            e.kind = uint8((seed >> 20) % (uint256(Kinds.CLOSE) + 2));
            if (seed & 7 == 0) e.step = Steps.NORM;
            if ((seed >> 3) & 7 == 0) e.counterparty = CARRIER;
            if ((seed >> 6) & 7 == 0) e.facility = PORT;
            if ((seed >> 9) & 1 == 0) e.book = BOOK;
            if ((seed >> 10) & 1 == 0) e.reference_ = "line";
            e.lines = new Line[]((seed >> 11) % (LINES_MOST + 1));
            for (uint256 i = 0; i < e.lines.length; ++i) {
                uint256 part = seed >> (32 + 64 * i);
                e.lines[i] = _line(
                    bytes32(i + ((seed >> 16) & 1)), // the first may be none
                    part & 1 == 0 ? _roleOften(part >> 1) : uint8(part >> 8) % (LineRoles.FREE + 8),
                    part & 2 == 0 ? uint8((part >> 4) & 1) : uint8(part >> 16) % (Balances.LOADED + 3),
                    uint64(part >> 24) & 1,
                    bytes32((part >> 25) & 1)
                );
            }
            _agree(e);
        }
    }

    function _everyKindRoleAndBalance(uint64 quantity, bytes32 material) private view {
        CustodyEvent memory e;
        e.lines = new Line[](1);
        e.lines[0] = _line("unit", 0, 0, quantity, material);
        uint256 free;
        assembly {
            free := mload(0x40)
        }
        for (uint8 kind = 0; kind <= Kinds.CLOSE + 1; ++kind) {
            e.kind = kind;
            for (uint8 role = 0; role <= LineRoles.FREE + 8; ++role) {
                e.lines[0].role = role;
                for (uint8 balance = 0; balance <= Balances.LOADED + 2; ++balance) {
                    e.lines[0].balance = balance;
                    _agree(e);
                    assembly {
                        mstore(0x40, free) // memory is paid for by its square
                    }
                }
            }
        }
    }

    /// @dev Roles that many kinds want.
    function _roleOften(uint256 which) private pure returns (uint8) {
        which &= 3;
        if (which == 0) return LineRoles.NONE;
        if (which == 1) return LineRoles.CONTAINER;
        return which == 2 ? LineRoles.INPUT : LineRoles.OUTPUT;
    }

    /// @dev What is right has no fault. What has none is right, but for what the quick look leaves to the thorough one.
    function _agree(CustodyEvent memory e) private view {
        (bool right, uint256 fault) = this.look(e);
        if (right && fault != Outcomes.RECORDED) revert Failed("right in spite of", e.kind, fault);
        bool left = e.kind == Kinds.DECLARE || (e.kind == Kinds.ACCEPT && e.book != 0);
        for (uint256 i = 0; i < e.lines.length; ++i) {
            left = left || e.lines[i].unit == 0 || e.lines[i].role > LineRoles.FREE
                || e.lines[i].balance > Balances.LOADED;
        }
        if (!right && fault == Outcomes.RECORDED && !left) revert Failed("not right", e.kind, e.lines.length);
    }
}
