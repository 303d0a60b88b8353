// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CustodyEvent, SignedEvent} from "./Types.sol";

/// @notice A lot as the ledger keeps it, beside its state word (unitOf).
/// @param material Material id.
/// @param sourceLine Receive line of imported lots; else zero.
/// @param book Number of its book; 0 means that there is no such lot.
/// @param origin 1 imported, 2 domestic, 3 own.
/// @param balances raw 0..63 | wip 64..127 | finished 128..191 | scrap 192..255.
/// @param more short 0..63 | loaded in total 64..127.
struct Lot {
    bytes32 material;
    bytes32 sourceLine;
    uint32 book;
    uint8 origin;
    uint256 balances;
    uint256 more;
}

/// @notice A declaration line as the ledger keeps it.
/// @param state declarant 0..31 | purpose 32..39 | status 40..47 | holds 48..63; 0 means no such line.
/// @param amounts quantity 0..63 | drawn 64..127 | exited 128..191 | returned 192..255.
/// @param material Material id.
/// @param original For a change of purpose the line it cites; else zero.
/// @param version Id of the DECLARE event at which it stands.
struct DeclaredLine {
    uint256 state;
    uint256 amounts;
    bytes32 material;
    bytes32 original;
    bytes32 version;
}

/// @notice Terms of a norm with numbers: `coefficientOf` of each material for `base` of product.
/// @param book Book it is for; 0 means no norm.
/// @param toleranceMicro What may be used beyond it, in 10^-6 of the norm.
/// @param validFrom First second (since 1970 UTC) of production that it covers.
/// @param validUntil Last second.
/// @param base Quantity of product that the coefficients are for, in 10^-6 of its unit of measure.
/// @param product Material id of the product.
struct Norm {
    uint32 book;
    uint32 toleranceMicro;
    uint64 validFrom;
    uint64 validUntil;
    uint64 base;
    bytes32 product;
}

/// @notice An event that waits for approval.
/// @param kind Its kind; 0 means that nothing waits under this id.
/// @param participant Who posted it.
/// @param signer With which key.
struct Pending {
    uint8 kind;
    uint32 participant;
    address signer;
}

/// @title What the custody ledger takes, tells and shows
interface ICustodyLedger {
    /// @notice An event was taken: its nonce is used and this is its outcome, for ever.
    /// @dev Logs of changed state follow directly and belong to it, up to the next EventOutcome or EventNotTaken.
    ///      The whole signed content is here, packed, since eight gas are paid for each byte of a log. ISSUE_PROD,
    ///      RETURN_PROD, EXPORT_LOAD, REEXPORT, UNLOAD and EXIT_CONFIRM, recorded, tell here what they made of their
    ///      lots and of the line that they cite; no log follows.
    /// @param eventId EIP-712 digest.
    /// @param act outcome 0..15 (0 recorded, 1 pending, from 100 refused: Outcomes in Vocabulary.sol) | kind 16..23 |
    ///        step 24..39 | whether there is a reference 40, counterparty 41, facility 42, book 43, what is now drawn
    ///        44 or exited 45 of the line in reference | participant who acted 48..79 | its key 80..239.
    /// @param commitment The commitment.
    /// @param content The rest, big-endian and without gaps, what is zero left out: occurredAt, deadline, nonce (8
    ///        bytes each), counterparty, facility, book (4 each), reference (32), what is drawn or exited now (8); for
    ///        each line unit (32), what follows (1; bit 0 quantity, balance and role, bit 1 material, bit 2 amounts),
    ///        quantity (8), balance, role (1 each), material (32), which amounts its lot has now (1; bit 0 raw, 1 wip,
    ///        2 finished, 3 scrap, 5 loaded in total, 6 loaded for the line in reference, 7 both of these, which are
    ///        the same), these amounts (8 each).
    event EventOutcome(bytes32 indexed eventId, uint256 act, bytes32 commitment, bytes content);

    /// @notice An event was not taken; nothing was burned and it has no outcome.
    /// @param eventId EIP-712 digest of what was sent.
    /// @param code 100 bad signature, 101 unknown signer, 102 nonce used, 608 witness mismatch.
    event EventNotTaken(bytes32 indexed eventId, uint16 code);

    /// @notice A container or cargo changed, or custody, holds or offer of a lot.
    /// @param unit Its id.
    /// @param state The whole state word, as UnitWord packs it.
    event UnitChanged(bytes32 indexed unit, uint256 state);

    /// @notice A thing was put into a container or taken out of it; UnitChanged of thing and container tell the rest.
    /// @param unit The thing's id.
    /// @param container The container's id; zero if it was taken out.
    event InsideChanged(bytes32 indexed unit, bytes32 indexed container);

    /// @notice A container became free or was reassigned: no cargo inside it is eligible any more.
    /// @param container The container's id.
    event ContentsNotEligible(bytes32 indexed container);

    /// @notice A TRANSFORM used more of a material than the norm that it names allows; it is recorded all the same.
    /// @param eventId Id of the TRANSFORM.
    /// @param material Material id.
    /// @param allowed What the norm allows, in 10^-6 of the unit of measure.
    /// @param used What was used.
    event NormExceeded(bytes32 indexed eventId, bytes32 indexed material, uint256 allowed, uint256 used);

