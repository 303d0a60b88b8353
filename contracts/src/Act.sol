// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

import {EventHash} from "./EventHash.sol";
import {Book, Facility, IParticipants, Participant} from "./IParticipants.sol";
import {Known} from "./Known.sol";
import {CustodyEvent} from "./Types.sol";
import {Outcomes, Roles} from "./Vocabulary.sol";
import {UnitWord} from "./Words.sol";

/// @dev Who acts, by which event; kept in memory while the event is judged. All but `id` follow from the key, so the
///      ledger makes it once a key and batch.
/// @param size Length in bytes of what follows, so that the act can be handed on as bytes (raw, lift).
/// @param id The event's id.
/// @param domain EIP-712 domain separator, to recompute ids of events inside witnesses.
/// @param register The register of participants.
/// @param signer Key that signed.
/// @param participant Whose key it is.
/// @param roles That participant's roles.
/// @param holdBit The hold it may set, or 255.
/// @param supervises Whether it operates a supervised facility.
/// @param suspended Whether all acts of that participant are refused.
/// @param keyFault Outcome of all acts under this key if it is revoked or outside its window, else 0.
/// @param onlyAt The one place at which the key may act; 0 anywhere.
/// @param known What the register said in this batch (Known), 0 to ask it each time.
/// @param book The book of which was asked last.
/// @param bookWord What the register said of it, 0 if nothing yet. It goes along to a library, which cannot see
///        `known`.
/// @param who Participant and key as EventOutcome's `act` has them.
/// @param limited Suspended, or with a key for one place only.
/// @param nonceWord Which word of its nonces was used last, plus 1; 0 if none was.
/// @param nonceSlot Where that word lies. Only the place is kept: the word itself is read and written each time.
struct Act {
    uint256 size;
    bytes32 id;
    bytes32 domain;
    IParticipants register;
    address signer;
    uint32 participant;
    uint16 roles;
    uint8 holdBit;
    bool supervises;
    bool suspended;
    uint256 keyFault;
    uint32 onlyAt;
    uint256 known;
    uint32 book;
    uint256 bookWord;
    uint256 who;
    bool limited;
    uint256 nonceWord;
    bytes32 nonceSlot;
}

/// @dev What a library is handed.
struct Handed {
    Act act;
    CustodyEvent e;
}

