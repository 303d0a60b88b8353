// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CustodyEvent, Line} from "../src/Types.sol";
import {Balances, Kinds, LineRoles, Outcomes} from "../src/Vocabulary.sol";
import {Base} from "./Base.t.sol";

/// @notice Quantities, fuzzed over the whole of 64 bits.
contract QuantitiesTest is Base {
    bytes32 private constant LOT = "lot";
    bytes32 private constant PART = "part";
    bytes32 private constant IMPORT = "E31";

    function test_receive__never_beyond_the_line(uint64 declared, uint64 first, uint64 second) public {
        if (declared == 0 || first == 0 || second == 0) return;
        _declare(IMPORT, LineRoles.RECEIVE, declared, FABRIC, 0);
        uint256 expected = first > declared ? Outcomes.LINE_EXCEEDED : Outcomes.RECORDED;
        _equal(_receive(LOT, IMPORT, first), expected, "first");
        uint256 left = first > declared ? declared : declared - first;
        _equal(
            _receive(PART, IMPORT, second),
            second > left ? Outcomes.LINE_EXCEEDED : Outcomes.RECORDED,
            "second"
        );
        uint256 drawn = uint64(ledger.lineOf(IMPORT).amounts >> 64);
        _equal(drawn, _total(LOT) + _total(PART), "drawn is what was received");
        if (drawn > declared) revert Failed("drawn", drawn, declared);
    }

    function test_issue_and_return__conserve(uint64 quantity, uint64 issued, uint64 returned) public {
        if (quantity == 0 || issued == 0 || returned == 0) return;
        _buy(LOT, quantity);
        Line[] memory lines = _one(_line(LOT, 0, 0, issued, 0));
        uint256 expected = issued > quantity ? Outcomes.NOT_ENOUGH : Outcomes.RECORDED;
        _equal(_postFor(FACTORY, Kinds.ISSUE_PROD, lines, BOOK, 0), expected, "issue");
        uint256 wip = issued > quantity ? 0 : issued;
        lines = _one(_line(LOT, 0, Balances.WIP, returned, 0));
        expected = returned > wip ? Outcomes.NOT_ENOUGH : Outcomes.RECORDED;
        _equal(_postFor(FACTORY, Kinds.RETURN_PROD, lines, BOOK, 0), expected, "return");
        _equal(_total(LOT), quantity, "total");
    }

    function test_split_then_merge__conserve(uint64 quantity, uint64 part) public {
        if (quantity == 0 || part == 0) return;
        _buy(LOT, quantity);
        Line memory parent = _line(LOT, LineRoles.INPUT, 0, 0, 0);
        uint256 code =
            _post(FACTORY, Kinds.SPLIT, _two(parent, _line(PART, LineRoles.OUTPUT, Balances.RAW, part, 0)));
        _equal(code, part > quantity ? Outcomes.NOT_ENOUGH : Outcomes.RECORDED, "split");
        _equal(_total(LOT) + _total(PART), quantity, "after split");
        if (part > quantity) return;
        code = _post(
            FACTORY,
            Kinds.MERGE,
            _two(_line(PART, LineRoles.INPUT, 0, 0, 0), _line(LOT, LineRoles.OUTPUT, 0, 0, 0))
        );
        _equal(code, Outcomes.RECORDED, "merge");
        _equal(_balance(LOT, Balances.RAW), quantity, "after merge");
        _equal(_total(PART), 0, "input");
    }

    function test_merge__of_two_large_lots__never_wraps(uint64 one, uint64 two) public {
        if (one == 0 || two == 0) return;
        _buy(LOT, one);
        _buy(PART, two);
        uint256 code = _post(
            FACTORY,
            Kinds.MERGE,
            _two(_line(PART, LineRoles.INPUT, 0, 0, 0), _line(LOT, LineRoles.OUTPUT, 0, 0, 0))
        );
        bool fits = uint256(one) + two <= type(uint64).max;
        _equal(code, fits ? Outcomes.RECORDED : Outcomes.QUANTITY_OVERFLOW, "merge");
        _equal(_total(LOT) + _total(PART), uint256(one) + two, "total");
    }

    function test_accept__found_and_short_are_what_was_offered(uint64 quantity, uint64 found) public {
        if (quantity == 0) return;
        _buy(LOT, quantity);
        bytes32 offer = _offer(FACTORY, OTHER, LOT);
        Line[] memory lines = _one(_line(LOT, 0, Balances.RAW, found, 0));
        uint256 expected = found > quantity ? Outcomes.MORE_THAN_OFFERED : Outcomes.RECORDED;
        _equal(_postFor(OTHER, Kinds.ACCEPT, lines, 0, offer), expected, "accept");
        _equal(_total(LOT), quantity, "total");
        if (found > quantity || found == 0) return;
        _equal(_balance(LOT, Balances.SHORT), quantity - found, "short");
    }

    function test_load_and_exit__never_beyond_lot_or_line(
        uint64 made,
        uint64 declared,
        uint64 load,
        uint64 exit
    ) public {
        if (made == 0 || declared == 0 || load == 0 || exit == 0) return;
        _shirts(LOT, made);
        bytes32 line = "E62";
        _declare(line, LineRoles.EXPORT, declared, SHIRT, 0);
        Line[] memory lines = _one(_line(LOT, 0, Balances.FINISHED, load, 0));
        uint256 expected = Outcomes.RECORDED;
        if (load > declared) expected = Outcomes.LINE_EXCEEDED;
        if (load > made) expected = Outcomes.NOT_ENOUGH;
        _equal(_postFor(FACTORY, Kinds.EXPORT_LOAD, lines, 0, line), expected, "load");
        uint64 loaded = expected == Outcomes.RECORDED ? load : 0;
        lines = _one(_line(LOT, 0, Balances.LOADED, exit, 0));
        expected = exit > loaded ? Outcomes.NOT_ENOUGH : Outcomes.RECORDED;
        _equal(_postFor(CUSTOMS, Kinds.EXIT_CONFIRM, lines, 0, line), expected, "exit");
        uint256 amounts = ledger.lineOf(line).amounts;
        _equal(uint64(amounts >> 64), loaded, "drawn");
        _equal(uint64(amounts >> 128), expected == Outcomes.RECORDED ? exit : 0, "exited");
        _equal(ledger.loadedOf(LOT, line), loaded - uint64(amounts >> 128), "loaded");
    }

    /// @dev An opening lot of shirts, approved.
    function _shirts(bytes32 lot, uint64 quantity) private {
        CustodyEvent memory opening =
            _event(Kinds.OPENING, _one(_line(lot, LineRoles.OWN, Balances.FINISHED, quantity, SHIRT)));
        opening.book = BOOK;
        _equal(_record(FACTORY, opening), Outcomes.PENDING, "opening");
        bytes32 id = lastId;
        CustodyEvent memory approve = _event(Kinds.APPROVE, new Line[](0));
        approve.reference_ = id;
        _equal(_recordWith(CUSTOMS, approve, abi.encode(opening)), Outcomes.RECORDED, "approve");
    }
}
