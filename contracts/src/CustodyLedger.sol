// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

import {Act, ActLib} from "./Act.sol";
import {ApprovalKinds} from "./ApprovalKinds.sol";
import {BookKinds} from "./BookKinds.sol";
import {CargoKinds} from "./CargoKinds.sol";
import {CustodyRules} from "./CustodyRules.sol";
import {EventHash} from "./EventHash.sol";
import {Format} from "./Format.sol";
import {DeclaredLine, ICustodyLedger, Lot, Norm, Pending} from "./ICustodyLedger.sol";
import {IParticipants, Participant, Signer} from "./IParticipants.sol";
import {Known} from "./Known.sol";
import {LotRules} from "./LotRules.sol";
import {NonceLib} from "./NonceLib.sol";
import {PlainLoad} from "./PlainLoad.sol";
import {Places} from "./Places.sol";
import {StoreLib} from "./Store.sol";
import {LotRecord, Store} from "./StoreLayout.sol";
import {CustodyEvent, SignedEvent} from "./Types.sol";
import {Kinds, Outcomes} from "./Vocabulary.sol";
import {LineWord, LotWord, UnitWord} from "./Words.sol";

/// @title The custody ledger
/// @notice Takes signed events in batches from admitted gateways, refuses what is impossible or not allowed, and
///         logs every act with its outcome.
/// @dev The way of an event: (1) whose signature, (2) nonce used once, (3) key's window, deadline, time, (4) form,
///      (5) suspension, place of a key limited to one, (6) the row of its kind, in the files named ...Rules; the
///      rarer kinds by way of BookKinds, CargoKinds and ApprovalKinds, libraries linked at deployment.
///      A fault in (1) or (2), or a witness that does not show what the event refers to, means that the event is not
///      taken. After that its nonce is burned and it has one
///      outcome, and the head of everything it names moves on, refused or not.
///      What always holds:
///      1. Every open container, cargo and lot has exactly one custodian; contents have their container's.
///      2. Custody changes only by ACCEPT of an open offer, to the acceptor, or an approved REASSIGN; contents with
///         their container.
///      3. Only GATE_OUT, or an approved REASSIGN, frees what is supervised, never under hold, alone or inside.
///      4. No balance is ever negative; SPLIT, MERGE, ISSUE_PROD and RETURN_PROD conserve.
///      5. Per line: exited <= drawn <= quantity, and what is loaded for it is drawn - exited.
///      6. A nonce is used at most once, so an event has at most one outcome, ever.
///      7. Nobody acts outside its key's window, while suspended, or without the role, at block time.
///      8. The head of a unit or line is the fold of the outcomes that named it.
///      9. No proxy, no owner, no delegatecall but to the libraries whose addresses stand in the code: a new version
///         is a new contract, recorded here as the successor, after which nothing more is taken.
contract CustodyLedger is AccessManaged, EIP712, ICustodyLedger {
    using ActLib for Act;
    using Known for uint256;
    using LineWord for uint256;
    using LotWord for uint256;
    using NonceLib for Store;
    using StoreLib for Store;
    using UnitWord for uint256;

    uint256 private constant CLOCK_SKEW_S_MAX = 300;

    uint256 private constant KEYS_MAX = 32; // bounds the search; a batch seldom has more signers

    // Kinds in CargoKinds and in ApprovalKinds: bit k for kind k. Of ACCEPT only what goes into a book or says how much
    // was found gets there.
    uint256 private constant CARGO = (uint256(1) << Kinds.ACCEPT) | (uint256(1) << Kinds.REFUSE)
        | (uint256(1) << Kinds.STUFF) | (uint256(1) << Kinds.STRIP) | (uint256(1) << Kinds.CLOSE)
        | (uint256(1) << Kinds.TRANSFER);
    uint256 private constant APPROVAL = (uint256(1) << Kinds.CANCEL) | (uint256(1) << Kinds.OPENING)
        | (uint256(1) << Kinds.DESTROY) | (uint256(1) << Kinds.ADJUST) | (uint256(1) << Kinds.REASSIGN)
        | (uint256(1) << Kinds.APPROVE) | (uint256(1) << Kinds.DENY) | (uint256(1) << Kinds.CORRECT);

    // Kinds of lots in a book that they do not name.
    uint256 private constant LOADING =
        (uint256(1) << Kinds.EXPORT_LOAD) | (uint256(1) << Kinds.REEXPORT) | (uint256(1) << Kinds.UNLOAD);

    // Kinds that may need a witness: bit k for kind k.
    uint256 private constant WITNESSED =
        (uint256(1) << Kinds.ACCEPT) | (uint256(1) << Kinds.APPROVE) | (uint256(1) << Kinds.CORRECT);

    /// @dev What is remembered for the length of a batch.
    /// @param e The event that is judged just now.
    /// @param domain EIP-712 domain separator.
    /// @param rules The form of every kind (Format).
    /// @param known What the register said of participants, places and books.
    /// @param acts Who the keys are; the first `count` are remembered.
    /// @param count How many.
    /// @param last The one of them that acted last, since a gateway's batch often has many events of one key.
    struct Memo {
        CustodyEvent e;
        bytes32 domain;
        uint256[] rules;
        uint256 known;
        Act[] acts;
        uint256 count;
        Act last;
    }

    IParticipants private immutable _register;

    Store private _store;
    address private _successor;

    /// @notice There is no contract where the register of participants should be.
    /// @param participants What was given.
    error CustodyLedgerNoParticipants(address participants);

    /// @notice The ledger takes no more events: its successor does.
    /// @param successor Address of the ledger that follows.
    error CustodyLedgerSucceeded(address successor);

    /// @notice A successor is another contract, and there is one only.
    /// @param successor What was given.
    error CustodyLedgerNoSuccessor(address successor);

    /// @notice The ledger obeys one AccessManager and believes one register.
    /// @dev Reverts if there is no contract at the register's address.
    /// @param manager Address of the AccessManager.
    /// @param participants_ Address of Participants.
    constructor(address manager, address participants_) AccessManaged(manager) EIP712("CargoLedger", "1") {
        if (participants_.code.length == 0) revert CustodyLedgerNoParticipants(participants_);
        _register = IParticipants(participants_);
    }

    /// @inheritdoc ICustodyLedger
    function record(SignedEvent[] calldata batch) external restricted returns (uint16[] memory outcomes) {
        if (_successor != address(0)) revert CustodyLedgerSucceeded(_successor);
        uint256[] memory answer = new uint256[](batch.length + 1); // as the ABI has it: how many, then the outcomes
        answer[0] = batch.length;
        assembly ("memory-safe") {
            outcomes := add(answer, 32)
        }
        Memo memory memo;
        memo.domain = _domainSeparatorV4();
        memo.rules = Format.rules();
        memo.known = Known.create();
        memo.acts = _noActs();
        for (uint256 i = 0; i < batch.length; ++i) {
            uint256 count = memo.count;
            uint256 free;
            assembly ("memory-safe") {
                free := mload(0x40)
            }
            uint256 outcome = _take(batch[i], memo);
            assembly ("memory-safe") {
                mstore(add(add(outcomes, 32), shl(5, i)), and(outcome, 0xffff)) // batch.length of them fit
            }
            // Memory is paid for by its square: the next event uses it again, unless a new act lies there.
            if (memo.count == count) {
                assembly ("memory-safe") {
                    mstore(0x40, free)
                }
            }
        }
        assembly ("memory-safe") {
            // What Solidity would copy word by word. Its own length becomes the offset of the list.
            let size := shl(5, add(1, mload(answer)))
            mstore(answer, 32)
            return(answer, size)
        }
    }

    /// @inheritdoc ICustodyLedger
    function setSuccessor(address next) external restricted {
        if (_successor != address(0)) revert CustodyLedgerSucceeded(_successor);
        if (next == address(this) || next.code.length == 0) revert CustodyLedgerNoSuccessor(next);
        _successor = next;
        emit SuccessorSet(next);
    }

    /// @inheritdoc ICustodyLedger
    function successor() external view returns (address) {
        return _successor;
    }

    /// @inheritdoc ICustodyLedger
    function unitOf(bytes32 unit) external view returns (uint256) {
        uint256 word = _store.storedUnit(unit);
        return word.isInside() ? _store.unitAt(unit).withoutPlace() : word;
    }

    /// @inheritdoc ICustodyLedger
    function containerOf(bytes32 unit) external view returns (bytes32) {
        return _store.inside[unit].container;
    }

    /// @inheritdoc ICustodyLedger
    function normOf(bytes32 version) external view returns (Norm memory) {
        return _store.norms[version];
    }

    /// @inheritdoc ICustodyLedger
    function coefficientOf(bytes32 version, bytes32 material) external view returns (uint64) {
        return _store.coefficients[version][material];
    }

    /// @inheritdoc ICustodyLedger
    function lotOf(bytes32 lot) external view returns (Lot memory) {
        LotRecord memory kept = _store.lotAt(lot);
        return Lot({
            material: _store.materialOf(kept),
            sourceLine: _store.sourceOf(kept),
            book: kept.more.book(),
            origin: kept.more.origin(),
            balances: kept.balances,
            more: kept.more.logged()
        });
    }

    /// @inheritdoc ICustodyLedger
    function lineOf(bytes32 line) external view returns (DeclaredLine memory found) {
        found = _store.lines[line];
        found.state = found.state.plainLine();
    }

    /// @inheritdoc ICustodyLedger
    function loadedOf(bytes32 lot, bytes32 line) external view returns (uint64) {
        return _store.loadedFor(lot, line);
    }

    /// @inheritdoc ICustodyLedger
    function headOf(bytes32 unit) external view returns (bytes32) {
        return _store.heads[unit];
    }

    /// @inheritdoc ICustodyLedger
    function pendingOf(bytes32 eventId) external view returns (Pending memory) {
        return _store.pending[eventId];
    }

    /// @inheritdoc ICustodyLedger
    function nonceUsed(address signer, uint64 nonce) external view returns (bool) {
        return _store.nonceUsed(signer, nonce);
    }

    /// @inheritdoc ICustodyLedger
    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    /// @inheritdoc ICustodyLedger
    function participants() external view returns (address) {
        return address(_register);
    }

    function _take(SignedEvent calldata signed, Memo memory memo) private returns (uint256 outcome) {
        (uint256 loaded, bytes32 id) = EventHash.load(signed.custodyEvent);
        assembly ("memory-safe") {
            mstore(memo, loaded) // memo.e, which Solidity would make anew
        }
        CustodyEvent memory e = memo.e;
        id = MessageHashUtils.toTypedDataHash(memo.domain, id);
        (address signer, ECDSA.RecoverError error_,) = ECDSA.tryRecoverCalldata(id, signed.signature);
        if (error_ != ECDSA.RecoverError.NoError) return _leave(id, Outcomes.BAD_SIGNATURE);
        Act memory act = memo.last;
        if (act.signer != signer) {
            uint256 place = _actOf(signer, memo);
            act = memo.acts[place];
            if (place < KEYS_MAX) memo.last = act; // the one beyond does not outlive its event
        }
        if (act.participant == 0) return _leave(id, Outcomes.UNKNOWN_SIGNER);
        if (_needsWitness(e)) {
            if (_store.nonceUsed(signer, e.nonce)) return _leave(id, Outcomes.NONCE_USED);
            if (!ApprovalKinds.shows(_store, act.raw(), EventHash.raw(e), signed.witness)) {
                return _leave(id, Outcomes.WITNESS_MISMATCH);
            }
        }
        if (!_store.useNonce(act, e.nonce)) return _leave(id, Outcomes.NONCE_USED);

        act.id = id;
        bool isList = e.lines.length == 1 || Format.isList(e.lines);
        outcome = _refusal(act, e, isList, memo);
        if (outcome == Outcomes.RECORDED) outcome = _judge(act, e, signed);
        if (outcome > Outcomes.PENDING) {
            if (outcome & Outcomes.TOLD != 0) outcome ^= Outcomes.TOLD;
            else act.tell(e, outcome);
        }
        if (isList) _store.foldHeads(id, e, outcome);
    }

    /// @dev What is refused whatever the kind: (3) to (5).
    function _refusal(Act memory act, CustodyEvent memory e, bool isList, Memo memory memo)
        private
        view
        returns (uint256)
    {
        if (act.keyFault != Outcomes.RECORDED) return act.keyFault;
        if (block.timestamp > e.deadline) return Outcomes.DEADLINE_PASSED;
        unchecked {
            // When it happened may lie in the past without limit.
            if (e.occurredAt > (block.timestamp + CLOCK_SKEW_S_MAX) * 1000) return Outcomes.TIME_IN_FUTURE;
        }
        if (!isList || !Format.isRight(e, memo.rules)) {
            uint256 fault = Format.fault(e, isList, memo.rules);
            if (fault != Outcomes.RECORDED) return fault;
        }
        if (!act.limited) return Outcomes.RECORDED;
        if (act.suspended) return Outcomes.PARTICIPANT_SUSPENDED;
        if (act.onlyAt == 0 || Places.happensAt(_store, e, act.onlyAt)) return Outcomes.RECORDED;
        return Outcomes.SIGNER_ELSEWHERE;
    }

    /// @dev Kinds that refer to an event which the witness must show.
    function _needsWitness(CustodyEvent memory e) private pure returns (bool) {
        uint8 kind = e.kind;
        return (WITNESSED >> kind) & 1 != 0 && (kind != Kinds.ACCEPT || e.book != 0);
    }

    function _leave(bytes32 id, uint256 code) private returns (uint256) {
        emit EventNotTaken(id, uint16(code));
        return code;
    }

    /// @dev To the row of its kind. Format has refused kinds that are not available.
    function _judge(Act memory act, CustodyEvent memory e, SignedEvent calldata signed)
        private
        returns (uint256)
    {
        uint8 kind = e.kind;
        if (kind <= Kinds.ACCEPT) {
            if (kind == Kinds.OBSERVE) {
                act.tell(e, Outcomes.RECORDED); // evidence: whatever it says, the payload binds it
                return Outcomes.RECORDED;
            }
            if (kind == Kinds.ARRIVE) return CustodyRules.arrive(_store, act, e);
            if (kind == Kinds.OFFER) return CustodyRules.offer(_store, act, e);
            if (e.book == 0 && !_counts(e)) return CustodyRules.accept(_store, act, e, false);
        }
        if (kind <= Kinds.GATE_OUT) {
            if (kind == Kinds.GATE_OUT) return CustodyRules.gateOut(_store, act, e);
            if (kind == Kinds.HOLD || kind == Kinds.UNHOLD) return CustodyRules.hold(_store, act, e);
            if (kind == Kinds.ELIGIBLE || kind == Kinds.REVOKE) return CustodyRules.eligible(_store, act, e);
        }
        if (kind == Kinds.EXPORT_LOAD && PlainLoad.load(_store, act, e)) return Outcomes.RECORDED;
        if (kind == Kinds.ISSUE_PROD || kind == Kinds.RETURN_PROD) {
            return LotRules.issueOrReturn(_store, act, e);
        }
        uint256 bit = uint256(1) << kind;
        // A library cannot see what is known here. Loading names no book: its first lot does.
        act.knowBook(bit & LOADING != 0 ? _store.bookOf(EventHash.unitOf(e.lines, 0)) : e.book);
        if (kind == Kinds.CANCEL && e.lines.length != 0) bit = CARGO; // of an offer, not of a pending event
        if (bit & CARGO != 0) {
            return CargoKinds.judge(_store, act.raw(), EventHash.raw(e), signed.witness);
        }
        if (bit & APPROVAL != 0) {
            return ApprovalKinds.judge(_store, act.raw(), EventHash.raw(e), signed.witness);
        }
        return BookKinds.judge(_store, act.raw(), EventHash.raw(e));
    }

    /// @dev A line says how much was found.
    function _counts(CustodyEvent memory e) private pure returns (bool counts) {
        uint256 count = e.lines.length;
        for (uint256 i = 0; i < count && !counts; ++i) {
            counts = e.lines[i].quantity != 0;
        }
    }

    /// @dev Place of the key's act in `memo.acts`. The register is asked once a batch, since what it says cannot
    ///      change within a call; the last place is for the keys beyond those that are remembered.
    function _actOf(address signer, Memo memory memo) private view returns (uint256 place) {
        Act[] memory acts = memo.acts;
        uint256 count = memo.count;
        for (; place < count; ++place) {
            if (acts[place].signer == signer) return place;
        }
        Signer memory key = _register.signerOf(signer);
        Participant memory holder = _register.participantOf(key.participant);
        acts[place] = Act({
            size: ActLib.SIZE,
            id: 0,
            domain: memo.domain,
            register: _register,
            signer: signer,
            participant: key.participant,
            roles: holder.roles,
            holdBit: holder.holdBit,
            supervises: holder.supervisedCount != 0,
            suspended: holder.suspended,
            keyFault: _checkKey(key),
            onlyAt: key.facility,
            known: memo.known,
            book: 0,
            bookWord: 0,
            who: (uint256(key.participant) << 48) | (uint256(uint160(signer)) << 80),
            limited: holder.suspended || key.facility != 0,
            nonceWord: 0,
            nonceSlot: 0
        });
        if (place < KEYS_MAX) memo.count = place + 1;
    }

    /// @dev A list of acts that are none yet: Solidity would make each of them.
    function _noActs() private pure returns (Act[] memory acts) {
        uint256[] memory places = new uint256[](KEYS_MAX + 1);
        assembly ("memory-safe") {
            acts := places
        }
    }

    /// @dev Judged at block time.
    function _checkKey(Signer memory key) private view returns (uint256) {
        if (key.revokedAt != 0) return Outcomes.SIGNER_REVOKED;
        if (block.timestamp < key.validFrom) return Outcomes.SIGNER_NOT_YET_VALID;
        return block.timestamp > key.validUntil ? Outcomes.SIGNER_EXPIRED : Outcomes.RECORDED;
    }
}
