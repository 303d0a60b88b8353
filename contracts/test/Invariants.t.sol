// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CustodyEvent, Line} from "../src/Types.sol";
import {Balances, Kinds, LineRoles, Outcomes, UnitStatuses} from "../src/Vocabulary.sol";
import {Base} from "./Base.t.sol";

/// @notice Acts at random on a small world, counting by itself what the ledger must come to.
contract Handler is Base {
    uint256 public constant LOTS = 6;
    uint256 public constant BOXES = 3;

    uint256 public brought; // received, bought, produced
    uint256 public imported; // received under the import line
    uint256 public gone; // consumed, sold, scrapped, exited
    uint256 public custodyChanges; // by anything but a recorded ACCEPT
    uint256 public freedOtherwise; // by anything but a recorded GATE_OUT of what was not held
    uint256 public takenTwice; // events that were taken a second time
    uint256 public recorded;
    bytes32 public lastOffer;
    bytes32 public lastOffered;

    function importLine() public pure returns (bytes32) {
        return "E31";
    }

    function exportLine() public pure returns (bytes32) {
        return "E62";
    }

    function saleLine() public pure returns (bytes32) {
        return "A42";
    }

    function lot(uint256 i) public pure returns (bytes32) {
        return keccak256(abi.encode("lot", i % LOTS));
    }

    function box(uint256 i) public pure returns (bytes32) {
        return keccak256(abi.encode("box", i % BOXES));
    }

    function total(bytes32 id) external view returns (uint256) {
        return _total(id);
    }

    function custodian(bytes32 id) external view returns (uint32) {
        return _custodian(id);
    }

    function exists(bytes32 id) external view returns (bool) {
        return ledger.unitOf(id) != 0;
    }

    function amounts(bytes32 line) external view returns (uint256) {
        return ledger.lineOf(line).amounts;
    }

    function loadedFor(bytes32 id, bytes32 line) external view returns (uint256) {
        return ledger.loadedOf(id, line);
    }

    function setUp() public override {
        super.setUp();
        _declare(importLine(), LineRoles.RECEIVE, 1000, FABRIC, 0);
        _declare(exportLine(), LineRoles.EXPORT, 500, SHIRT, 0);
        _declare(saleLine(), LineRoles.CHANGE_OF_PURPOSE, 100, FABRIC, importLine());
    }

    // ---- acts

    function receiveFactory(uint256 which, uint64 quantity) external {
        quantity = uint64(_bound(quantity, 0, 300));
        Line[] memory lines = _one(_line(lot(which), LineRoles.OUTPUT, Balances.RAW, quantity, FABRIC));
        if (!_act(FACTORY, Kinds.RECEIVE_FACTORY, lines, BOOK, importLine())) return;
        brought += quantity;
        imported += quantity;
    }

    function buy(uint256 which, uint64 quantity) external {
        quantity = uint64(_bound(quantity, 0, 300));
        Line[] memory lines = _one(_line(lot(which), LineRoles.OUTPUT, Balances.RAW, quantity, FABRIC));
        if (_act(FACTORY, Kinds.RECEIVE_DOMESTIC, lines, BOOK, 0)) brought += quantity;
    }

    function issue(uint256 which, uint64 quantity) external {
        _act(FACTORY, Kinds.ISSUE_PROD, _one(_line(lot(which), 0, 0, _some(quantity), 0)), BOOK, 0);
    }

    function giveBack(uint256 which, uint64 quantity) external {
        _act(FACTORY, Kinds.RETURN_PROD, _one(_line(lot(which), 0, 0, _some(quantity), 0)), BOOK, 0);
    }

    function transform(uint256 from, uint256 to, uint64 quantity, uint64 made) external {
        quantity = _some(quantity);
        made = _some(made);
        Line memory input = _line(lot(from), LineRoles.INPUT, Balances.WIP, quantity, 0);
        Line memory output = _line(lot(to), LineRoles.PRODUCT, 0, made, SHIRT);
        if (_act(FACTORY, Kinds.TRANSFORM, _two(input, output), BOOK, 0)) {
            gone += quantity;
            brought += made;
        }
    }

    function split(uint256 from, uint256 to, uint8 balance, uint64 quantity) external {
        Line memory output =
            _line(lot(to), LineRoles.OUTPUT, uint8(_bound(balance, 1, 4)), _some(quantity), 0);
        _act(FACTORY, Kinds.SPLIT, _two(_line(lot(from), LineRoles.INPUT, 0, 0, 0), output), 0, 0);
    }

    function merge(uint256 from, uint256 to) external {
        Line memory input = _line(lot(from), LineRoles.INPUT, 0, 0, 0);
        _act(FACTORY, Kinds.MERGE, _two(input, _line(lot(to), LineRoles.OUTPUT, 0, 0, 0)), 0, 0);
    }

    function load(uint256 which, uint64 quantity) external {
        Line[] memory lines = _one(_line(lot(which), 0, Balances.FINISHED, _some(quantity), 0));
        _act(FACTORY, Kinds.EXPORT_LOAD, lines, 0, exportLine());
    }

    function exit(uint256 which, uint64 quantity) external {
        quantity = _some(quantity);
        Line[] memory lines = _one(_line(lot(which), 0, Balances.LOADED, quantity, 0));
        if (_act(CUSTOMS, Kinds.EXIT_CONFIRM, lines, 0, exportLine())) gone += quantity;
    }

    function sell(uint256 which, uint64 quantity) external {
        quantity = _some(quantity);
        Line[] memory lines = _one(_line(lot(which), 0, Balances.RAW, quantity, 0));
        if (_act(FACTORY, Kinds.SELL_INLAND, lines, BOOK, saleLine())) gone += quantity;
    }

    function arrive(uint256 which) external {
        CustodyEvent memory e = _event(Kinds.ARRIVE, _one(_line(box(which), LineRoles.CONTAINER, 0, 0, 0)));
        e.facility = PORT;
        _watch(CARRIER, e);
    }

    function offer(uint256 which, uint32 by, uint32 to, bool ofLot) external {
        bytes32 unit = ofLot ? lot(which) : box(which);
        CustodyEvent memory e = _event(Kinds.OFFER, _unit(unit));
        e.counterparty = uint32(_bound(to, 1, 6));
        if (_watch(uint32(_bound(by, 1, 5)), e)) (lastOffer, lastOffered) = (lastId, unit);
    }

    function answer(uint32 by, uint8 how) external {
        uint8[3] memory kinds = [Kinds.ACCEPT, Kinds.REFUSE, Kinds.CANCEL];
        CustodyEvent memory e = _event(kinds[how % 3], _unit(lastOffered));
        e.reference_ = lastOffer;
        _watch(uint32(_bound(by, 1, 5)), e);
    }

    function hold(uint256 which, uint32 by, bool set, bool ofLot) external {
        bytes32 unit = ofLot ? lot(which) : box(which);
        _watch(uint32(_bound(by, 1, 5)), _event(set ? Kinds.HOLD : Kinds.UNHOLD, _unit(unit)));
    }

    function eligible(uint256 which, bool set) external {
        _watch(CUSTOMS, _event(set ? Kinds.ELIGIBLE : Kinds.REVOKE, _unit(box(which))));
    }

    function gateOut(uint256 which, uint32 by) external {
        _watch(uint32(_bound(by, 1, 5)), _event(Kinds.GATE_OUT, _unit(box(which))));
    }

    function close(uint256 which, uint32 by) external {
        _watch(uint32(_bound(by, 1, 5)), _event(Kinds.CLOSE, _unit(box(which))));
    }

    function pass(uint256 time) external {
        vm.warp(block.timestamp + _bound(time, 1, 2 days));
    }

    // ---- watching

    function _act(uint32 by, uint8 kind, Line[] memory lines, uint32 book, bytes32 cited)
        private
        returns (bool)
    {
        CustodyEvent memory e = _event(kind, lines);
        e.book = book;
        e.reference_ = cited;
        return _watch(by, e);
    }

    /// @dev Records an event, then the same once more, and compares custody and status before and after.
    function _watch(uint32 by, CustodyEvent memory e) private returns (bool done) {
        bytes32 unit = e.lines[0].unit;
        uint32 keeper = _custodian(unit);
        uint8 status = _status(unit);
        bool held = (ledger.unitOf(unit) >> 8) & 0xffff != 0;
        done = _record(by, e) == Outcomes.RECORDED;
        bytes32 id = lastId;
        if (done) ++recorded;
        if (keeper != 0 && _custodian(unit) != keeper && !(done && e.kind == Kinds.ACCEPT)) ++custodyChanges;
        bool freed = status == UnitStatuses.SUPERVISED && _status(unit) == UnitStatuses.FREE;
        if (freed && (held || !done || e.kind != Kinds.GATE_OUT)) ++freedOtherwise;
        if (_record(by, e) != Outcomes.NONCE_USED) ++takenTwice;
        lastId = id;
    }

    function _some(uint64 quantity) private pure returns (uint64) {
        return uint64(_bound(quantity, 0, 120));
    }
}

