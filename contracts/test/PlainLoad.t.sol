// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Act} from "../src/Act.sol";
import {EventHash} from "../src/EventHash.sol";
import {LineRules} from "../src/LineRules.sol";
import {PlainLoad} from "../src/PlainLoad.sol";
import {Store} from "../src/StoreLayout.sol";
import {StoredLot} from "../src/StoredLot.sol";
import {CustodyEvent, Line} from "../src/Types.sol";
import {Balances, Kinds, LineRoles, LineStatuses, Origins, Outcomes, Things} from "../src/Vocabulary.sol";
import {LineWord, LotWord, UnitWord} from "../src/Words.sol";
import {Base} from "./Base.t.sol";

/// @notice Cheat codes beside those of Base.
interface VmRecords {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory);
    function record() external;
    function accesses(address target) external returns (bytes32[] memory reads, bytes32[] memory writes);
    function load(address target, bytes32 slot) external view returns (bytes32);
}

/// @notice What a lot, a line and an EXPORT_LOAD of one for the other are.
struct Scene {
    uint256 stored;
    uint256 balances;
    uint256 more;
    uint256 lineState;
    uint256 amounts;
    uint64 loadedBeside;
    uint32 owner;
    uint32 poster;
    uint64 quantity;
    bool second;
}

/// @notice A store, and both ways of judging an EXPORT_LOAD.
contract LoadHarness {
    bytes32 public constant LOT = "lot";
    bytes32 public constant OTHER_LOT = "other lot"; // after the first in order
    bytes32 public constant LINE = "line";

    Store private _store;

    /// @notice Put the scene into storage.
    function set(Scene calldata scene) external {
        _store.units[LOT] = scene.stored;
        _store.lots[LOT].balances = scene.balances;
        _store.lots[LOT].more = scene.more;
        _store.units[OTHER_LOT] = scene.stored;
        _store.lots[OTHER_LOT].balances = scene.balances;
        _store.lines[LINE].state = scene.lineState;
        _store.lines[LINE].amounts = scene.amounts;
        _store.loaded[LOT][7] = scene.loadedBeside;
    }

    /// @notice The quick way; false if it leaves the event to the other.
    function plain(Scene calldata scene, CustodyEvent calldata given) external returns (bool) {
        return PlainLoad.load(_store, _act(scene), _lay(given));
    }

    /// @notice The row of the kind.
    function whole(Scene calldata scene, CustodyEvent calldata given) external returns (uint256) {
        return LineRules.exportLoad(_store, _act(scene), _lay(given));
    }

    function _lay(CustodyEvent calldata given) private pure returns (CustodyEvent memory e) {
        (uint256 place,) = EventHash.load(given);
        assembly ("memory-safe") {
            e := place
        }
    }

    function _act(Scene calldata scene) private pure returns (Act memory act) {
        act.id = "event";
        act.participant = scene.poster;
        act.who = 1 << 48;
        act.book = uint24(scene.stored >> 48);
        act.bookWord = (1 << 255) | scene.owner;
    }
}

