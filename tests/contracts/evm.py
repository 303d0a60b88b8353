"""The contracts on py-evm's VM state directly: no transactions, no blocks, so a call takes a millisecond.

The clock is a number that tests set. `snapshot` and `revert` undo everything. What changes state is written down in
`sent`, so that another engine can be given the same (`tests/contracts/second_engine.py`): the contracts stand at the
addresses at which the same account deploys them on any chain. The loop over opcodes is the product's own;
CARGOLEDGER_TEST_LOOP=stock takes py-evm's, and `both` runs every message on both and compares all that it does.
"""

from __future__ import annotations

import copy
import os
from dataclasses import dataclass
from typing import Any

import rlp
from coincurve import PrivateKey
from eth.chains.base import MiningChain
from eth.db.atomic import AtomicDB
from eth.vm.message import Message
from eth_abi import decode, encode
from eth_abi.grammar import parse
from eth_hash.auto import keccak

from contracts.artifacts import LIBRARIES, load
from ledger.chain.embedded import interpreter
from ledger.chain.embedded.interpreter import FAST, STOCK, loop_class
from ledger.chain.embedded.vm import vm_class
from ledger.events.model import ABI_SIGNED_EVENT, CustodyEvent
from tests.ledger.chain.loops import outline

CHAIN_ID = 7_041
GAS = 60_000_000
AUTHORITY_KEY = PrivateKey(keccak(b"test authority"))
GATEWAY_KEY = PrivateKey(keccak(b"test gateway"))
ROLE_REGISTRAR = 1
ROLE_GATEWAY = 2
START_S = 1_790_000_000
BOTH = "both"
LOOP = os.environ.get("CARGOLEDGER_TEST_LOOP", FAST)


def address_of(key: PrivateKey) -> bytes:
    return keccak(key.public_key.format(compressed=False)[1:])[-20:]


AUTHORITY = address_of(AUTHORITY_KEY)
GATEWAY = address_of(GATEWAY_KEY)


class Reverted(Exception):  # noqa: N818
    """A call reverted; `data` is what it gave back."""

    def __init__(self, data: bytes, cause: str) -> None:
        super().__init__(f"{cause}: 0x{data.hex()[:200]}")
        self.data = data


RawLog = tuple[bytes, tuple[bytes, ...], bytes]
"""Address, topics, data."""


@dataclass(frozen=True)
class Log:
    """A log with its name and its decoded values, by the names in the ABI."""

    name: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Sent:
    """One thing that changed the state: a creation if `to` is empty. Logs as the engine gave them."""

    at_s: int
    sender: bytes
    to: bytes
    data: bytes
    output: bytes
    logs: tuple[RawLog, ...]


def selector(signature: str) -> bytes:
    return keccak(signature.encode())[:4]


def call_data(signature: str, *args: Any) -> bytes:
    if not args:
        return selector(signature)
    types = parse(signature[signature.index("("):]).components
    return selector(signature) + encode([x.to_type_str() for x in types], args)


def abi_type(item: dict[str, Any]) -> str:
    """Canonical type of an ABI input or output."""
    kind: str = item["type"]
    if not kind.startswith("tuple"):
        return kind
    inner = ",".join(abi_type(x) for x in item["components"])
    return f"({inner}){kind[5:]}"


def signature_of(item: dict[str, Any]) -> str:
    return f"{item['name']}({','.join(abi_type(x) for x in item['inputs'])})"


