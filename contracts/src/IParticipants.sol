// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice An organisation admitted by the authority; one storage slot and its reading key.
/// @param roles Bit mask (Roles in Vocabulary.sol); 0 means never admitted.
/// @param holdBit Which hold it may set on things and lines, 0 to 15; 255 none.
/// @param suspended Whether all its acts are refused at present.
/// @param supervisedCount How many supervised facilities it operates.
/// @param keyEpoch How often its keys were recovered; keys of earlier epochs are revoked.
/// @param readingKey X25519 public key to which payloads for it are sealed.
struct Participant {
    uint16 roles;
    uint8 holdBit;
    bool suspended;
    uint32 supervisedCount;
    uint8 keyEpoch;
    bytes32 readingKey;
}

/// @notice A key that may sign for a participant; one storage slot.
/// @param participant Number of the participant; 0 means unknown.
/// @param validFrom First second (since 1970 UTC) at which it may sign.
/// @param validUntil Last second at which it may sign.
/// @param revokedAt Block time at which it was revoked, for good; 0 if it was not.
/// @param facility The one place at which it may act; 0 for a key that may act anywhere.
/// @param epoch The participant's key epoch in which it was added.
struct Signer {
    uint32 participant;
    uint64 validFrom;
    uint64 validUntil;
    uint64 revokedAt;
    uint24 facility;
    uint8 epoch;
}

/// @notice A measuring device's Ed25519 key. The ledger cannot check its signatures; index and verifiers do.
/// @param participant Whose device it is; 0 means unknown.
/// @param facility Where it stands; 0 for a device that is carried about.
/// @param validFrom First second at which its readings count.
/// @param validUntil Last second at which its readings count.
/// @param calibratedUntil Last second up to which its calibration holds.
/// @param revokedAt Block time at which it was revoked, for good; 0 if it was not.
struct Device {
    uint32 participant;
    uint32 facility;
    uint64 validFrom;
    uint64 validUntil;
    uint64 calibratedUntil;
    uint64 revokedAt;
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
    /// @return The key's standing; a key that a recovery ended shows when.
    function signerOf(address signer) external view returns (Signer memory);

    /// @notice A measuring device, or all zero if unknown.
    /// @param publicKey Its Ed25519 public key.
    /// @return The device's standing.
    function deviceOf(bytes32 publicKey) external view returns (Device memory);

    /// @notice Roles that an organisation has at one place only, beside those that it has everywhere.
    /// @param participant Its number.
    /// @param facility Number of the place.
    /// @return Bit mask of roles; 0 if none.
    function facilityRolesOf(uint32 participant, uint32 facility) external view returns (uint16);

    /// @notice A place, or all zero if unknown.
    /// @param facility Its number.
    /// @return The place.
    function facilityOf(uint32 facility) external view returns (Facility memory);

    /// @notice A book, or all zero if unknown.
    /// @param book Its number.
    /// @return The book.
    function bookOf(uint32 book) external view returns (Book memory);
}
