// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CustodyEvent, Line} from "../src/Types.sol";
import {Balances, Kinds, LineRoles, Outcomes, UnitStatuses} from "../src/Vocabulary.sol";
import {Base} from "./Base.t.sol";

/// @notice Acts at random on a small world, counting by itself what the ledger must come to.
contract Handler is Base {
    uint256 public constant LOTS = 6;
    uint256 public constant BOXES = 4;
    uint32 private constant SECOND = 14; // a second key of customs
    uint32 private constant LATE = 15; // a key of customs whose time is over
    bytes32 private constant WOOL = "wool"; // fabric, as the other enterprise calls it

    uint256 public brought; // received, bought, produced
    uint256 public imported; // received under the import line
    uint256 public gone; // consumed, sold, scrapped, exited
    uint256 public custodyChanges; // by anything but a recorded ACCEPT, or a REASSIGN that was approved
    uint256 public freedOtherwise; // by anything but GATE_OUT, or such a REASSIGN, of what was not held
    uint256 public takenTwice; // events that were taken a second time
    uint256 public wrongHeads; // heads that are not the fold of what named them
    uint256 public actsOfOthers; // recorded acts of a suspended participant, an expired key, or without the role
    uint256 public recorded;
    bytes32 public lastOffer;
    bytes32 public lastOffered;
    CustodyEvent private _waiting;
    bytes32 public waitingId;
    uint32 public waitingBy;
    bytes32 public corrected;
    bytes32 public counted;
    CustodyEvent private _transfer;
    bytes32 public transferId;
    mapping(bytes32 unit => bytes32) public heads;

    function importLine() public pure returns (bytes32) {
        return "E31";
    }

    function exportLine() public pure returns (bytes32) {
        return "E62";
    }

    function saleLine() public pure returns (bytes32) {
        return "A42";
    }

    function returnLine() public pure returns (bytes32) {
        return "B13";
    }

    function outLine() public pure returns (bytes32) {
        return "out";
    }

    function inLine() public pure returns (bytes32) {
        return "in";
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
        return effectiveCustodian(id);
    }

    function containerOf(bytes32 id) external view returns (bytes32) {
        return ledger.containerOf(id);
    }

    function unitOf(bytes32 id) external view returns (uint256) {
        return ledger.unitOf(id);
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
        _declare(returnLine(), LineRoles.RE_EXPORT, 300, FABRIC, 0);
        _declare(outLine(), LineRoles.TRANSFER_OUT, 300, FABRIC, 0);
        participants.setBook(2, OTHER, 31, 0);
        participants.addSigner(vm.addr(SECOND), CUSTOMS, 0, type(uint64).max);
        Line[] memory lines = _one(_line(inLine(), LineRoles.TRANSFER_IN, 0, 300, WOOL));
        _equal(_postFor(OTHER, Kinds.DECLARE, lines, 0, 0), Outcomes.RECORDED, "declare");
        _equal(_postFor(CUSTOMS, Kinds.CLEAR, _unit(inLine()), 0, lastId), Outcomes.RECORDED, "clear");
        CustodyEvent memory observed = _event(Kinds.OBSERVE, new Line[](0));
        _equal(_record(CARRIER, observed), Outcomes.RECORDED, "observe");
        corrected = lastId;
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(CARRIER, lastId);
        CustodyEvent memory correction = _event(Kinds.CORRECT, new Line[](0));
        correction.reference_ = corrected;
        bytes memory witness = abi.encode(observed, abi.encodePacked(r, s, v));
        _equal(_recordWith(CARRIER, correction, witness), Outcomes.RECORDED, "correct");
        for (uint256 i = 0; i < BOXES; ++i) {
            heads[box(i)] = ledger.headOf(box(i));
        }
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

    function arrive(uint256 which, uint8 how) external {
        uint8[3] memory roles = [LineRoles.CONTAINER, LineRoles.EMPTY_CONTAINER, LineRoles.CARGO];
        CustodyEvent memory e = _event(Kinds.ARRIVE, _one(_line(box(which), roles[how % 3], 0, 0, 0)));
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

    // ---- inside, back, away, set right

    function stuff(uint256 which, uint256 into, bool ofLot) external {
        bytes32 thing = ofLot ? lot(which) : box(which);
        if (thing == box(into)) return;
        Line memory container = _line(box(into), LineRoles.CONTAINER, 0, 0, 0);
        CustodyEvent memory e = _event(Kinds.STUFF, _two(container, _line(thing, LineRoles.INPUT, 0, 0, 0)));
        _watch(_custodian(box(into)) == 0 ? CARRIER : _custodian(box(into)), e);
    }

    function strip(uint256 which, uint256 from, uint8 how) external {
        bytes32 thing = how % 3 == 0 ? lot(which) : box(which);
        if (thing == box(from)) return;
        uint8 role = how % 3 == 2 ? LineRoles.OUTPUT : LineRoles.INPUT;
        Line memory container = _line(box(from), LineRoles.CONTAINER, 0, 0, 0);
        CustodyEvent memory e = _event(Kinds.STRIP, _two(container, _line(thing, role, 0, 0, 0)));
        _watch(_custodian(box(from)) == 0 ? CARRIER : _custodian(box(from)), e);
    }

    function reexport(uint256 which, uint64 quantity) external {
        Line[] memory lines = _one(_line(lot(which), 0, Balances.RAW, _some(quantity), 0));
        _act(FACTORY, Kinds.REEXPORT, lines, 0, returnLine());
    }

    function unload(uint256 which, uint64 quantity, bool raw) external {
        Line[] memory lines = _one(_line(lot(which), 0, Balances.LOADED, _some(quantity), 0));
        _act(FACTORY, Kinds.UNLOAD, lines, 0, raw ? returnLine() : exportLine());
    }

    function exitAgain(uint256 which, uint64 quantity) external {
        quantity = _some(quantity);
        Line[] memory lines = _one(_line(lot(which), 0, Balances.LOADED, quantity, 0));
        if (_act(CARRIER, Kinds.EXIT_CONFIRM, lines, 0, exportLine())) gone += quantity;
    }

    function comeBack(uint256 which, uint64 quantity) external {
        quantity = _some(quantity);
        Line[] memory lines = _one(_line(lot(which), LineRoles.OUTPUT, Balances.FINISHED, quantity, SHIRT));
        if (_act(FACTORY, Kinds.FG_RETURN, lines, BOOK, exportLine())) brought += quantity;
    }

    function destroy(uint256 which, uint64 quantity, uint8 balance) external {
        quantity = _some(quantity);
        Line[] memory lines = _one(_line(lot(which), 0, uint8(_bound(balance, 1, 4)), quantity, 0));
        if (_act(FACTORY, Kinds.DESTROY, lines, BOOK, 0)) gone += quantity;
    }

    function transfer(uint256 which, uint64 quantity) external {
        CustodyEvent memory e = _event(Kinds.TRANSFER, _one(_line(lot(which), 0, Balances.RAW, _some(quantity), 0)));
        e.book = BOOK;
        e.reference_ = outLine();
        e.counterparty = OTHER;
        if (_watch(FACTORY, e)) (_transfer, transferId) = (e, lastId);
    }

    function takeTransfer(uint256 to, uint64 quantity, bool honest) external {
        if (transferId == 0) return;
        Line[] memory lines = new Line[](4);
        Line memory given = _transfer.lines[0];
        if (lot(to) == given.unit) return;
        quantity = honest ? given.quantity : _some(quantity);
        lines[0] = _line(given.unit, LineRoles.INPUT, 0, 0, 0);
        lines[1] = _line(lot(to), LineRoles.OUTPUT, Balances.RAW, quantity, WOOL);
        lines[2] = _line(inLine(), LineRoles.TRANSFER_IN, 0, 0, 0);
        lines[3] = _line(outLine(), LineRoles.TRANSFER_OUT, 0, 0, 0);
        CustodyEvent memory e = _event(Kinds.ACCEPT, lines);
        e.book = 2;
        e.reference_ = transferId;
        _watchWith(OTHER, e, abi.encode(_transfer), 0);
    }

    function count(uint256 which) external {
        if (_act(FACTORY, Kinds.COUNT, _one(_line(lot(which), 0, Balances.RAW, 1, 0)), BOOK, 0)) counted = lastId;
    }

    function adjust(uint256 which, uint64 quantity, uint8 balance, bool more) external {
        uint8 role = more ? LineRoles.OUTPUT : LineRoles.INPUT;
        Line memory line = _line(lot(which), role, uint8(_bound(balance, 1, 4)), _some(quantity), 0);
        CustodyEvent memory e = _event(Kinds.ADJUST, _one(line));
        e.book = BOOK;
        e.reference_ = counted;
        _propose(FACTORY, e);
    }

    function reassign(uint256 which, uint32 to, uint8 how, bool ofLot) external {
        uint8[3] memory roles = [LineRoles.NONE, LineRoles.SUPERVISED, LineRoles.FREE];
        bytes32 unit = ofLot ? lot(which) : box(which);
        CustodyEvent memory e = _event(Kinds.REASSIGN, _one(_line(unit, roles[how % 3], 0, 0, 0)));
        e.counterparty = uint32(_bound(to, 0, 5));
        e.reference_ = corrected;
        _propose(CUSTOMS, e);
    }

    function decide(bool yes, uint32 by) external {
        if (waitingId == 0) return;
        CustodyEvent memory e = _event(yes ? Kinds.APPROVE : Kinds.DENY, new Line[](0));
        e.reference_ = waitingId;
        uint32[4] memory deciders = [CUSTOMS, SECOND, FACTORY, AGENCY];
        by = deciders[by % 4];
        bool own = _waiting.kind == Kinds.REASSIGN ? by == CUSTOMS : by == waitingBy;
        bool done = _watchWith(by, e, abi.encode(_waiting), _waiting.lines[0].unit);
        if (done && (by == FACTORY || by == AGENCY || (yes && own))) ++actsOfOthers;
        if (done && yes && _waiting.kind == Kinds.ADJUST) {
            if (_waiting.lines[0].role == LineRoles.OUTPUT) brought += _waiting.lines[0].quantity;
            else gone += _waiting.lines[0].quantity;
        }
        if (ledger.pendingOf(waitingId).kind == 0) waitingId = 0;
    }

    /// @dev Invariant 7: a suspended participant, an expired key, or a stranger to the role, does nothing.
    function actWithoutRight(uint256 which, uint8 how) external {
        CustodyEvent memory e = _event(Kinds.HOLD, _unit(box(which)));
        uint32 by = how % 3 == 0 ? AGENCY : how % 3 == 1 ? LATE : CARRIER;
        if (how % 3 == 0) participants.suspend(AGENCY);
        if (how % 3 == 1 && participants.signerOf(vm.addr(LATE)).participant == 0) {
            participants.addSigner(vm.addr(LATE), CUSTOMS, 0, 1);
        }
        if (_watch(by, e)) ++actsOfOthers;
        if (how % 3 == 0) participants.reinstate(AGENCY);
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

    function _propose(uint32 by, CustodyEvent memory e) private {
        _watch(by, e);
        if (ledger.pendingOf(lastId).kind != 0) (_waiting, waitingId, waitingBy) = (e, lastId, by);
    }

    function _watch(uint32 by, CustodyEvent memory e) private returns (bool) {
        return _watchWith(by, e, "", 0);
    }

    /// @dev Records an event, then the same once more, and compares custody, status and heads before and after; of
    ///      the unit that it names first, or of `about`.
    function _watchWith(uint32 by, CustodyEvent memory e, bytes memory witness, bytes32 about)
        private
        returns (bool done)
    {
        Seen memory before;
        before.unit = about == 0 ? e.lines[0].unit : about;
        before.container = ledger.containerOf(before.unit);
        before.keeper = effectiveCustodian(before.unit);
        before.status = _effectiveStatus(before.unit);
        before.held = _held(before.unit);
        uint256 code = _recordWith(by, e, witness);
        done = code == Outcomes.RECORDED;
        bytes32 id = lastId;
        if (done) ++recorded;
        bool reassigned = done && e.kind == Kinds.APPROVE && _waiting.kind == Kinds.REASSIGN;
        uint32 keeper = effectiveCustodian(before.unit);
        if (before.keeper != 0 && keeper != before.keeper && !(done && e.kind == Kinds.ACCEPT) && !reassigned) {
            ++custodyChanges;
        }
        bool freed = before.status == UnitStatuses.SUPERVISED && _effectiveStatus(before.unit) == UnitStatuses.FREE;
        if (freed && (before.held || !(done && e.kind == Kinds.GATE_OUT) && !reassigned)) ++freedOtherwise;
        if (_recordWith(by, e, witness) != (code == Outcomes.WITNESS_MISMATCH ? code : Outcomes.NONCE_USED)) {
            ++takenTwice;
        }
        if (code != Outcomes.WITNESS_MISMATCH) _fold(e, id, code);
        lastId = id;
    }

    struct Seen {
        bytes32 unit;
        bytes32 container;
        uint32 keeper;
        uint8 status;
        bool held;
    }

    /// @dev Invariant 8, kept beside the ledger: every box's head is the fold of what named it.
    function _fold(CustodyEvent memory e, bytes32 id, uint256 code) private {
        for (uint256 i = 0; i < BOXES; ++i) {
            bytes32 unit = box(i);
            for (uint256 k = 0; k < e.lines.length; ++k) {
                if (e.lines[k].unit != unit) continue;
                heads[unit] = keccak256(abi.encodePacked(heads[unit], id, uint16(code)));
            }
            if (ledger.headOf(unit) != heads[unit]) ++wrongHeads;
        }
    }

    /// @dev Custodian as it counts: of what is inside a container, the container's.
    function effectiveCustodian(bytes32 unit) public view returns (uint32) {
        bytes32 container = ledger.containerOf(unit);
        return _custodian(container == 0 ? unit : container);
    }

    function _effectiveStatus(bytes32 unit) private view returns (uint8) {
        bytes32 container = ledger.containerOf(unit);
        return _status(container == 0 ? unit : container);
    }

    /// @dev By a hold on itself, its container, or something inside it.
    function _held(bytes32 unit) private view returns (bool) {
        uint256 word = ledger.unitOf(unit) | ledger.unitOf(ledger.containerOf(unit));
        return (word >> 8) & 0xffff != 0 || (ledger.unitOf(unit) >> 152) & 0xffff != 0;
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
        bytes32[6] memory lines = [
            handler.importLine(),
            handler.exportLine(),
            handler.saleLine(),
            handler.returnLine(),
            handler.outLine(),
            handler.inLine()
        ];
        for (uint256 i = 0; i < lines.length; ++i) {
            uint256 amounts = handler.amounts(lines[i]);
            if (uint64(amounts >> 64) > uint64(amounts)) {
                revert Broken("drawn", uint64(amounts >> 64), uint64(amounts));
            }
            if (uint64(amounts >> 128) > uint64(amounts >> 64)) revert Broken("exited", amounts, 0);
            if (uint64(amounts >> 192) > uint64(amounts >> 128)) revert Broken("returned", amounts, 0);
        }
        _equal(uint64(handler.amounts(handler.importLine()) >> 64), handler.imported(), "drawn by receipts");
        _checkLoaded(handler.exportLine());
        _checkLoaded(handler.returnLine());
        uint256 out = handler.amounts(handler.outLine());
        _equal(uint64(out >> 64), uint64(out >> 128), "what is transferred out has exited");
        _equal(uint64(out >> 64), uint64(handler.amounts(handler.inLine()) >> 64), "out of one book, into another");
    }

    function _checkLoaded(bytes32 line) private view {
        uint256 amounts = handler.amounts(line);
        uint256 loaded;
        for (uint256 i = 0; i < handler.LOTS(); ++i) {
            loaded += handler.loadedFor(handler.lot(i), line);
        }
        _equal(loaded, uint64(amounts >> 64) - uint64(amounts >> 128), "loaded");
    }

    /// @dev 6.
    function invariant_nonce__is_used_once() public view {
        _equal(handler.takenTwice(), 0, "taken twice");
    }

    /// @dev 7.
    function invariant_right__nobody_acts_without() public view {
        _equal(handler.actsOfOthers(), 0, "acts of others");
    }

    /// @dev 8.
    function invariant_head__is_the_fold_of_what_named_it() public view {
        _equal(handler.wrongHeads(), 0, "heads");
    }

    /// @dev What is inside has nothing of its own, containers do not nest, and each container counts what is inside.
    function invariant_inside__is_counted_by_its_container() public view {
        for (uint256 b = 0; b < handler.BOXES(); ++b) {
            bytes32 box = handler.box(b);
            uint256 count;
            uint256 held;
            uint256 cargo;
            for (uint256 i = 0; i < handler.LOTS() + handler.BOXES(); ++i) {
                bytes32 thing = i < handler.LOTS() ? handler.lot(i) : handler.box(i - handler.LOTS());
                if (handler.containerOf(thing) != box) continue;
                uint256 word = handler.unitOf(thing);
                _equal((word >> 24) & 0xffffffffffff, 0, "custodian and facility of a thing inside");
                _equal((word >> 2) & 7, 0, "status of a thing inside");
                _equal(uint256(handler.containerOf(box)), 0, "a container inside a container");
                ++count;
                if ((word >> 8) & 0xffff != 0) ++held;
                if (word & 3 == 2 && (word >> 5) & 1 == 0) ++cargo;
            }
            uint256 counts = handler.unitOf(box);
            if (counts == 0) continue;
            _equal((counts >> 136) & 0xffff, count, "inside");
            _equal((counts >> 152) & 0xffff, held, "held inside");
            _equal((counts >> 168) & 0xffff, cargo, "cargo inside, not eligible");
        }
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