    /// @notice A lot was made; nothing is short or loaded of it.
    /// @param lot Its id.
    /// @param material Material id.
    /// @param sourceLine Receive line, or zero.
    /// @param book Number of its book.
    /// @param origin 1 imported, 2 domestic, 3 own.
    /// @param state Its state word, as UnitWord packs it.
    /// @param balances raw 0..63 | wip 64..127 | finished 128..191 | scrap 192..255.
    event LotCreated(
        bytes32 indexed lot,
        bytes32 material,
        bytes32 sourceLine,
        uint32 book,
        uint8 origin,
        uint256 state,
        uint256 balances
    );

    /// @notice Balances of a lot changed.
    /// @param lot Its id.
    /// @param balances raw 0..63 | wip 64..127 | finished 128..191 | scrap 192..255.
    /// @param more short 0..63 | loaded in total 64..127.
    event LotChanged(bytes32 indexed lot, uint256 balances, uint256 more);

    /// @notice A declaration line was made or amended; LineChanged follows.
    /// @param line Its id.
    /// @param material Material id.
    /// @param original For a change of purpose the line it cites; else zero.
    /// @param version Id of this DECLARE event.
    event LineDeclared(bytes32 indexed line, bytes32 material, bytes32 original, bytes32 version);

    /// @notice State or amounts of a declaration line changed.
    /// @param line Its id.
    /// @param state declarant 0..31 | purpose 32..39 | status 40..47 | holds 48..63.
    /// @param amounts quantity 0..63 | drawn 64..127 | exited 128..191 | returned 192..255.
    event LineChanged(bytes32 indexed line, uint256 state, uint256 amounts);

    /// @notice An event no longer waits for approval: executed, failed at approval, denied or cancelled.
    /// @dev Which of these, the outcome before it says.
    /// @param eventId Id of the event that was pending.
    event PendingEnded(bytes32 indexed eventId);

    /// @notice The ledger ended: from now on its successor takes events, and this one none.
    /// @param successor Address of the ledger that follows.
    event SuccessorSet(address indexed successor);

    /// @notice Take a batch of signed events; each has its own outcome, none costs the others.
    /// @dev Only admitted gateways may call. A gateway has no rights over content. Once there is a successor the
    ///      whole batch reverts, so nothing of it is burned.
    /// @param batch Events with signatures and witnesses.
    /// @return outcomes One code an event, in order; 100, 101, 102 and 608 mean not taken.
    function record(SignedEvent[] calldata batch) external returns (uint16[] memory outcomes);

    /// @notice End this ledger and name the one that follows; once, for good. State is not moved.
    /// @dev Reverts if it has a successor, or there is no other contract at the address. Restricted, with the
    ///      longest delay: a guardian may cancel it meanwhile.
    /// @param next Address of the ledger that follows.
    function setSuccessor(address next) external;

    /// @notice The ledger that follows this one.
    /// @return Its address; zero while this ledger takes events.
    function successor() external view returns (address);

    /// @notice State word of a container, cargo or lot.
    /// @param unit Its id.
    /// @return Word as UnitWord packs it; 0 if there is none.
    function unitOf(bytes32 unit) external view returns (uint256);

    /// @notice Container in which a thing is.
    /// @param unit The thing's id.
    /// @return The container's id; zero if it is in none.
    function containerOf(bytes32 unit) external view returns (bytes32);

    /// @notice A norm with numbers, by the id of the DECLARE event that is its version.
    /// @param version That event's id.
    /// @return The norm; book 0 if there is none.
    function normOf(bytes32 version) external view returns (Norm memory);

    /// @notice How much of a material a norm allows for its base quantity of product.
    /// @param version Id of the DECLARE event.
    /// @param material Material id.
    /// @return In 10^-6 of the unit of measure; 0 if the norm does not name it.
    function coefficientOf(bytes32 version, bytes32 material) external view returns (uint64);

    /// @notice What a lot is and holds.
    /// @param lot Its id.
    /// @return The lot; book 0 if there is none.
    function lotOf(bytes32 lot) external view returns (Lot memory);

    /// @notice What a declaration line is and what is left of it.
    /// @param line Its id.
    /// @return The line; state 0 if there is none.
    function lineOf(bytes32 line) external view returns (DeclaredLine memory);

    /// @notice How much of a lot is loaded for an export line and has not exited.
    /// @param lot The lot's id.
    /// @param line The line's id.
    /// @return In 10^-6 of the unit of measure.
    function loadedOf(bytes32 lot, bytes32 line) external view returns (uint64);

    /// @notice Head of the chain of events that named a unit or line.
    /// @param unit Its id.
    /// @return keccak256(previous head, event id, uint16 outcome); 0 if none named it.
    function headOf(bytes32 unit) external view returns (bytes32);

    /// @notice What waits for approval under an event's id.
    /// @param eventId The event's id.
    /// @return The pending event; kind 0 if nothing waits.
    function pendingOf(bytes32 eventId) external view returns (Pending memory);

    /// @notice Whether a key has used a nonce.
    /// @param signer Address of the key.
    /// @param nonce The nonce.
    /// @return True once an event with it was taken.
    function nonceUsed(address signer, uint64 nonce) external view returns (bool);

    /// @notice EIP-712 domain separator under which events are signed.
    /// @return The separator.
    function domainSeparator() external view returns (bytes32);

    /// @notice The register that says who may act.
    /// @return Address of Participants.
    function participants() external view returns (address);
}
