"""What an event costs: gas alone and in a batch of 200, and the opcodes that py-evm runs for it.

Usage: python scripts/gas_table.py [--write] [--json] [KIND ...]

On a network gas decides what an event costs, in the embedded engine the number of opcodes. Both follow from
the contracts and the settings of the compiler alone, so they are numbers to compare exactly:
contracts/gas.json is what is committed, `--write` renews it, a test compares.

Measured is a transaction with 1 or 200 events of one kind (scripts/gas_cases.py), divided by their number:
`alone` and `batch_200` with everything, also call data and the 21,000 of a transaction; `contract_200`
without these two, which is what the contract itself uses. Refunds are taken off. Units are distinct and cold,
as on the first touch in a transaction. The nonces of a key fill their words in turn, as those of a client do.
Gas is measured on the embedded ledger's fast loop, which equals py-evm's own by test; opcodes are counted on
py-evm's own, in a batch of 8.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [x for x in (str(ROOT), str(ROOT / "scripts")) if x not in sys.path]

from gas_cases import CASES, OUTCOMES, Bench  # noqa: E402

from ledger.chain.codec import decode_outcomes, encode_record  # noqa: E402
from ledger.chain.embedded.interpreter import FAST, STOCK  # noqa: E402
from ledger.vocabulary import Outcome  # noqa: E402
from tests.contracts.evm import GATEWAY  # noqa: E402
from tests.contracts.world import World  # noqa: E402

SNAPSHOT = ROOT / "contracts" / "gas.json"
BATCH = 200
_COUNTED = 8
COMMAND = "python scripts/gas_table.py --write"
_TX_GAS, _ZERO_BYTE_GAS, _BYTE_GAS = 21_000, 4, 16  # the floor of EIP-7623 is far below what an event costs
_GAS_LIMIT = 200_000_000  # a measure, not a block: 200 TRANSFORMs are to fit whatever they cost


@dataclass(frozen=True, slots=True)
class Cost:
    """What one event costs; everything rounded down.

    Attributes:
        alone: gas of a transaction with this one event.
        batch_200: gas an event in a transaction of 200.
        contract_200: the same without call data and the 21,000 of the transaction.
        opcodes: opcodes an event in a transaction of 8.
    """

    alone: int
    batch_200: int
    contract_200: int
    opcodes: int


class _CountingTable(dict[int, Any]):
    """py-evm's table of opcodes, counting how often one is looked up to be run."""

    count = 0

    def __getitem__(self, opcode: int) -> Any:
        self.count += 1
        return super().__getitem__(opcode)


@contextmanager
def _counting(world: World) -> Iterator[_CountingTable]:
    computation = world.evm.computation_class
    table = _CountingTable(computation.opcodes)
    with patch.object(computation, "opcodes", table):
        yield table


class Meter:
    """Measures cases in one world for each loop over opcodes."""

    def __init__(self) -> None:
        self._fast, self._stock = World(FAST), World(STOCK)
        for world in (self._fast, self._stock):
            world.evm.gas_limit = _GAS_LIMIT

    def cost(self, label: str) -> Cost:
        """What an event of that case costs."""
        batch, outside = self._gas(label, BATCH)
        return Cost(self.alone(label), batch // BATCH, (batch - outside) // BATCH, self.opcodes(label))

    def alone(self, label: str) -> int:
        """Gas of a transaction with one event of that case."""
        return self._gas(label, 1)[0]

    def opcodes(self, label: str) -> int:
        """Opcodes for an event of that case."""
        with _counting(self._stock) as table:
            data = self._prepared(self._stock, label, _COUNTED)
            table.count = 0
            self._sent(self._stock, label, data)
        return table.count // _COUNTED

    def _gas(self, label: str, size: int) -> tuple[int, int]:
        """Gas of a transaction, and how much of it the contract does not see."""
        data = self._prepared(self._fast, label, size)
        evm = self._fast.evm
        self._sent(self._fast, label, data)
        outside = _TX_GAS + sum(_ZERO_BYTE_GAS if x == 0 else _BYTE_GAS for x in data)
        used = outside + evm.gas_used
        return used - min(evm.gas_refund, used // 5), outside

    def _prepared(self, world: World, label: str, size: int) -> bytes:
        bench = Bench(world, label, size)
        items = CASES[label](bench)
        if size == 1:  # another nonce of the same word was used before, as 255 times of 256
            bench.use_nonce_beside(items[0])
        world.evm.settle()
        return encode_record(items)

    def _sent(self, world: World, label: str, data: bytes) -> None:
        output, _ = world.evm.send(world.evm.ledger, data, GATEWAY)
        codes = set(decode_outcomes(output))
        assert codes == {OUTCOMES.get(label, Outcome.RECORDED)}, f"{label}: {sorted(x.name for x in codes)}"
        world.evm.settle()


def measure(labels: Iterable[str] = (), meter: Meter | None = None) -> dict[str, dict[str, int]]:
    """What each kind costs, all or those named: the content of contracts/gas.json, in the order of CASES."""
    meter = meter or Meter()
    return {label: asdict(meter.cost(label)) for label in (labels or CASES)}


def metrics(table: dict[str, dict[str, int]] | None = None) -> dict[str, int]:
    """The same flat: gas.alone.KIND, gas.batch_200.KIND, gas.contract_200.KIND, opcodes.batch_200.KIND."""
    names = {"alone": "gas.alone", "batch_200": "gas.batch_200", "contract_200": "gas.contract_200",
             "opcodes": "opcodes.batch_200"}
    found = measure() if table is None else table
    return {f"{name}.{label}": row[key] for key, name in names.items() for label, row in found.items()}


def committed() -> dict[str, dict[str, int]]:
    """The snapshot as committed."""
    found: dict[str, dict[str, int]] = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    return found


def main(arguments: list[str]) -> int:
    """Measure, print, and write the snapshot if asked; 0, or 1 if it is not what is committed."""
    parser = argparse.ArgumentParser(prog="gas_table.py", description="Gas and opcodes of every kind.")
    parser.add_argument("kinds", nargs="*", metavar="KIND", choices=[[], *CASES], help="only these")
    parser.add_argument("--write", action="store_true", help="renew contracts/gas.json")
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    options = parser.parse_args(arguments)
    table = measure(options.kinds)
    before = committed() if SNAPSHOT.exists() else {}
    if options.write:
        SNAPSHOT.write_text(json.dumps({**before, **table} if options.kinds else table, indent=1) + "\n",
                            encoding="utf-8")
    if options.json:
        print(json.dumps(metrics(table)))
    else:
        print(f"{'kind':<18} {'alone':>9} {'of 200':>9} {'contract':>9} {'opcodes':>9}")
        for label, row in table.items():
            change = row["batch_200"] - before.get(label, row)["batch_200"]
            print(f"{label:<18} {row['alone']:>9,} {row['batch_200']:>9,} {row['contract_200']:>9,}"
                  f" {row['opcodes']:>9,}"
                  + (f"  {change:+,}" if change else ""))
    return 0 if options.write or all(before.get(k) == row for k, row in table.items()) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
