// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

import {EventHash} from "./EventHash.sol";
import {ICustodyLedger} from "./ICustodyLedger.sol";
import {Book, Facility, IParticipants, Participant} from "./IParticipants.sol";
import {CustodyEvent} from "./Types.sol";
import {Outcomes, Roles} from "./Vocabulary.sol";
import {UnitWord} from "./Words.sol";

/// @dev Who acts, by which event; kept in memory while the event is judged.
/// @param id The event's id.
/// @param domain EIP-712 domain separator, to recompute ids of events inside witnesses.
/// @param register The register of participants.
/// @param signer Key that signed.
/// @param participant Whose key it is.
/// @param roles That participant's roles.
/// @param holdBit The hold it may set, or 255.
/// @param supervises Whether it operates a supervised facility.
struct Act {
    bytes32 id;
    bytes32 domain;
    IParticipants register;
    address signer;
    uint32 participant;
    uint16 roles;
    uint8 holdBit;
    bool supervises;
}

/// @title What the poster of an event may do, and what the register says
library ActLib {
    using ActLib for Act;
    using UnitWord for uint256;

    /// @dev Logs the outcome. State changes must follow it, so a kind tells it between checking and writing; a
    ///      refusal is told by the caller.
    function tell(Act memory act, CustodyEvent memory e, uint256 outcome) internal {
        emit ICustodyLedger.EventOutcome(act.id, act.participant, act.signer, uint16(outcome), e);
    }

    /// @dev The poster has one of these roles.
    function has(Act memory act, uint16 roles) internal pure returns (bool) {
        return act.roles & roles != 0;
    }

    /// @dev EIP-712 digest, which is an event's id.
    function digest(Act memory act, CustodyEvent memory e) internal pure returns (bytes32) {
        return MessageHashUtils.toTypedDataHash(act.domain, EventHash.structHash(e));
    }

    /// @dev Poster is a processor and the book is its own.
    function checkOwner(Act memory act, uint32 book) internal view returns (uint256) {
        if (!act.has(Roles.PROCESSOR)) return Outcomes.ROLE_MISSING;
        uint32 owner = act.ownerOf(book);
        if (owner == 0) return Outcomes.UNKNOWN_BOOK;
        return owner == act.participant ? Outcomes.RECORDED : Outcomes.NOT_OWNER;
    }

    /// @dev Poster runs the facility where the unit stands.
    function operates(Act memory act, uint256 word) internal view returns (bool) {
        uint32 facility = word.facility();
        return facility != 0 && act.facilityAt(facility).operator == act.participant;
    }

    function ownerOf(Act memory act, uint32 book) internal view returns (uint32) {
        return act.bookAt(book).owner;
    }

    function bookAt(Act memory act, uint32 book) internal view returns (Book memory) {
        return act.register.bookOf(book);
    }

    function facilityAt(Act memory act, uint32 facility) internal view returns (Facility memory) {
        return act.register.facilityOf(facility);
    }

    function participantAt(Act memory act, uint32 participant) internal view returns (Participant memory) {
        return act.register.participantOf(participant);
    }
}