/// @notice What must hold after every sequence of acts; the numbers are those of CustodyLedger's header.
contract InvariantsTest {
    Handler private handler;

    error Broken(string what, uint256 found, uint256 expected);

    function setUp() public {
        handler = new Handler();
        handler.setUp();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function excludeSelectors() public view returns (FuzzSelector[] memory excluded) {
        excluded = new FuzzSelector[](1);
        bytes4[] memory selectors = new bytes4[](1);
        selectors[0] = Handler.setUp.selector;
        excluded[0] = FuzzSelector({addr: address(handler), selectors: selectors});
    }

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    /// @dev 1. Every lot and box that exists has one custodian, and it is somebody.
    function invariant_custodian__of_everything__is_somebody() public view {
        for (uint256 i = 0; i < handler.LOTS(); ++i) {
            _checkCustodian(handler.lot(i));
        }
        for (uint256 i = 0; i < handler.BOXES(); ++i) {
            _checkCustodian(handler.box(i));
        }
    }

    /// @dev 2.
    function invariant_custody__changes_by_nothing_but_accept() public view {
        _equal(handler.custodyChanges(), 0, "custody changes");
    }

    /// @dev 3.
    function invariant_supervision__ends_by_nothing_but_gate_out() public view {
        _equal(handler.freedOtherwise(), 0, "freed");
    }

    /// @dev 4. What is there is what came less what went.
    function invariant_quantity__is_conserved() public view {
        uint256 there;
        for (uint256 i = 0; i < handler.LOTS(); ++i) {
            there += handler.total(handler.lot(i));
        }
        _equal(there + handler.gone(), handler.brought(), "quantity");
    }

    /// @dev 5. exited <= drawn <= quantity; what is loaded for the export line is drawn - exited.
    function invariant_line__is_a_quota() public view {
        bytes32[3] memory lines = [handler.importLine(), handler.exportLine(), handler.saleLine()];
        for (uint256 i = 0; i < lines.length; ++i) {
            uint256 amounts = handler.amounts(lines[i]);
            if (uint64(amounts >> 64) > uint64(amounts)) {
                revert Broken("drawn", uint64(amounts >> 64), uint64(amounts));
            }
            if (uint64(amounts >> 128) > uint64(amounts >> 64)) revert Broken("exited", amounts, 0);
        }
        _equal(uint64(handler.amounts(handler.importLine()) >> 64), handler.imported(), "drawn by receipts");
        uint256 export_ = handler.amounts(handler.exportLine());
        uint256 loaded;
        for (uint256 i = 0; i < handler.LOTS(); ++i) {
            loaded += handler.loadedFor(handler.lot(i), handler.exportLine());
        }
        _equal(loaded, uint64(export_ >> 64) - uint64(export_ >> 128), "loaded");
    }

    /// @dev 6.
    function invariant_nonce__is_used_once() public view {
        _equal(handler.takenTwice(), 0, "taken twice");
    }

    function _checkCustodian(bytes32 id) private view {
        uint32 custodian = handler.custodian(id);
        bool somebody = custodian >= 1 && custodian <= 5;
        if (handler.exists(id) != somebody) revert Broken("custodian", custodian, 0);
    }

    function _equal(uint256 found, uint256 expected, string memory what) private pure {
        if (found != expected) revert Broken(what, found, expected);
    }
}
