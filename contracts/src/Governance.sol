// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";

/// @title Who governs the network: the authority's members, its guardians, the gateways
/// @notice OpenZeppelin's AccessManager with a constitution. Any member may act; a dangerous act waits for a time
///         after it was announced, and any guardian or member may cancel it meanwhile. So neither one lost nor one
///         stolen key of a member ends or takes over the network.
/// @dev Roles: 0 the authority itself (members, guardians, delays, what each role may call), 1 REGISTRAR (the
///      register), 2 GATEWAY (record), 3 GUARDIAN, 4 RECOVERY (recover a participant's keys), 5 SUCCESSION (end the
///      ledger). A member has 0, 1, 4 and 5, each with its delay; registrars admit gateways. The last member cannot
///      be removed, nor remove itself. A guardian or a gateway has no other role: a veto over oneself is none.
contract Governance is AccessManager {
    uint64 private constant REGISTRAR = 1;
    uint64 private constant GATEWAY = 2;
    uint64 private constant GUARDIAN = 3;
    uint64 private constant RECOVERY = 4;
    uint64 private constant SUCCESSION = 5;

    /// @notice Seconds between announcing an act and carrying it out; 0 for at once.
    /// @param register Changes of the register: participants, keys, devices, places, books, gateways.
    /// @param authority Changes of members, guardians, delays, and of what each role may call.
    /// @param recovery Recovery of a participant's keys.
    /// @param succession The end of a ledger.
    struct Delays {
        uint32 register;
        uint32 authority;
        uint32 recovery;
        uint32 succession;
    }

    uint256 private _members;
    Delays private _delays;

    /// @notice The delays under which members act were set.
    /// @param delays Seconds; members of before keep theirs until they are added again.
    event DelaysSet(Delays delays);

    /// @notice The authority would have no member left.
    /// @param account The last member.
    error GovernanceLastMember(address account);

    /// @notice Guardians and gateways have no other role, and nobody else has theirs.
    /// @param account Who would have two roles.
    /// @param held The role that it has.
    error GovernanceRoleHeld(address account, uint64 held);

    /// @notice One account sets the network up, without delay, until it is added as a member like all others.
    /// @param first That account.
    /// @param delays_ Seconds, for all members.
    constructor(address first, Delays memory delays_) AccessManager(first) {
        _delays = delays_;
        _setRoleAdmin(GATEWAY, REGISTRAR);
        emit DelaysSet(delays_);
    }

    /// @notice Make an account a member of the authority; for one that is, the delays of now apply from then on (a
    ///         shorter one after the difference to its old one).
    /// @dev Restricted to members. Reverts if the account is a guardian or a gateway.
    /// @param account The account.
    function addMember(address account) external onlyAuthorized {
        _grantRole(REGISTRAR, account, 0, _delays.register);
        _grantRole(RECOVERY, account, 0, _delays.recovery);
        _grantRole(SUCCESSION, account, 0, _delays.succession);
        _grantRole(ADMIN_ROLE, account, 0, _delays.authority);
    }

    /// @notice Take an account out of the authority.
    /// @dev Restricted to members. Reverts if it is the last one. What it announced cannot be carried out any more.
    /// @param account The account.
    function removeMember(address account) external onlyAuthorized {
        _revokeRole(ADMIN_ROLE, account);
        _revokeRole(REGISTRAR, account);
        _revokeRole(RECOVERY, account);
        _revokeRole(SUCCESSION, account);
    }

    /// @notice Set the delays for members that are added from now on.
    /// @dev Restricted to members.
    /// @param delays_ Seconds.
    function setDelays(Delays calldata delays_) external onlyAuthorized {
        _delays = delays_;
        emit DelaysSet(delays_);
    }

    /// @notice The delays that a member gets.
    /// @return Seconds.
    function delays() external view returns (Delays memory) {
        return _delays;
    }

    /// @notice How many members the authority has.
    /// @return The number, never 0.
    function memberCount() external view returns (uint256) {
        return _members;
    }

    /// @dev Guardians and gateways have no second role.
    function _grantRole(uint64 roleId, address account, uint32 grantDelay, uint32 executionDelay)
        internal
        override
        returns (bool isNew)
    {
        bool alone = roleId == GUARDIAN || roleId == GATEWAY;
        for (uint64 held = ADMIN_ROLE; held <= SUCCESSION; ++held) {
            bool conflicts = held != roleId && (alone || held == GUARDIAN || held == GATEWAY);
            if (conflicts && _has(held, account)) revert GovernanceRoleHeld(account, held);
        }
        isNew = super._grantRole(roleId, account, grantDelay, executionDelay);
        if (isNew && roleId == ADMIN_ROLE) ++_members;
    }

    /// @dev The last member stays, also where it renounces.
    function _revokeRole(uint64 roleId, address account) internal override returns (bool) {
        if (roleId == ADMIN_ROLE && _has(ADMIN_ROLE, account)) {
            if (_members == 1) revert GovernanceLastMember(account);
            --_members;
        }
        return super._revokeRole(roleId, account);
    }

    /// @dev A guardian may cancel whatever was announced, as may a member; nobody its own removal, or a stolen key
    ///      could keep its place for ever.
    function _canCancel(address caller, address target, bytes calldata data)
        internal
        view
        override
        returns (bool)
    {
        address sender = _msgSender();
        if (caller != sender && target == address(this) && _removes(data, sender)) return false;
        (bool isGuardian,) = hasRole(GUARDIAN, sender);
        return isGuardian || super._canCancel(caller, target, data);
    }

    function _removes(bytes calldata data, address account) private pure returns (bool) {
        bytes32 act = keccak256(data);
        return act == keccak256(abi.encodeWithSelector(Governance.removeMember.selector, account))
            || act == keccak256(abi.encodeWithSelector(this.revokeRole.selector, ADMIN_ROLE, account))
            || act == keccak256(abi.encodeWithSelector(this.revokeRole.selector, GUARDIAN, account));
    }

    function _has(uint64 roleId, address account) private view returns (bool) {
        (uint48 since,,,) = getAccess(roleId, account);
        return since != 0;
    }
}
