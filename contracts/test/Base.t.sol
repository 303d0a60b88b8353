// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";

import {CustodyLedger} from "../src/CustodyLedger.sol";
import {EventHash} from "../src/EventHash.sol";
import {Lot} from "../src/ICustodyLedger.sol";
import {Participants} from "../src/Participants.sol";
import {CustodyEvent, Line, SignedEvent} from "../src/Types.sol";
import {Balances, Kinds, LineRoles, Outcomes, Roles} from "../src/Vocabulary.sol";

/// @notice The cheat codes of forge that these tests use.
interface Vm {
    function addr(uint256 key) external pure returns (address);
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function warp(uint256 time) external;
    function prank(address sender) external;
    function expectRevert(bytes calldata data) external;
}

/// @notice A ledger with a carrier, a processor, another, customs and an agency; test contract is authority and gateway.
abstract contract Base {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    uint32 internal constant CARRIER = 1;
    uint32 internal constant FACTORY = 2;
    uint32 internal constant OTHER = 3;
    uint32 internal constant CUSTOMS = 4;
    uint32 internal constant AGENCY = 5;
    uint32 internal constant PORT = 1; // supervised
    uint32 internal constant MILL = 2; // not supervised
    uint32 internal constant BOOK = 1;
    bytes32 internal constant FABRIC = "fabric";
    bytes32 internal constant SHIRT = "shirt";

    CustodyLedger internal ledger;
    Participants internal participants;
    uint64 internal nextNonce;
    bytes32 internal lastId;

    error Failed(string what, uint256 found, uint256 expected);

    function setUp() public virtual {
        vm.warp(1_790_000_000);
        AccessManager manager = new AccessManager(address(this));
        participants = new Participants(address(manager));
        ledger = new CustodyLedger(address(manager), address(participants));
        bytes4[] memory changing = new bytes4[](10);
        changing[0] = Participants.admit.selector;
        changing[1] = Participants.setRoles.selector;
        changing[2] = Participants.suspend.selector;
        changing[3] = Participants.reinstate.selector;
        changing[4] = participants.setReadingKey.selector;
        changing[5] = participants.addSigner.selector;
        changing[6] = participants.revokeSigner.selector;
        changing[7] = Participants.setFacility.selector;
        changing[8] = Participants.setBook.selector;
        changing[9] = Participants.closeOpening.selector;
        manager.setTargetFunctionRole(address(participants), changing, 1);
        bytes4[] memory recording = new bytes4[](1);
        recording[0] = CustodyLedger.record.selector;
        manager.setTargetFunctionRole(address(ledger), recording, 2);
        manager.grantRole(1, address(this), 0);
        manager.grantRole(2, address(this), 0);
        _admit(CARRIER, Roles.CARRIER, 255);
        _admit(FACTORY, Roles.PROCESSOR, 255);
        _admit(OTHER, Roles.PROCESSOR, 255);
        _admit(CUSTOMS, Roles.CUSTOMS, 0);
        _admit(AGENCY, Roles.AGENCY, 7);
        participants.setFacility(PORT, CARRIER, true);
        participants.setFacility(MILL, FACTORY, false);
        participants.setBook(BOOK, FACTORY, 31, 0);
    }

    function _admit(uint32 number, uint16 roles, uint8 holdBit) internal {
        participants.admit(number, roles, holdBit, bytes32(0));
        participants.addSigner(vm.addr(number), number, 0, type(uint64).max); // the number is the private key, too
    }

    // ---- events

    function _event(uint8 kind, Line[] memory lines) internal returns (CustodyEvent memory e) {
        e.kind = kind;
        e.lines = _sorted(lines);
        e.occurredAt = uint64(block.timestamp * 1000);
        e.deadline = uint64(block.timestamp + 1 days);
        e.nonce = nextNonce++;
    }

    function _record(uint32 by, CustodyEvent memory e) internal returns (uint256) {
        return _recordWith(by, e, "");
    }

    function _recordWith(uint32 by, CustodyEvent memory e, bytes memory witness) internal returns (uint256) {
        lastId = keccak256(abi.encodePacked(hex"1901", ledger.domainSeparator(), EventHash.structHash(e)));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(by, lastId);
        SignedEvent[] memory batch = new SignedEvent[](1);
        batch[0] = SignedEvent({custodyEvent: e, signature: abi.encodePacked(r, s, v), witness: witness});
        return ledger.record(batch)[0];
    }

    function _line(bytes32 unit, uint8 role, uint8 balance, uint64 quantity, bytes32 material)
        internal
        pure
        returns (Line memory)
    {
        return Line({unit: unit, material: material, balance: balance, quantity: quantity, role: role});
    }

    function _unit(bytes32 unit) internal pure returns (Line[] memory lines) {
        lines = new Line[](1);
        lines[0] = _line(unit, 0, 0, 0, 0);
    }

    function _one(Line memory line) internal pure returns (Line[] memory lines) {
        lines = new Line[](1);
        lines[0] = line;
    }

    function _two(Line memory a, Line memory b) internal pure returns (Line[] memory lines) {
        lines = new Line[](2);
        lines[0] = a;
        lines[1] = b;
    }

    function _sorted(Line[] memory lines) internal pure returns (Line[] memory) {
        for (uint256 i = 1; i < lines.length; ++i) {
            for (uint256 j = i; j > 0 && lines[j].unit < lines[j - 1].unit; --j) {
                (lines[j], lines[j - 1]) = (lines[j - 1], lines[j]);
            }
        }
        return lines;
    }

    // ---- acts that many tests need

    function _post(uint32 by, uint8 kind, Line[] memory lines) internal returns (uint256) {
        return _record(by, _event(kind, lines));
    }

    function _postFor(uint32 by, uint8 kind, Line[] memory lines, uint32 book, bytes32 cited)
        internal
        returns (uint256)
    {
        CustodyEvent memory e = _event(kind, lines);
        e.book = book;
        e.reference_ = cited;
        return _record(by, e);
    }

    function _arrive(bytes32 unit, uint8 role) internal returns (uint256) {
        CustodyEvent memory e = _event(Kinds.ARRIVE, _one(_line(unit, role, 0, 0, 0)));
        e.facility = PORT;
        return _record(CARRIER, e);
    }

    function _offer(uint32 by, uint32 to, bytes32 unit) internal returns (bytes32) {
        CustodyEvent memory e = _event(Kinds.OFFER, _unit(unit));
        e.counterparty = to;
        _equal(_record(by, e), Outcomes.RECORDED, "offer");
        return lastId;
    }

    function _declare(bytes32 line, uint8 purpose, uint64 quantity, bytes32 material, bytes32 original)
        internal
    {
        Line[] memory lines = _one(_line(line, purpose, 0, quantity, material));
        _equal(_postFor(FACTORY, Kinds.DECLARE, lines, 0, original), Outcomes.RECORDED, "declare");
        _equal(_postFor(CUSTOMS, Kinds.CLEAR, _unit(line), 0, lastId), Outcomes.RECORDED, "clear");
    }

    function _receive(bytes32 lot, bytes32 line, uint64 quantity) internal returns (uint256) {
        Line[] memory lines = _one(_line(lot, LineRoles.OUTPUT, Balances.RAW, quantity, FABRIC));
        return _postFor(FACTORY, Kinds.RECEIVE_FACTORY, lines, BOOK, line);
    }

    function _buy(bytes32 lot, uint64 quantity) internal returns (uint256) {
        Line[] memory lines = _one(_line(lot, LineRoles.OUTPUT, Balances.RAW, quantity, FABRIC));
        return _postFor(FACTORY, Kinds.RECEIVE_DOMESTIC, lines, BOOK, 0);
    }

    // ---- reading

    function _balance(bytes32 lot, uint8 balance) internal view returns (uint256) {
        Lot memory found = ledger.lotOf(lot);
        if (balance == Balances.SHORT) return uint64(found.more);
        if (balance == Balances.LOADED) return uint64(found.more >> 64);
        return uint64(found.balances >> (64 * (balance - 1)));
    }

    function _total(bytes32 lot) internal view returns (uint256 total) {
        for (uint8 balance = Balances.RAW; balance <= Balances.LOADED; ++balance) {
            total += _balance(lot, balance);
        }
    }

    function _custodian(bytes32 unit) internal view returns (uint32) {
        return uint32((ledger.unitOf(unit) >> 24) & 0xffffff);
    }

    function _status(bytes32 unit) internal view returns (uint8) {
        return uint8((ledger.unitOf(unit) >> 2) & 7);
    }

    function _equal(uint256 found, uint256 expected, string memory what) internal pure {
        if (found != expected) revert Failed(what, found, expected);
    }

    function _bound(uint256 value, uint256 low, uint256 high) internal pure returns (uint256) {
        return low + value % (high - low + 1);
    }
}