/// @notice What the quick way of EXPORT_LOAD does is what its row does, and it does nothing else.
contract PlainLoadTest is Base {
    VmRecords private constant records = VmRecords(address(vm));
    uint256 private constant NUMBER = 7; // of the line
    uint256 private constant MATERIAL = 9;

    function setUp() public override {}

    function test_plain_load__as_it_nearly_always_is__is_quick() public {
        _agree(_scene(), true);
        Scene memory scene = _scene();
        scene.balances |= (NUMBER << 64) | 5; // loaded before
        _agree(scene, true);
        scene.poster = CARRIER; // as custodian
        scene.stored = scene.stored ^ (uint256(FACTORY) << 24) ^ (uint256(CARRIER) << 24);
        _agree(scene, true);
    }

    function test_plain_load__any_scene__same_as_the_row(uint256 seed) public {
        for (uint256 round = 0; round < 8; ++round) {
            seed = uint256(keccak256(abi.encode(seed)));
            Scene memory scene = _scene();
            for (uint256 changes = seed % 3; changes > 0; --changes) {
                _change(scene, uint256(keccak256(abi.encode(seed, changes))));
            }
            _agree(scene, false);
        }
    }

    function test_plain_load__each_change_alone__same_as_the_row() public {
        for (uint256 what = 0; what < 16; ++what) {
            for (uint256 how = 0; how < 16; ++how) {
                Scene memory scene = _scene();
                _change(scene, what | (how << 8) | (how << 16));
                _agree(scene, false);
            }
        }
    }

    function _scene() private pure returns (Scene memory scene) {
        uint256 word = UnitWord.create(Things.LOT, FACTORY);
        scene.stored = StoredLot.withOwn(StoredLot.createStored(word, BOOK, Origins.OWN, MATERIAL, 0));
        scene.balances = LotWord.only(Balances.FINISHED, 1000) | LotWord.only(Balances.SCRAP, 3);
        uint256 state = LineWord.createLine(FACTORY, LineRoles.EXPORT, LineStatuses.CLEARED, 0);
        scene.lineState = LineWord.withLineNumbers(state, NUMBER, MATERIAL);
        scene.amounts = 500 | (100 << 64) | (20 << 128);
        scene.owner = FACTORY;
        scene.poster = FACTORY;
        scene.quantity = 400;
    }

    /// @dev One thing is otherwise: what, the low byte says; how, the rest.
    function _change(Scene memory scene, uint256 how) private pure {
        uint256 what = how & 15;
        how >>= 8;
        if (what == 0) scene.stored ^= uint256(1) << (how & 0xff);
        if (what == 1) scene.stored ^= uint256(1) << (how & 7);
        if (what == 2) scene.more = (how & 3) | ((how & 12) << 62);
        if (what == 3) {
            scene.balances = LotWord.withAmount(scene.balances, Balances.FINISHED, uint64(398 + (how & 3)));
        }
        if (what == 4) scene.balances |= (NUMBER + (how & 1)) << 64 | (how & 2);
        if (what == 5) scene.balances |= (NUMBER << 64) | uint64(type(uint64).max - 398 - (how & 3));
        if (what == 6) scene.lineState ^= uint256(1) << (how & 0x7f);
        if (what == 7) scene.lineState ^= (how & 3) << 40; // status
        if (what == 8) scene.lineState ^= (how & 7) << 32; // purpose
        if (what == 9) scene.amounts = (498 + (how & 3)) | (100 << 64);
        if (what == 10) {
            scene.amounts = type(uint64).max | (uint256(type(uint64).max - 398 - (how & 3)) << 64);
        }
        if (what == 11) scene.owner = how & 1 == 0 ? OTHER : 0;
        if (what == 12) scene.poster = how & 1 == 0 ? OTHER : CARRIER;
        if (what == 13) scene.quantity = how & 1 == 0 ? 0 : type(uint64).max;
        if (what == 14) scene.loadedBeside = uint64(how & 3);
        if (what == 15) scene.second = true;
    }

    function _agree(Scene memory scene, bool surely) private {
        CustodyEvent memory e;
        e.kind = Kinds.EXPORT_LOAD;
        e.lines = new Line[](scene.second ? 2 : 1);
        LoadHarness quick = new LoadHarness();
        LoadHarness slow = new LoadHarness();
        e.lines[0] = _line(quick.LOT(), LineRoles.NONE, Balances.FINISHED, scene.quantity, 0);
        if (scene.second) e.lines[1] = _line(quick.OTHER_LOT(), LineRoles.NONE, Balances.FINISHED, 1, 0);
        e.reference_ = quick.LINE();
        quick.set(scene);
        slow.set(scene);

        records.recordLogs();
        records.record();
        bool done = quick.plain(scene, e);
        VmRecords.Log[] memory told = records.getRecordedLogs();
        (, bytes32[] memory written) = records.accesses(address(quick));
        if (surely && !done) revert Failed("not quick", 0, 1);
        if (!done && (told.length != 0 || written.length != 0)) {
            revert Failed("did something", told.length, 0);
        }

        records.recordLogs();
        records.record();
        uint256 outcome = slow.whole(scene, e);
        if (!done) {
            // Of what is recorded it leaves only what is not plain: another line's load, something short, two lots.
            uint256 own = uint64(scene.balances >> 64);
            bool plain =
                StoredLot.isPlainFinished(scene.stored) && (own == 0 || own == NUMBER) && !scene.second;
            bool usual = plain && uint32(scene.lineState >> 64) == NUMBER && scene.lineState >> 128 == 0;
            if (usual && outcome == Outcomes.RECORDED) {
                revert Failed("left out", scene.stored, scene.lineState);
            }
            return;
        }
        if (outcome != Outcomes.RECORDED) revert Failed("recorded what is refused", outcome, 0);
        VmRecords.Log[] memory expected = records.getRecordedLogs();
        if (told.length != 1 || expected.length != 1) revert Failed("logs", told.length, expected.length);
        if (
            keccak256(abi.encode(told[0].topics, told[0].data))
                != keccak256(abi.encode(expected[0].topics, expected[0].data))
        ) {
            revert Failed("another log", 0, 0);
        }
        _sameSlots(address(quick), address(slow), written);
        (, written) = records.accesses(address(slow));
        _sameSlots(address(quick), address(slow), written);
    }

    function _sameSlots(address one, address other, bytes32[] memory slots) private view {
        for (uint256 i = 0; i < slots.length; ++i) {
            if (records.load(one, slots[i]) != records.load(other, slots[i])) {
                revert Failed(
                    "another word",
                    uint256(records.load(one, slots[i])),
                    uint256(records.load(other, slots[i]))
                );
            }
        }
    }
}
