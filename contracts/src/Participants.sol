// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {Book, Facility, IParticipants, Participant} from "./IParticipants.sol";
import {Keys} from "./Keys.sol";
import {Roles} from "./Vocabulary.sol";

/// @title The register of participants, facilities and books; keys are in Keys
/// @notice Who may do what on the custody ledger. Only the authority changes it, through an AccessManager.
/// @dev Every changing function is restricted by the AccessManager and emits what it changed, so that the
///      register can be rebuilt from its events. Nothing is ever deleted: organisations are suspended, keys
///      revoked. A call that would change nothing reverts, so no event is ever empty. Numbers of
///      participants, facilities and books lie in 1 .. 2^24-1, since the ledger packs them into 24 bits.
contract Participants is Keys {
    uint16 private constant ALL_ROLES = 511;
    uint8 private constant NO_HOLD_BIT = 255;
    uint8 private constant HOLD_BIT_MAX = 15;
    uint32 private constant NUMBER_MAX = 2 ** 24 - 1;

    mapping(uint32 facility => Facility) private _facilities;
    mapping(uint32 book => Book) private _books;
    mapping(uint8 holdBit => uint32 participant) private _holdBitHolder;
    mapping(uint32 participant => mapping(uint32 facility => uint16 roles)) private _facilityRoles;

    /// @notice An organisation was admitted.
    /// @param participant Its number.
    /// @param roles Bit mask of its roles.
    /// @param holdBit The hold it may set, 0 to 15; 255 none.
    /// @param readingKey X25519 public key for payloads.
    event ParticipantAdmitted(uint32 indexed participant, uint16 roles, uint8 holdBit, bytes32 readingKey);

    /// @notice The roles of an organisation were changed.
    /// @param participant Its number.
    /// @param roles Bit mask of all roles it has from now on.
    event RolesChanged(uint32 indexed participant, uint16 roles);

    /// @notice An organisation was suspended: all its acts are refused.
    /// @param participant Its number.
    event ParticipantSuspended(uint32 indexed participant);

    /// @notice A suspended organisation may act again.
    /// @param participant Its number.
    event ParticipantReinstated(uint32 indexed participant);

    /// @notice Roles of an organisation at one place, beside those that it has everywhere.
    /// @param participant Its number.
    /// @param facility Number of the place.
    /// @param roles Bit mask of all roles it has there from now on; 0 for none.
    event FacilityRolesSet(uint32 indexed participant, uint32 indexed facility, uint16 roles);

    /// @notice A place was set up or changed.
    /// @param facility Its number.
    /// @param operator Participant that runs it.
    /// @param supervised Whether goods there are under customs supervision.
    event FacilitySet(uint32 indexed facility, uint32 indexed operator, bool supervised);

    /// @notice A book was set up or changed.
    /// @param book Its number.
    /// @param owner Participant whose book it is.
    /// @param regime Customs regime number.
    /// @param options Bit mask of its options.
    event BookSet(uint32 indexed book, uint32 indexed owner, uint8 regime, uint8 options);

    /// @notice A book takes no opening stock any more.
    /// @param book Its number.
    event OpeningClosed(uint32 indexed book);

    /// @notice The number is zero or does not fit 24 bits.
    /// @param number What was given.
    error ParticipantsNumberOutOfRange(uint32 number);

    /// @notice No role, or a role that does not exist.
    /// @param roles What was given.
    error ParticipantsRolesInvalid(uint16 roles);

    /// @notice A hold bit is 0 to 15, or 255 for none.
    /// @param holdBit What was given.
    error ParticipantsHoldBitOutOfRange(uint8 holdBit);

    /// @notice Another organisation already has this hold.
    /// @param holdBit What was given.
    /// @param holder Who has it.
    error ParticipantsHoldBitTaken(uint8 holdBit, uint32 holder);

    /// @notice The organisation is already admitted.
    /// @param participant Its number.
    error ParticipantsAlreadyAdmitted(uint32 participant);

    /// @notice The organisation is already suspended.
    /// @param participant Its number.
    error ParticipantsAlreadySuspended(uint32 participant);

    /// @notice The organisation is not suspended.
    /// @param participant Its number.
    error ParticipantsNotSuspended(uint32 participant);

    /// @notice A book keeps its owner.
    /// @param book Its number.
    /// @param owner Whose it is.
    error ParticipantsBookOwnerFixed(uint32 book, uint32 owner);

    /// @notice No book was set up under this number.
    /// @param book What was given.
    error ParticipantsBookUnknown(uint32 book);

    /// @notice The book's opening is already closed.
    /// @param book Its number.
    error ParticipantsOpeningAlreadyClosed(uint32 book);

    /// @notice The register obeys one AccessManager.
    /// @param manager Address of the AccessManager.
    constructor(address manager) AccessManaged(manager) {}

    /// @notice Admit an organisation.
    /// @dev Reverts if the number is out of range or taken, the roles are none or unknown, or the hold bit is
    ///      out of range or another's.
    /// @param participant Its number, 1 .. 2^24-1.
    /// @param roles Bit mask of its roles, at least one.
    /// @param holdBit The hold it may set, 0 to 15; 255 none.
    /// @param readingKey X25519 public key for payloads.
    function admit(uint32 participant, uint16 roles, uint8 holdBit, bytes32 readingKey) external restricted {
        _checkNumber(participant);
        _checkRoles(roles);
        if (_participants[participant].roles != 0) revert ParticipantsAlreadyAdmitted(participant);
        if (holdBit != NO_HOLD_BIT) {
            if (holdBit > HOLD_BIT_MAX) revert ParticipantsHoldBitOutOfRange(holdBit);
            uint32 holder = _holdBitHolder[holdBit];
            if (holder != 0) revert ParticipantsHoldBitTaken(holdBit, holder);
            _holdBitHolder[holdBit] = participant;
        }
        _participants[participant] = Participant({
            roles: roles,
            holdBit: holdBit,
            suspended: false,
            supervisedCount: 0,
            keyEpoch: 0,
            readingKey: readingKey
        });
        emit ParticipantAdmitted(participant, roles, holdBit, readingKey);
    }

    /// @notice Give an organisation other roles.
    /// @dev Reverts if it is unknown, the roles are none or unknown, or it has exactly these.
    /// @param participant Its number.
    /// @param roles Bit mask of all roles it has from now on, at least one.
    function setRoles(uint32 participant, uint16 roles) external restricted {
        Participant storage stored = _known(participant);
        _checkRoles(roles);
        if (stored.roles == roles) revert ParticipantsUnchanged(participant);
        stored.roles = roles;
        emit RolesChanged(participant, roles);
    }

    /// @notice Give an organisation roles at one place, beside those that it has everywhere. One that shall have
    ///         no other roles is admitted with the role LOCAL.
    /// @dev Reverts if the organisation or the place is unknown, a role unknown or LOCAL, or it has exactly these.
    /// @param participant Its number.
    /// @param facility Number of the place.
    /// @param roles Bit mask of all roles it has there from now on; 0 for none.
    function setFacilityRoles(uint32 participant, uint32 facility, uint16 roles) external restricted {
        _known(participant);
        _checkFacility(facility);
        if (roles > ALL_ROLES || roles & Roles.LOCAL != 0) revert ParticipantsRolesInvalid(roles);
        if (_facilityRoles[participant][facility] == roles) revert ParticipantsUnchanged(participant);
        _facilityRoles[participant][facility] = roles;
        emit FacilityRolesSet(participant, facility, roles);
    }

    /// @notice Suspend an organisation: its acts are refused until it is reinstated.
    /// @dev Reverts if it is unknown or suspended.
    /// @param participant Its number.
    function suspend(uint32 participant) external restricted {
        Participant storage stored = _known(participant);
        if (stored.suspended) revert ParticipantsAlreadySuspended(participant);
        stored.suspended = true;
        emit ParticipantSuspended(participant);
    }

    /// @notice Let a suspended organisation act again.
    /// @dev Reverts if it is unknown or not suspended.
    /// @param participant Its number.
    function reinstate(uint32 participant) external restricted {
        Participant storage stored = _known(participant);
        if (!stored.suspended) revert ParticipantsNotSuspended(participant);
        stored.suspended = false;
        emit ParticipantReinstated(participant);
    }

    /// @notice Set up or change a place.
    /// @dev Reverts if the number is out of range, the operator unknown, or nothing would change.
    /// @param facility Its number, 1 .. 2^24-1.
    /// @param operator Participant that runs it.
    /// @param supervised Whether goods there are under customs supervision.
    function setFacility(uint32 facility, uint32 operator, bool supervised) external restricted {
        _checkNumber(facility);
        _known(operator);
        Facility memory before = _facilities[facility];
        if (before.operator == operator && before.supervised == supervised) {
            revert ParticipantsUnchanged(facility);
        }
        if (before.supervised) _participants[before.operator].supervisedCount -= 1;
        if (supervised) _participants[operator].supervisedCount += 1;
        _facilities[facility] = Facility({operator: operator, supervised: supervised});
        emit FacilitySet(facility, operator, supervised);
    }

    /// @notice Set up a book, its opening open; or change regime and options of one that exists.
    /// @dev Reverts if the number is out of range, the owner unknown or another than before, or nothing
    ///      would change.
    /// @param book Its number, 1 .. 2^24-1.
    /// @param owner Participant whose book it is; fixed once set.
    /// @param regime Customs regime number.
    /// @param options Bit mask of its options.
    function setBook(uint32 book, uint32 owner, uint8 regime, uint8 options) external restricted {
        _checkNumber(book);
        _known(owner);
        Book memory before = _books[book];
        if (before.owner != 0 && before.owner != owner) {
            revert ParticipantsBookOwnerFixed(book, before.owner);
        }
        if (before.owner == owner && before.regime == regime && before.options == options) {
            revert ParticipantsUnchanged(book);
        }
        bool openingOpen = before.owner == 0 || before.openingOpen;
        _books[book] = Book({owner: owner, regime: regime, options: options, openingOpen: openingOpen});
        emit BookSet(book, owner, regime, options);
    }

    /// @notice Take no opening stock into a book any more; what is pending then fails at approval.
    /// @dev Reverts if the book is unknown or its opening closed.
    /// @param book Its number.
    function closeOpening(uint32 book) external restricted {
        Book storage stored = _books[book];
        if (stored.owner == 0) revert ParticipantsBookUnknown(book);
        if (!stored.openingOpen) revert ParticipantsOpeningAlreadyClosed(book);
        stored.openingOpen = false;
        emit OpeningClosed(book);
    }

    /// @inheritdoc IParticipants
    function participantOf(uint32 participant) external view returns (Participant memory) {
        return _participants[participant];
    }

    /// @inheritdoc IParticipants
    function facilityRolesOf(uint32 participant, uint32 facility) external view returns (uint16) {
        return _facilityRoles[participant][facility];
    }

    /// @inheritdoc IParticipants
    function facilityOf(uint32 facility) external view returns (Facility memory) {
        return _facilities[facility];
    }

    /// @inheritdoc IParticipants
    function bookOf(uint32 book) external view returns (Book memory) {
        return _books[book];
    }

    function _checkFacility(uint32 facility) internal view override {
        if (_facilities[facility].operator == 0) revert ParticipantsFacilityUnknown(facility);
    }

    function _checkNumber(uint32 number) private pure {
        if (number == 0 || number > NUMBER_MAX) revert ParticipantsNumberOutOfRange(number);
    }

    function _checkRoles(uint16 roles) private pure {
        if (roles == 0 || roles > ALL_ROLES) revert ParticipantsRolesInvalid(roles);
    }
}