class Evm:
    """A fresh chain with the three contracts and the library, and nobody admitted."""

    def __init__(self, loop: str = LOOP) -> None:
        """On a loop: `fast`, `stock` or `both`."""
        self.loop = loop
        self.compared_count = 0
        if loop == BOTH:
            interpreter.COMPILE_AT = 1  # else what is visited seldom would run by py-evm's functions on both
        genesis = {
            "coinbase": b"\x00" * 20, "difficulty": 0, "extra_data": b"", "gas_limit": GAS, "nonce": b"\x00" * 8,
            "mix_hash": b"\x00" * 32, "timestamp": 0,
        }
        chain_class = MiningChain.configure(
            __name__="TestChain", vm_configuration=((0, vm_class(STOCK if loop == STOCK else FAST)),), chain_id=CHAIN_ID)
        self._chain = chain_class.from_genesis(AtomicDB(), genesis, {})
        self._state = self._chain.get_vm().state
        self.now_s = START_S
        self.gas_limit = GAS
        self.gas_used = 0  # of the last call, before refunds
        self.gas_refund = 0
        self.on_paper = False  # then what is sent is only written down, for another engine to run
        self.sent: list[Sent] = []
        self.written: set[tuple[bytes, int]] = set()  # slots that were written since somebody emptied this
        self._note_writes()
        self._events = {
            keccak(signature_of(item).encode()): item
            for name in ("CustodyLedger", "Participants") for item in load(name).abi if item["type"] == "event"
        }
        self.manager = self._create(load("Governance").bytecode + encode(
            ["address", "(uint32,uint32,uint32,uint32)"], [AUTHORITY, (0, 0, 0, 0)]))
        self.participants = self._create(load("Participants").bytecode + encode(["address"], [self.manager]))
        self.libraries = {name: self._create(load(name).bytecode) for name in LIBRARIES}
        code = load("CustodyLedger").linked(self.libraries)
        self.ledger = self._create(code + encode(["address", "address"], [self.manager, self.participants]))
        changing = [x for x in load("Participants").abi
                    if x["type"] == "function" and x["stateMutability"] == "nonpayable" and x["name"] != "setAuthority"]
        self._open(self.participants, [selector(signature_of(x)) for x in changing], ROLE_REGISTRAR)
        self._open(self.ledger, [selector(f"record({ABI_SIGNED_EVENT}[])")], ROLE_GATEWAY)
        self.grant(ROLE_REGISTRAR, AUTHORITY)
        self.grant(ROLE_GATEWAY, GATEWAY)
        self.settle()

    def _note_writes(self) -> None:
        """Keep the address and slot of every SSTORE, also of those undone later."""
        write = self._state.set_storage

        def noting(address: bytes, slot: int, value: int) -> None:
            self.written.add((address, slot))
            write(address, slot, value)

        self._state.set_storage = noting

    def storage(self, address: bytes, slot: int) -> int:
        """The word in a slot now."""
        return int(self._state.get_storage(address, slot))

    def put_storage(self, address: bytes, words: dict[int, int]) -> None:
        """Take over what another engine has stored."""
        for slot, word in words.items():
            self._state.set_storage(address, slot, word)

    @property
    def computation_class(self) -> Any:
        """py-evm's class that runs code."""
        return self._state.computation_class

    def settle(self) -> None:
        """Take all that was done as done, as if blocks ago; snapshots from before are void."""
        self._state.lock_changes()

    def _open(self, target: bytes, selectors: list[bytes], role: int) -> None:
        self.call(self.manager, "setTargetFunctionRole(address,bytes4[],uint64)", target, selectors, role)

    def grant(self, role: int, account: bytes) -> None:
        self.call(self.manager, "grantRole(uint64,address,uint32)", role, account, 0)

    def snapshot(self) -> Any:
        return self._state.snapshot(), self.now_s, len(self.sent)

    def revert(self, mark: Any) -> None:
        self._state.revert(mark[0])
        self.now_s = mark[1]
        del self.sent[mark[2]:]

    def _run(self, message: Message, *, create: bool = False) -> Any:
        state = self._state
        state.execution_context._timestamp = self.now_s
        if self.loop == BOTH:
            self._compare(message, create)
        context = state.get_transaction_context_class()(gas_price=0, origin=message.sender)
        run = state.computation_class.apply_create_message if create else state.computation_class.apply_message
        computation = run(state, message, context)
        self.gas_used = computation.get_gas_used()
        self.gas_refund = computation.get_gas_refund()
        if computation.is_error:
            raise Reverted(bytes(computation.output), type(computation.error).__name__)
        return computation

    def _compare(self, message: Message, create: bool) -> None:
        """A message on both loops, as it is and once with too little gas: always elsewhere."""
        fast, used = self._apart(message, create, FAST)
        assert (fast, used) == self._apart(message, create, STOCK), "the loops differ"
        self.compared_count += 1
        short = copy.copy(message)
        short.gas = used * (7_919 * self.compared_count % 1_000) // 1_000
        assert self._apart(short, create, FAST) == self._apart(short, create, STOCK), "the loops differ without gas"

    def _apart(self, message: Message, create: bool, loop: str) -> tuple[Any, int]:
        """What a message does on a loop, its calls included: faults, answers, gas, logs, storage; and its gas. Undone again."""
        state, known = self._state, self.written
        mark, self.written, state.computation_class = state.snapshot(), set(), loop_class(loop)
        try:
            context = state.get_transaction_context_class()(gas_price=0, origin=message.sender)
            run = state.computation_class.apply_create_message if create else state.computation_class.apply_message
            found = run(state, message, context)
            return (outline(found), state.get_code(found.msg.storage_address),
                    {place: self.storage(*place) for place in self.written}), found.get_gas_used()
        finally:
            state.revert(mark)
            self.written = known
            del state.computation_class

    def _create(self, code: bytes) -> bytes:
        address = keccak(rlp.encode([AUTHORITY, len(self.sent)]))[-20:]  # the rule of CREATE
        self._run(Message(gas=self.gas_limit, to=b"", sender=AUTHORITY, value=0, data=b"", code=code,
                          create_address=address), create=True)
        self.sent.append(Sent(self.now_s, AUTHORITY, b"", code, b"", ()))
        return address

    def send(self, to: bytes, data: bytes, sender: bytes) -> tuple[bytes, list[Log]]:
        """A call that may change state."""
        if self.on_paper:
            self.sent.append(Sent(self.now_s, sender, to, data, b"", ()))
            return b"", []
        computation = self._message(to, data, sender)
        raw = tuple((address, tuple(topic.to_bytes(32, "big") for topic in topics), bytes(blob))
                    for address, topics, blob in computation.get_log_entries())
        self.sent.append(Sent(self.now_s, sender, to, data, bytes(computation.output), raw))
        return bytes(computation.output), [self.log(x) for x in raw if x[0] in (self.ledger, self.participants)]

    def _message(self, to: bytes, data: bytes, sender: bytes) -> Any:
        return self._run(Message(
            gas=self.gas_limit, to=to, sender=sender, value=0, data=data, code=self._state.get_code(to)))

    def call(self, to: bytes, signature: str, *args: Any, sender: bytes = AUTHORITY) -> list[Log]:
        """A call by signature; its logs."""
        return self.send(to, call_data(signature, *args), sender)[1]

    def view(self, to: bytes, signature: str, returns: str, *args: Any) -> Any:
        """What a view function answers, decoded as the one type `returns`."""
        computation = self._message(to, call_data(signature, *args), AUTHORITY)
        return decode([returns], bytes(computation.output))[0]

    def record(
        self, batch: list[tuple[CustodyEvent, bytes, bytes]], sender: bytes = GATEWAY,
    ) -> tuple[list[int], list[Log]]:
        """Send a batch of (event, signature, witness): outcome codes and logs."""
        return self.record_raw([(event.abi(), signature, witness) for event, signature, witness in batch], sender)

    def record_raw(self, batch: list[tuple[Any, bytes, bytes]], sender: bytes = GATEWAY) -> tuple[list[int], list[Log]]:
        """As `record`, for events that the Python model would not even build."""
        data = selector(f"record({ABI_SIGNED_EVENT}[])") + encode([f"{ABI_SIGNED_EVENT}[]"], [batch])
        output, logs = self.send(self.ledger, data, sender)
        return (list(decode(["uint16[]"], output)[0]) if output else []), logs

    def log(self, entry: RawLog) -> Log:
        _, raw, blob = entry
        item = self._events[raw[0]]
        values: dict[str, Any] = {}
        places = iter(raw[1:])
        plain = [x for x in item["inputs"] if not x["indexed"]]
        decoded = iter(decode([abi_type(x) for x in plain], blob))
        for one in item["inputs"]:
            if one["indexed"]:
                values[one["name"]] = decode([abi_type(one)], next(places))[0]
            else:
                values[one["name"]] = next(decoded)
        return Log(item["name"], values)
