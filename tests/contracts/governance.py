"""What the tests of the access control share."""

from __future__ import annotations

OWN_OF_GOVERNANCE = {
    "addMember(address)", "removeMember(address)", "setDelays((uint32,uint32,uint32,uint32))", "delays()", "memberCount()",
    "DelaysSet((uint32,uint32,uint32,uint32))", "GovernanceLastMember(address)", "GovernanceRoleHeld(address,uint64)"}
"""What Governance adds to OpenZeppelin's AccessManager."""
