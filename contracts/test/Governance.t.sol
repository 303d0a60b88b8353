// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";

import {Governance} from "../src/Governance.sol";
import {Participants} from "../src/Participants.sol";
import {Base} from "./Base.t.sol";

/// @notice The constitution on a second engine: whatever an account tries, the rules below hold.
contract GovernanceTest is Base {
    uint64 private constant GUARDIAN = 3;
    uint64 private constant GATEWAY = 2;
    address private constant SECOND = address(0x2222);
    address private constant KEEPER = address(0x3333);
    address private constant SENDER = address(0x4444);

    Governance private governance;

    function setUp() public override {
        super.setUp();
        governance = new Governance(
            address(this),
            Governance.Delays({register: 0, authority: 1 days, recovery: 2 days, succession: 30 days})
        );
        governance.grantRole(1, address(this), 0);
        governance.grantRole(GUARDIAN, KEEPER, 0);
        governance.grantRole(GATEWAY, SENDER, 0);
        governance.addMember(SECOND);
        governance.addMember(address(this));
    }

    function test_member__acts__must_announce_and_wait() public {
        bytes memory act = abi.encodeCall(Governance.removeMember, (SECOND));
        bytes32 id = governance.hashOperation(address(this), address(governance), act);
        vm.expectRevert(abi.encodeWithSelector(_error("AccessManagerNotScheduled(bytes32)"), id));
        governance.removeMember(SECOND);
        governance.schedule(address(governance), act, 0);
        vm.warp(block.timestamp + 1 days - 1);
        vm.expectRevert(abi.encodeWithSelector(_error("AccessManagerNotReady(bytes32)"), id));
        governance.removeMember(SECOND);
        vm.warp(block.timestamp + 1);
        governance.removeMember(SECOND);
        _equal(governance.memberCount(), 1, "members");
    }

    function test_last_member__leaving__is_refused(bool byRenouncing) public {
        vm.prank(SECOND);
        governance.renounceRole(0, SECOND);
        if (byRenouncing) {
            vm.expectRevert(abi.encodeWithSelector(Governance.GovernanceLastMember.selector, address(this)));
            governance.renounceRole(0, address(this));
        } else {
            bytes memory act = abi.encodeCall(Governance.removeMember, (address(this)));
            governance.schedule(address(governance), act, 0);
            vm.warp(block.timestamp + 1 days);
            vm.expectRevert(abi.encodeWithSelector(Governance.GovernanceLastMember.selector, address(this)));
            governance.removeMember(address(this));
        }
        _equal(governance.memberCount(), 1, "members");
    }

    function test_own_removal__cancelled_by_the_removed__is_refused() public {
        bytes memory act = abi.encodeCall(Governance.removeMember, (SECOND));
        governance.schedule(address(governance), act, 0);
        vm.prank(SECOND);
        vm.expectRevert(
            abi.encodeWithSelector(
                _error("AccessManagerUnauthorizedCancel(address,address,address,bytes4)"),
                SECOND,
                address(this),
                address(governance),
                Governance.removeMember.selector
            )
        );
        governance.cancel(address(this), address(governance), act);
        vm.prank(KEEPER);
        governance.cancel(address(this), address(governance), act);
    }

    /// @dev Fuzzed: no other account than a member, a guardian or who announced it can cancel.
    function test_cancel__by_anybody_else__is_refused(address who) public {
        if (who == KEEPER || who == SECOND || who == address(this) || who == address(vm)) return;
        bytes memory act = abi.encodeCall(Governance.addMember, (address(0x5555)));
        governance.schedule(address(governance), act, 0);
        vm.prank(who);
        vm.expectRevert(
            abi.encodeWithSelector(
                _error("AccessManagerUnauthorizedCancel(address,address,address,bytes4)"),
                who,
                address(this),
                address(governance),
                Governance.addMember.selector
            )
        );
        governance.cancel(address(this), address(governance), act);
    }

    /// @dev Fuzzed over roles: guardian and gateway never share an account with another role.
    function test_second_role__beside_guardian_or_gateway__is_refused(uint64 role, bool ofGuardian) public {
        role = uint64(_bound(role, 0, 5));
        uint64 held = ofGuardian ? GUARDIAN : GATEWAY;
        address account = ofGuardian ? KEEPER : SENDER;
        if (role == held) return;
        Governance fresh = new Governance(address(this), Governance.Delays(0, 0, 0, 0));
        fresh.grantRole(1, address(this), 0);
        fresh.grantRole(held, account, 0);
        vm.expectRevert(abi.encodeWithSelector(Governance.GovernanceRoleHeld.selector, account, held));
        fresh.grantRole(role, account, 0);
    }

    function test_recovery__by_a_member__waits_and_ends_every_key() public {
        Participants register = new Participants(address(governance));
        bytes4[] memory recovering = new bytes4[](1);
        recovering[0] = Participants.admit.selector;
        _allow(address(register), recovering, 1);
        recovering[0] = register.addSigner.selector;
        _allow(address(register), recovering, 1);
        recovering[0] = register.recover.selector;
        _allow(address(register), recovering, 4);
        register.admit(1, 1, 255, 0);
        register.addSigner(address(0xa1), 1, 0, 9);
        register.addSigner(address(0xa2), 1, 0, 9);
        bytes memory act =
            abi.encodeWithSelector(register.recover.selector, 1, address(0xb1), 0, 9, bytes32(0));
        governance.schedule(address(register), act, 0);
        vm.warp(block.timestamp + 2 days);
        _equal(register.signerOf(address(0xa1)).revokedAt, 0, "before");
        register.recover(1, address(0xb1), 0, 9, 0);
        _equal(register.signerOf(address(0xa1)).revokedAt, block.timestamp, "first");
        _equal(register.signerOf(address(0xa2)).revokedAt, block.timestamp, "second");
        _equal(register.signerOf(address(0xb1)).revokedAt, 0, "new");
    }

    function _allow(address target, bytes4[] memory selectors, uint64 role) private {
        bytes memory act = abi.encodeCall(AccessManager.setTargetFunctionRole, (target, selectors, role));
        governance.schedule(address(governance), act, 0);
        vm.warp(block.timestamp + 1 days);
        governance.setTargetFunctionRole(target, selectors, role);
    }

    function _error(string memory signature) private pure returns (bytes4) {
        return bytes4(keccak256(bytes(signature)));
    }
}
