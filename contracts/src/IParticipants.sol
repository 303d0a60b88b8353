// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice An organisation admitted by the authority; one storage slot and its reading key.
/// @param roles Bit mask (Roles in Vocabulary.sol); 0 means never admitted.
/// @param holdBit Which hold it may set on things and lines, 0 to 15; 255 none.
/// @param suspended Whether all its acts are refused at present.
/// @param supervisedCount How many supervised facilities it operates.
/// @param readingKey X25519 public key to which payloads for it are sealed.
struct Participant {
    uint16 roles;
    uint8 holdBit;
    bool suspended;
    uint32 supervisedCount;
    bytes32 readingKey;
}

/// @notice A key that may sign for a participant; one storage slot.
/// @param participant Number of the participant; 0 means unknown.
/// @param validFrom First second (since 1970 UTC) at which it may sign.
/// @param validUntil Last second at which it may sign.
/// @param revoked Whether it was revoked, for good.
struct Signer {
    uint32 participant;
    uint64 validFrom;
    uint64 validUntil;
    bool revoked;
}

/// @notice A place.
/// @param operator Participant that runs it; 0 means unknown.
/// @param supervised Whether goods standing there are under customs supervision.
struct Facility {
    uint32 operator;
    bool supervised;
}

/// @notice The account that a processor settles.
/// @param owner Participant whose book it is; 0 means unknown.
/// @param regime Customs regime number, for index and tracer.
/// @param options Bit mask (BookOptions in Vocabulary.sol).
/// @param openingOpen Whether OPENING is still taken.
struct Book {
    uint32 owner;
    uint8 regime;
    uint8 options;
    bool openingOpen;
}

/// @title What the custody ledger asks the register of participants
interface IParticipants {
    /// @notice An organisation, or all zero if never admitted.
    /// @param participant Its number.
    /// @return The organisation.
    function participantOf(uint32 participant) external view returns (Participant memory);

    /// @notice A key, or all zero if unknown.
    /// @param signer Address of the key.
    /// @return The key's standing.
    function signerOf(address signer) external view returns (Signer memory);

    /// @notice A place, or all zero if unknown.
    /// @param facility Its number.
    /// @return The place.
    function facilityOf(uint32 facility) external view returns (Facility memory);

    /// @notice A book, or all zero if unknown.
    /// @param book Its number.
    /// @return The book.
    function bookOf(uint32 book) external view returns (Book memory);
}
