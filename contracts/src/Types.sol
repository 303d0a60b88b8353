// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice One unit (or declaration line) that an event names.
/// @param unit Id of a container, cargo, lot or declaration line; zero for a stock named only by code.
/// @param material Material id where the unit is made or declared by this event, else zero.
/// @param balance Which balance of a lot: 0 none, 1 raw, 2 wip, 3 finished, 4 scrap, 5 short, 6 loaded.
/// @param quantity In 10^-6 of the unit of measure.
/// @param role What the unit is in this event (LineRole in ledger/vocabulary.py).
struct Line {
    bytes32 unit;
    bytes32 material;
    uint8 balance;
    uint64 quantity;
    uint8 role;
}

/// @notice What a participant signs (EIP-712); one structure for all kinds.
/// @param kind Number of the kind (ledger/vocabulary.py).
/// @param step The finer step; evidence only, but LINE_CANCELLED (20) makes CLEAR cancel, and NORM (17) makes a
///        DECLARE with lines a norm with numbers.
/// @param lines Ascending by unit, none twice, at most 64.
/// @param counterparty Participant number: offeree of OFFER and TRANSFER, declarant that customs names in DECLARE,
///        custodian that it names in REASSIGN; else 0.
/// @param facility Facility number, or 0.
/// @param book Book number, or 0.
/// @param reference_ The event that this one answers, approves or corrects, or the line it draws from.
///        In the signed type it is `reference`, which Solidity reserves as a word.
/// @param occurredAt Milliseconds since 1970 UTC.
/// @param deadline Seconds since 1970 UTC; refused later; for OFFER also its expiry.
/// @param nonce Used once per signer, in any order.
/// @param commitment Binds the full content, which is off chain.
struct CustodyEvent {
    uint8 kind;
    uint16 step;
    Line[] lines;
    uint32 counterparty;
    uint32 facility;
    uint32 book;
    bytes32 reference_;
    uint64 occurredAt;
    uint64 deadline;
    uint64 nonce;
    bytes32 commitment;
}

/// @notice An event with its signature, as a gateway sends it.
/// @param custodyEvent The signed content.
/// @param signature 65 bytes r, s, v over the EIP-712 digest; low s.
/// @param witness What the contract must see but nobody signs: for APPROVE abi.encode(pending event), for an ACCEPT
///        into a book abi.encode(TRANSFER), for CORRECT abi.encode(corrected event, its signature); else empty.
struct SignedEvent {
    CustodyEvent custodyEvent;
    bytes signature;
    bytes witness;
}
