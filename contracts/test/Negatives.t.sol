// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CustodyEvent, Line} from "../src/Types.sol";
import {Balances, Kinds, LineRoles, Outcomes, UnitStatuses} from "../src/Vocabulary.sol";
import {Base} from "./Base.t.sol";

/// @notice Faults of earlier systems of this sort, tried here, and what quantities may come to in the later kinds.
contract NegativesTest is Base {
    bytes32 private constant BOX = "box";
    bytes32 private constant BALE = "bale";
    bytes32 private constant LOT = "lot";
    bytes32 private constant PART = "part";

    /// @dev "Destroy a batch twice": the second finds nothing.
    function test_destroy__twice__destroys_once(uint64 quantity, uint64 first, uint64 second) public {
        if (quantity == 0 || first == 0 || second == 0) return;
        _buy(LOT, quantity);
        uint64 left = quantity;
        uint64[2] memory parts = [first, second];
        for (uint256 i = 0; i < 2; ++i) {
            uint256 expected = parts[i] > left ? Outcomes.NOT_ENOUGH : Outcomes.RECORDED;
            if (left == 0) expected = Outcomes.EMPTY_LOT;
            Line[] memory lines = _one(_line(LOT, 0, Balances.RAW, parts[i], 0));
            _equal(_postFor(FACTORY, Kinds.DESTROY, lines, BOOK, 0), expected, "destroy");
            if (expected == Outcomes.RECORDED) left -= parts[i];
        }
        _equal(_total(LOT), left, "left");
    }

    /// @dev "Burn the material of another", "batch from units not owned": by nobody but the owner.
    function test_goods__of_another__are_neither_destroyed_nor_used(uint32 by) public {
        by = uint32(_bound(by, 1, 5));
        if (by == FACTORY) return;
        _buy(LOT, 9);
        Line[] memory lines = _one(_line(LOT, 0, Balances.RAW, 1, 0));
        uint256 expected = by == OTHER ? Outcomes.NOT_OWNER : Outcomes.ROLE_MISSING;
        _equal(_postFor(by, Kinds.DESTROY, lines, BOOK, 0), expected, "destroy");
        _equal(_postFor(by, Kinds.ISSUE_PROD, lines, BOOK, 0), expected, "issue");
        lines = _one(_line(PART, LineRoles.OUTPUT, Balances.RAW, 1, FABRIC));
        _equal(_postFor(by, Kinds.RECEIVE_DOMESTIC, lines, BOOK, 0), expected, "create");
        _equal(_total(LOT), 9, "total");
    }

    /// @dev `tx.origin`: who sends a batch has no rights over its content, and who signs need not send.
    function test_record__sent_by_a_participant__acts_for_the_signer_only() public {
        CustodyEvent memory e = _event(Kinds.ARRIVE, _one(_line(BOX, LineRoles.CONTAINER, 0, 0, 0)));
        e.facility = PORT;
        _equal(_record(CARRIER, e), Outcomes.RECORDED, "arrive");
        _equal(_custodian(BOX), CARRIER, "custodian");
    }

    /// @dev "Anyone may terminate".
    function test_close__by_a_stranger__is_refused(uint32 by) public {
        by = uint32(_bound(by, 2, 5));
        _arrive(BOX, LineRoles.CONTAINER);
        _equal(_post(CUSTOMS, Kinds.ELIGIBLE, _unit(BOX)), Outcomes.RECORDED, "eligible");
        _equal(_post(CARRIER, Kinds.GATE_OUT, _unit(BOX)), Outcomes.RECORDED, "gate out");
        _equal(_post(by, Kinds.CLOSE, _unit(BOX)), Outcomes.NOT_CUSTODIAN, "close");
        _equal(_status(BOX), UnitStatuses.FREE, "status");
    }

    function test_stuffed__goes_with_its_container_and_no_other_way() public {
        _stuffedBale();
        _equal(_post(CUSTOMS, Kinds.ELIGIBLE, _unit(BOX)), Outcomes.RECORDED, "eligible");
        _equal(_post(CARRIER, Kinds.GATE_OUT, _unit(BOX)), Outcomes.NOT_ELIGIBLE, "the bale is not");
        _equal(_post(CUSTOMS, Kinds.ELIGIBLE, _unit(BALE)), Outcomes.RECORDED, "eligible");
        _equal(_post(CARRIER, Kinds.GATE_OUT, _unit(BALE)), Outcomes.INSIDE_CONTAINER, "by itself");
        _equal(_post(AGENCY, Kinds.HOLD, _unit(BALE)), Outcomes.RECORDED, "hold");
        _equal(_post(CARRIER, Kinds.GATE_OUT, _unit(BOX)), Outcomes.HELD, "inside held");
        _equal(_post(AGENCY, Kinds.UNHOLD, _unit(BALE)), Outcomes.RECORDED, "unhold");
        _equal(_post(CARRIER, Kinds.GATE_OUT, _unit(BOX)), Outcomes.RECORDED, "gate out");
        _equal(_custodian(BALE), 0, "nothing of its own");
        Line memory container = _line(BOX, LineRoles.CONTAINER, 0, 0, 0);
        Line[] memory lines = _two(container, _line(BALE, LineRoles.INPUT, 0, 0, 0));
        _equal(_post(CARRIER, Kinds.STRIP, lines), Outcomes.RECORDED, "strip");
        _equal(_status(BALE), UnitStatuses.FREE, "status");
        _equal(_custodian(BALE), CARRIER, "custodian");
    }

    function test_unload__never_more_than_loaded(uint64 made, uint64 load, uint64 back) public {
        if (made == 0 || load == 0 || back == 0) return;
        _buy(LOT, made);
        _declare("B13", LineRoles.RE_EXPORT, type(uint64).max, FABRIC, 0);
        Line[] memory lines = _one(_line(LOT, 0, Balances.RAW, load, 0));
        bool can = load <= made;
        uint256 code = _postFor(FACTORY, Kinds.REEXPORT, lines, 0, "B13");
        _equal(code, can ? Outcomes.RECORDED : Outcomes.NOT_ENOUGH, "load");
        uint64 loaded = can ? load : 0;
        lines = _one(_line(LOT, 0, Balances.LOADED, back, 0));
        code = _postFor(FACTORY, Kinds.UNLOAD, lines, 0, "B13");
        _equal(code, back > loaded ? Outcomes.NOT_ENOUGH : Outcomes.RECORDED, "unload");
        if (back <= loaded) loaded -= back;
        _equal(_balance(LOT, Balances.LOADED), loaded, "loaded");
        _equal(_total(LOT), made, "total");
        _equal(uint64(ledger.lineOf("B13").amounts >> 64), loaded, "drawn");
    }

    /// @dev The norm's arithmetic against a plain one: recorded in a strict book if and only if within it.
    function test_norm__strict_book__takes_what_it_allows_and_no_more(
        uint64 coefficient,
        uint32 base,
        uint32 tolerance,
        uint32 made,
        uint64 used
    ) public {
        if (coefficient == 0 || base == 0 || made == 0 || used == 0) return;
        tolerance = uint32(_bound(tolerance, 0, 1e6));
        Line memory product = _line(SHIRT, LineRoles.PRODUCT, 0, base, 0);
        CustodyEvent memory e =
            _event(Kinds.DECLARE, _two(product, _line(FABRIC, LineRoles.INPUT, 0, coefficient, 0)));
        e.step = 17;
        e.book = BOOK;
        e.reference_ = bytes32(tolerance | uint256(type(uint64).max) << 96);
        _equal(_record(FACTORY, e), Outcomes.RECORDED, "norm");
        bytes32 version = lastId;
        participants.setBook(BOOK, FACTORY, 31, 1);
        _buy(LOT, used);
        Line[] memory lines = _one(_line(LOT, 0, Balances.RAW, used, 0));
        _equal(_postFor(FACTORY, Kinds.ISSUE_PROD, lines, BOOK, 0), Outcomes.RECORDED, "issue");
        lines = _two(
            _line(LOT, LineRoles.INPUT, Balances.WIP, used, 0),
            _line(PART, LineRoles.PRODUCT, 0, made, SHIRT)
        );
        uint256 code = _postFor(FACTORY, Kinds.TRANSFORM, lines, BOOK, version);
        bool within = uint256(used) * base * 1e6 <= uint256(coefficient) * made * (1e6 + tolerance);
        _equal(code, within ? Outcomes.RECORDED : Outcomes.NORM_EXCEEDED, "transform");
    }

    function _stuffedBale() private {
        _arrive(BOX, LineRoles.EMPTY_CONTAINER);
        _arrive(BALE, LineRoles.CARGO);
        Line memory container = _line(BOX, LineRoles.CONTAINER, 0, 0, 0);
        Line[] memory lines = _two(container, _line(BALE, LineRoles.INPUT, 0, 0, 0));
        _equal(_post(CARRIER, Kinds.STUFF, lines), Outcomes.RECORDED, "stuff");
    }
}
