// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";

import {CustodyEvent, Line, SignedEvent} from "../src/Types.sol";
import {Balances, Kinds, LineRoles, Outcomes, UnitStatuses} from "../src/Vocabulary.sol";
import {Base} from "./Base.t.sol";

/// @notice The refusals on which the ledger stands, on a second engine; all of them are in tests/contracts.
contract RefusalsTest is Base {
    bytes32 private constant BOX = "box";
    bytes32 private constant LOT = "lot";

    function test_gate_out__under_hold__is_refused() public {
        _arrive(BOX, LineRoles.CONTAINER);
        _equal(_post(CUSTOMS, Kinds.ELIGIBLE, _unit(BOX)), Outcomes.RECORDED, "eligible");
        _equal(_post(AGENCY, Kinds.HOLD, _unit(BOX)), Outcomes.RECORDED, "hold");
        _equal(_post(CARRIER, Kinds.GATE_OUT, _unit(BOX)), Outcomes.HELD, "gate out");
        _equal(_post(CUSTOMS, Kinds.UNHOLD, _unit(BOX)), Outcomes.NOT_HELD, "the hold of another");
        _equal(_post(AGENCY, Kinds.UNHOLD, _unit(BOX)), Outcomes.RECORDED, "unhold");
        _equal(_post(CARRIER, Kinds.GATE_OUT, _unit(BOX)), Outcomes.RECORDED, "gate out");
        _equal(_status(BOX), UnitStatuses.FREE, "status");
    }

    function test_accept__by_a_third_party__is_refused() public {
        _arrive(BOX, LineRoles.CONTAINER);
        bytes32 offer = _offer(CARRIER, FACTORY, BOX);
        _equal(_postFor(OTHER, Kinds.ACCEPT, _unit(BOX), 0, offer), Outcomes.NOT_OFFEREE, "third party");
        _equal(_custodian(BOX), CARRIER, "custodian");
        _equal(_postFor(FACTORY, Kinds.ACCEPT, _unit(BOX), 0, offer), Outcomes.RECORDED, "offeree");
        _equal(_custodian(BOX), FACTORY, "custodian");
    }

    function test_accept__after_expiry__is_refused() public {
        _arrive(BOX, LineRoles.CONTAINER);
        bytes32 offer = _offer(CARRIER, FACTORY, BOX);
        vm.warp(block.timestamp + 1 days + 1);
        _equal(_postFor(FACTORY, Kinds.ACCEPT, _unit(BOX), 0, offer), Outcomes.OFFER_EXPIRED, "late");
    }

    function test_nonce__used_by_a_refused_act__is_not_taken_again() public {
        CustodyEvent memory e = _event(Kinds.GATE_OUT, _unit(BOX));
        _equal(_record(CARRIER, e), Outcomes.UNKNOWN_UNIT, "refused");
        _arrive(BOX, LineRoles.CONTAINER);
        _equal(_post(CUSTOMS, Kinds.ELIGIBLE, _unit(BOX)), Outcomes.RECORDED, "eligible");
        _equal(_record(CARRIER, e), Outcomes.NONCE_USED, "replayed");
        _equal(_status(BOX), UnitStatuses.SUPERVISED, "status");
    }

    function test_signature__any_length__costs_nobody_else(bytes memory signature) public {
        CustodyEvent memory e = _event(Kinds.OBSERVE, _unit(BOX));
        SignedEvent[] memory batch = new SignedEvent[](1);
        batch[0] = SignedEvent({custodyEvent: e, signature: signature, witness: signature});
        uint256 code = ledger.record(batch)[0];
        if (code != Outcomes.BAD_SIGNATURE) _equal(code, Outcomes.UNKNOWN_SIGNER, "signature");
    }

    function test_approve__any_witness__is_refused_and_nothing_executed(bytes memory witness) public {
        bytes32 opening = _opening(LOT);
        CustodyEvent memory approve = _event(Kinds.APPROVE, _none());
        approve.reference_ = opening;
        _equal(_recordWith(CUSTOMS, approve, witness), Outcomes.WITNESS_MISMATCH, "witness");
        _equal(ledger.unitOf(LOT), 0, "lot");
    }

    function test_correct__any_witness__is_refused(bytes memory witness) public {
        _arrive(BOX, LineRoles.CONTAINER);
        CustodyEvent memory correct = _event(Kinds.CORRECT, _none());
        correct.reference_ = lastId;
        _equal(_recordWith(CARRIER, correct, witness), Outcomes.WITNESS_MISMATCH, "witness");
    }

    function test_opening__approved__makes_the_lot_once() public {
        CustodyEvent memory opening = _openingEvent(LOT);
        _equal(_record(FACTORY, opening), Outcomes.PENDING, "opening");
        bytes32 id = lastId;
        for (uint256 i = 0; i < 2; ++i) {
            CustodyEvent memory approve = _event(Kinds.APPROVE, _none());
            approve.reference_ = id;
            uint256 expected = i == 0 ? Outcomes.RECORDED : Outcomes.NOT_PENDING;
            _equal(_recordWith(CUSTOMS, approve, abi.encode(opening)), expected, "approve");
        }
        _equal(_balance(LOT, Balances.FINISHED), 9, "finished");
    }

    function test_approve__own_event__is_refused() public {
        participants.setRoles(FACTORY, 16 | 32);
        CustodyEvent memory opening = _openingEvent(LOT);
        _record(FACTORY, opening);
        bytes32 id = lastId;
        CustodyEvent memory approve = _event(Kinds.APPROVE, _none());
        approve.reference_ = id;
        _equal(_recordWith(FACTORY, approve, abi.encode(opening)), Outcomes.OWN_EVENT, "own");
    }

    function test_record__by_a_stranger__reverts_with_evidence() public {
        SignedEvent[] memory batch = new SignedEvent[](0);
        vm.prank(address(0xbad));
        vm.expectRevert(
            abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, address(0xbad))
        );
        ledger.record(batch);
    }

    function _opening(bytes32 lot) private returns (bytes32) {
        _equal(_record(FACTORY, _openingEvent(lot)), Outcomes.PENDING, "opening");
        return lastId;
    }

    function _openingEvent(bytes32 lot) private returns (CustodyEvent memory e) {
        e = _event(Kinds.OPENING, _one(_line(lot, LineRoles.OWN, Balances.FINISHED, 9, SHIRT)));
        e.book = BOOK;
    }

    function _none() private pure returns (Line[] memory) {
        return new Line[](0);
    }
}
