// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {Device, IParticipants, Participant, Signer} from "./IParticipants.sol";

/// @title The part of the register that keeps keys: signers, reading keys, measuring devices, recovery
/// @notice A key is added with a window, may be revoked for good, and is never used again or moved. What was
///         recorded under a key stays valid; what was not recorded when it was revoked never enters.
/// @dev Times of revocation are block times, so that anybody can judge what was recorded before. A recovery ends
///      all signers of a participant at once without naming them: each belongs to the epoch in which it was added.
abstract contract Keys is AccessManaged, IParticipants {
    uint8 private constant EPOCH_MAX = 255;

    mapping(uint32 participant => Participant) internal _participants;
    mapping(address signer => Signer) private _signers;
    mapping(bytes32 publicKey => Device) private _devices;
    mapping(uint32 participant => mapping(uint8 epoch => uint64 time)) private _epochEndedAt;

    /// @notice An organisation has a new reading key; older payloads stay sealed to the older key.
    /// @param participant Its number.
    /// @param readingKey The new X25519 public key.
    event ReadingKeyChanged(uint32 indexed participant, bytes32 readingKey);

    /// @notice A key may sign for an organisation.
    /// @param signer Address of the key.
    /// @param participant Number of the organisation.
    /// @param validFrom First second at which it may sign.
    /// @param validUntil Last second at which it may sign.
    event SignerAdded(
        address indexed signer, uint32 indexed participant, uint64 validFrom, uint64 validUntil
    );

    /// @notice The key just added may act at one place only.
    /// @param signer Address of the key.
    /// @param facility Number of the place.
    event SignerLimited(address indexed signer, uint32 indexed facility);

    /// @notice A key may never sign again; what was recorded under it stays valid.
    /// @param signer Address of the key.
    /// @param participant Number of the organisation.
    event SignerRevoked(address indexed signer, uint32 indexed participant);

    /// @notice An organisation lost its keys: all its signers of before are revoked; SignerAdded and, where it
    ///         changes, ReadingKeyChanged follow.
    /// @param participant Its number.
    /// @param keyEpoch Its key epoch from now on.
    event ParticipantRecovered(uint32 indexed participant, uint8 keyEpoch);

    /// @notice A measuring device was registered.
    /// @param publicKey Its Ed25519 public key.
    /// @param participant Whose device it is.
    /// @param facility Where it stands; 0 for one that is carried about.
    /// @param validFrom First second at which its readings count.
    /// @param validUntil Last second at which its readings count.
    /// @param calibratedUntil Last second up to which its calibration holds.
    event DeviceAdded(
        bytes32 indexed publicKey,
        uint32 indexed participant,
        uint32 facility,
        uint64 validFrom,
        uint64 validUntil,
        uint64 calibratedUntil
    );

    /// @notice A device was calibrated, or found out of calibration.
    /// @param publicKey Its Ed25519 public key.
    /// @param calibratedUntil Last second up to which its calibration holds from now on.
    event DeviceCalibrated(bytes32 indexed publicKey, uint64 calibratedUntil);

    /// @notice A device's readings count no longer; those recorded before still do.
    /// @param publicKey Its Ed25519 public key.
    /// @param participant Whose device it is.
    event DeviceRevoked(bytes32 indexed publicKey, uint32 indexed participant);

    /// @notice No organisation was admitted under this number.
    /// @param participant What was given.
    error ParticipantsUnknown(uint32 participant);

    /// @notice The call would change nothing.
    /// @param number Participant, facility or book that already stands so.
    error ParticipantsUnchanged(uint32 number);

    /// @notice The zero address cannot sign.
    error ParticipantsSignerZero();

    /// @notice The key already belongs to an organisation; a key is never re-used or moved.
    /// @param signer Address of the key.
    /// @param participant Whose it is.
    error ParticipantsSignerExists(address signer, uint32 participant);

    /// @notice The key is not known.
    /// @param signer Address of the key.
    error ParticipantsSignerUnknown(address signer);

    /// @notice The key is already revoked.
    /// @param signer Address of the key.
    error ParticipantsSignerAlreadyRevoked(address signer);

    /// @notice The key's window ends before it begins.
    /// @param validFrom First second.
    /// @param validUntil Last second.
    error ParticipantsWindowEmpty(uint64 validFrom, uint64 validUntil);

    /// @notice No place was set up under this number.
    /// @param facility What was given.
    error ParticipantsFacilityUnknown(uint32 facility);

    /// @notice An organisation's keys can be recovered 255 times.
    /// @param participant Its number.
    error ParticipantsRecoveriesExhausted(uint32 participant);

    /// @notice Zero is no public key.
    error ParticipantsDeviceZero();

    /// @notice The device is already registered; its key is never re-used or moved.
    /// @param publicKey Its Ed25519 public key.
    /// @param participant Whose it is.
    error ParticipantsDeviceExists(bytes32 publicKey, uint32 participant);

    /// @notice The device is not known.
    /// @param publicKey What was given.
    error ParticipantsDeviceUnknown(bytes32 publicKey);

    /// @notice The device is revoked.
    /// @param publicKey Its Ed25519 public key.
    error ParticipantsDeviceAlreadyRevoked(bytes32 publicKey);

    /// @notice The device's calibration already ends then.
    /// @param publicKey Its Ed25519 public key.
    error ParticipantsDeviceUnchanged(bytes32 publicKey);

    /// @notice Give an organisation a new reading key.
    /// @dev Reverts if it is unknown or has this key.
    /// @param participant Its number.
    /// @param readingKey The new X25519 public key.
    function setReadingKey(uint32 participant, bytes32 readingKey) external restricted {
        Participant storage stored = _known(participant);
        if (stored.readingKey == readingKey) revert ParticipantsUnchanged(participant);
        stored.readingKey = readingKey;
        emit ReadingKeyChanged(participant, readingKey);
    }

    /// @notice Let a key sign for an organisation during a window.
    /// @dev Reverts if the organisation is unknown, the key is zero or known, or the window is empty.
    /// @param signer Address of the key.
    /// @param participant Number of the organisation.
    /// @param validFrom First second (since 1970 UTC) at which it may sign.
    /// @param validUntil Last second at which it may sign.
    function addSigner(address signer, uint32 participant, uint64 validFrom, uint64 validUntil)
        external
        restricted
    {
        _addSigner(signer, participant, validFrom, validUntil, 0);
    }

    /// @notice Let a key sign for an organisation during a window, for what happens at one place only: a gate
    ///         clerk's phone.
    /// @dev Reverts as addSigner, and if there is no such place.
    /// @param signer Address of the key.
    /// @param participant Number of the organisation.
    /// @param validFrom First second (since 1970 UTC) at which it may sign.
    /// @param validUntil Last second at which it may sign.
    /// @param facility Number of the place.
    function addSignerAt(
        address signer,
        uint32 participant,
        uint64 validFrom,
        uint64 validUntil,
        uint32 facility
    ) external restricted {
        _checkFacility(facility);
        _addSigner(signer, participant, validFrom, validUntil, facility);
        emit SignerLimited(signer, facility);
    }

    /// @notice Revoke a key for good.
    /// @dev Reverts if the key is unknown or revoked. Recorded events stay valid; events signed with it and
    ///      not yet recorded are refused.
    /// @param signer Address of the key.
    function revokeSigner(address signer) external restricted {
        Signer memory found = signerOf(signer);
        if (found.participant == 0) revert ParticipantsSignerUnknown(signer);
        if (found.revokedAt != 0) revert ParticipantsSignerAlreadyRevoked(signer);
        _signers[signer].revokedAt = uint64(block.timestamp);
        emit SignerRevoked(signer, found.participant);
    }

    /// @notice Give an organisation that lost all its keys new ones: revokes every signer it has, whichever they
    ///         are, adds one, and sets its reading key.
    /// @dev Reverts if the organisation is unknown or was recovered 255 times, the key is zero or known, or the
    ///      window is empty. The AccessManager holds it back for a time in which a guardian may cancel it.
    ///      Devices stay as they are.
    /// @param participant Its number.
    /// @param signer Address of its new key.
    /// @param validFrom First second (since 1970 UTC) at which that key may sign.
    /// @param validUntil Last second at which that key may sign.
    /// @param readingKey Its X25519 public key from now on; may be the one it has.
    function recover(
        uint32 participant,
        address signer,
        uint64 validFrom,
        uint64 validUntil,
        bytes32 readingKey
    ) external restricted {
        Participant storage stored = _known(participant);
        uint8 epoch = stored.keyEpoch;
        if (epoch == EPOCH_MAX) revert ParticipantsRecoveriesExhausted(participant);
        _epochEndedAt[participant][epoch] = uint64(block.timestamp);
        stored.keyEpoch = epoch + 1;
        emit ParticipantRecovered(participant, epoch + 1);
        _addSigner(signer, participant, validFrom, validUntil, 0);
        if (stored.readingKey == readingKey) return;
        stored.readingKey = readingKey;
        emit ReadingKeyChanged(participant, readingKey);
    }

    /// @notice Register a measuring device.
    /// @dev Reverts if the key is zero or known, the organisation or a place that is named unknown, or the window
    ///      empty.
    /// @param publicKey Its Ed25519 public key.
    /// @param participant Whose device it is.
    /// @param facility Where it stands; 0 for one that is carried about.
    /// @param validFrom First second (since 1970 UTC) at which its readings count.
    /// @param validUntil Last second at which its readings count.
    /// @param calibratedUntil Last second up to which its calibration holds; 0 for none yet.
    function addDevice(
        bytes32 publicKey,
        uint32 participant,
        uint32 facility,
        uint64 validFrom,
        uint64 validUntil,
        uint64 calibratedUntil
    ) external restricted {
        _known(participant);
        if (publicKey == 0) revert ParticipantsDeviceZero();
        uint32 owner = _devices[publicKey].participant;
        if (owner != 0) revert ParticipantsDeviceExists(publicKey, owner);
        if (facility != 0) _checkFacility(facility);
        if (validUntil < validFrom) revert ParticipantsWindowEmpty(validFrom, validUntil);
        _devices[publicKey] = Device({
            participant: participant,
            facility: facility,
            validFrom: validFrom,
            validUntil: validUntil,
            calibratedUntil: calibratedUntil,
            revokedAt: 0
        });
        emit DeviceAdded(publicKey, participant, facility, validFrom, validUntil, calibratedUntil);
    }

    /// @notice State until when a device's calibration holds; an earlier time than before is right where it was
    ///         found wrong.
    /// @dev Reverts if the device is unknown or revoked, or nothing would change.
    /// @param publicKey Its Ed25519 public key.
    /// @param calibratedUntil Last second up to which its calibration holds.
    function setCalibration(bytes32 publicKey, uint64 calibratedUntil) external restricted {
        Device storage stored = _standingDevice(publicKey);
        if (stored.calibratedUntil == calibratedUntil) revert ParticipantsDeviceUnchanged(publicKey);
        stored.calibratedUntil = calibratedUntil;
        emit DeviceCalibrated(publicKey, calibratedUntil);
    }

    /// @notice Revoke a device for good.
    /// @dev Reverts if the device is unknown or revoked.
    /// @param publicKey Its Ed25519 public key.
    function revokeDevice(bytes32 publicKey) external restricted {
        Device storage stored = _standingDevice(publicKey);
        stored.revokedAt = uint64(block.timestamp);
        emit DeviceRevoked(publicKey, stored.participant);
    }

    /// @inheritdoc IParticipants
    function signerOf(address signer) public view returns (Signer memory found) {
        found = _signers[signer];
        uint32 holder = found.participant;
        if (found.revokedAt == 0 && found.epoch != _participants[holder].keyEpoch) {
            found.revokedAt = _epochEndedAt[holder][found.epoch];
        }
    }

    /// @inheritdoc IParticipants
    function deviceOf(bytes32 publicKey) external view returns (Device memory) {
        return _devices[publicKey];
    }

    /// @dev Reverts if there is no such place.
    function _checkFacility(uint32 facility) internal view virtual;

    function _known(uint32 participant) internal view returns (Participant storage stored) {
        stored = _participants[participant];
        if (stored.roles == 0) revert ParticipantsUnknown(participant);
    }

    function _addSigner(
        address signer,
        uint32 participant,
        uint64 validFrom,
        uint64 validUntil,
        uint32 facility
    ) private {
        uint8 epoch = _known(participant).keyEpoch;
        if (signer == address(0)) revert ParticipantsSignerZero();
        uint32 holder = _signers[signer].participant;
        if (holder != 0) revert ParticipantsSignerExists(signer, holder);
        if (validUntil < validFrom) revert ParticipantsWindowEmpty(validFrom, validUntil);
        _signers[signer] = Signer({
            participant: participant,
            validFrom: validFrom,
            validUntil: validUntil,
            revokedAt: 0,
            facility: uint24(facility), // a place that exists has a number below 2^24
            epoch: epoch
        });
        emit SignerAdded(signer, participant, validFrom, validUntil);
    }

    function _standingDevice(bytes32 publicKey) private view returns (Device storage stored) {
        stored = _devices[publicKey];
        if (stored.participant == 0) revert ParticipantsDeviceUnknown(publicKey);
        if (stored.revokedAt != 0) revert ParticipantsDeviceAlreadyRevoked(publicKey);
    }
}