/// @title What the poster of an event may do, and what the register says
library ActLib {
    using ActLib for Act;
    using Known for uint256;
    using UnitWord for uint256;

    uint256 internal constant SIZE = 18 * 32; // of an act, without its first word
    uint256 private constant ASKED = 1 << 255; // an answer is never zero, so that "unknown" is remembered as well

    /// @dev Logs the outcome. State changes must follow it, so a kind tells it between checking and writing; a
    ///      refusal is told by the caller.
    function tell(Act memory act, CustodyEvent memory e, uint256 outcome) internal {
        uint256 nothing = _nothing();
        EventHash.log(act.id, act.who, outcome | nothing, e, nothing);
    }

    /// @dev As `tell` of what is recorded, with what it made of lots and cited line (After).
    function tellAfter(Act memory act, CustodyEvent memory e, uint256 told) internal {
        EventHash.log(act.id, act.who, _nothing(), e, told); // RECORDED is 0
    }

    /// @dev Zero out of the word that Solidity keeps zero. For a constant the compiler would make a second copy of the
    ///      code that packs the log, for which the ledger has no room.
    function _nothing() private pure returns (uint256 nothing) {
        assembly ("memory-safe") {
            nothing := mload(0x60)
        }
    }

    /// @dev The words of an act, where they lie, as bytes: what `lift` makes it of again.
    function raw(Act memory act) internal pure returns (bytes memory words) {
        assembly ("memory-safe") {
            words := act
        }
    }

    /// @dev Act and event of which `raw` and EventHash.raw gave the words; the only one of a list, since Solidity would
    ///      first make a struct of zeros. Nothing is checked: the ledger laid them out. What it knows of the register
    ///      stays behind, as an address in its memory.
    function lift(bytes calldata acting, bytes calldata given) internal pure returns (Handed[] memory one) {
        uint256 e = EventHash.lift(given);
        assembly ("memory-safe") {
            let act := mload(0x40)
            mstore(act, acting.length)
            calldatacopy(add(act, 32), acting.offset, acting.length)
            one := add(act, add(acting.length, 32))
            mstore(one, 1)
            mstore(add(one, 32), add(one, 64))
            mstore(add(one, 64), act)
            mstore(add(one, 96), e)
            mstore(0x40, add(one, 128))
        }
        one[0].act.known = 0;
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
        if (owner == act.participant) return Outcomes.RECORDED;
        return owner == 0 ? Outcomes.UNKNOWN_BOOK : Outcomes.NOT_OWNER;
    }

    /// @dev Poster runs the facility where the unit stands.
    function operates(Act memory act, uint256 word) internal view returns (bool) {
        uint32 facility = word.facility();
        if (facility == 0) return false;
        (uint32 operator,) = act.facilityAt(facility);
        return operator == act.participant;
    }

    function ownerOf(Act memory act, uint32 book) internal view returns (uint32) {
        return uint32(_book(act, book));
    }

    function bookAt(Act memory act, uint32 book) internal view returns (Book memory) {
        uint256 word = _book(act, book);
        return Book({
            owner: uint32(word),
            regime: uint8(word >> 32),
            options: uint8(word >> 40),
            openingOpen: (word >> 48) & 1 != 0
        });
    }

    /// @dev Who runs a facility, 0 if there is no such place; and whether it is supervised.
    function facilityAt(Act memory act, uint32 facility)
        internal
        view
        returns (uint32 operator, bool supervised)
    {
        uint256 key = Known.FACILITY | facility;
        (uint256 word, uint256 pair) = act.known.find(key);
        if (word == 0) {
            Facility memory found = act.register.facilityOf(facility);
            word = ASKED | found.operator | (found.supervised ? 1 << 32 : 0);
            act.known.keep(pair, key, word);
        }
        return (uint32(word), (word >> 32) & 1 != 0);
    }

    /// @dev What a participant was admitted as, 0 if none was under this number; and whether it runs a supervised
    ///      facility.
    function rolesOf(Act memory act, uint32 participant)
        internal
        view
        returns (uint16 roles, bool supervises)
    {
        uint256 word = _participant(act, participant);
        return (uint16(word >> 32), uint32(word) != 0);
    }

    /// @dev Without reading key and key epoch, which are zero here: the ledger has no use for them.
    function participantAt(Act memory act, uint32 participant) internal view returns (Participant memory) {
        uint256 word = _participant(act, participant);
        return Participant({
            roles: uint16(word >> 32),
            holdBit: uint8(word >> 48),
            suspended: (word >> 56) & 1 != 0,
            supervisedCount: uint32(word),
            keyEpoch: 0,
            readingKey: 0
        });
    }

    function _participant(Act memory act, uint32 participant) private view returns (uint256 word) {
        uint256 key = Known.PARTICIPANT | participant;
        uint256 pair;
        (word, pair) = act.known.find(key);
        if (word == 0) {
            Participant memory found = act.register.participantOf(participant);
            word = ASKED | found.supervisedCount | (uint256(found.roles) << 32)
                | (uint256(found.holdBit) << 48) | (found.suspended ? 1 << 56 : 0);
            act.known.keep(pair, key, word);
        }
    }

    /// @dev Asks of a book, unless it is none, so that a library need not.
    function knowBook(Act memory act, uint32 book) internal view {
        if (book != 0) _book(act, book);
    }

    function _book(Act memory act, uint32 book) private view returns (uint256 word) {
        word = act.bookWord;
        if (word != 0 && act.book == book) return word;
        uint256 key = Known.BOOK | book;
        uint256 pair;
        (word, pair) = act.known.find(key);
        if (word == 0) {
            Book memory found = act.register.bookOf(book);
            word = ASKED | found.owner | (uint256(found.regime) << 32) | (uint256(found.options) << 40)
                | (found.openingOpen ? 1 << 48 : 0);
            act.known.keep(pair, key, word);
        }
        act.book = book;
        act.bookWord = word;
    }
}
