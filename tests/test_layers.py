"""The import graph is the one the design draws, the pure core is pure, and the ledger engine stays exchangeable."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ["contracts", "ledger", "indexer", "tracer", "api"]
PURE = ["ledger/events", "ledger/proofs", "indexer/reconcile.py", "tracer"]
# bundle.py reads a chain handed to it and is the write side's helper; it is named here so that nobody adds more silently.
IMPURE_BY_NAME: set[str] = set()
BANNED_CALLS = {
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns", "time.monotonic",
    "os.environ", "os.getenv", "os.urandom", "random.random", "secrets.token_bytes", "uuid.uuid4", "uuid.uuid1",
}
BANNED_MODULES = {"random", "secrets", "socket", "requests", "httpx", "subprocess", "urllib.request", "time"}


def modules() -> list[tuple[str, Path]]:
    return [(str(path.relative_to(ROOT)), path) for layer in LAYERS for path in sorted((ROOT / layer).rglob("*.py"))
            if "node_modules" not in path.parts]


def dotted(relative: str) -> str:
    parts = Path(relative).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(relative: str, path: Path) -> set[str]:
    package = dotted(relative) if path.name == "__init__.py" else dotted(relative).rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*up, base] if base else up)
            found.add(base)
            found |= {f"{base}.{alias.name}" for alias in node.names}
    return found


def test_layers__import_to_the_right__none() -> None:
    wrong = []
    for relative, path in modules():
        own = LAYERS.index(relative.split("/")[0])
        for name in imports(relative, path):
            top = name.split(".")[0]
            if top in LAYERS and LAYERS.index(top) > own:
                wrong.append(f"{relative} imports {name}")
            if top in ("tests", "scripts"):
                wrong.append(f"{relative} imports {name}")
    assert not wrong, wrong


def test_layers__circle_between_packages__none_and_every_layer_used() -> None:
    edges: dict[str, set[str]] = defaultdict(set)
    for relative, path in modules():
        for name in imports(relative, path):
            top = name.split(".")[0]
            if top in LAYERS and top != relative.split("/")[0]:
                edges[relative.split("/")[0]].add(top)
    graph = nx.DiGraph([(a, b) for a, others in edges.items() for b in others])
    assert nx.is_directed_acyclic_graph(graph)
    assert set(graph.nodes) == set(LAYERS), "a layer that nothing imports, or that imports nothing, is not wired in"


def test_layers__circle_between_modules_at_import_time__none() -> None:
    known = {dotted(relative): (relative, path) for relative, path in modules()}
    graph = nx.DiGraph()
    for name, (_, path) in known.items():
        tree = ast.parse(path.read_text("utf-8"))
        # Imports inside functions run later and cannot lock up an import.
        tree.body = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        for node in tree.body:
            targets = [a.name for a in node.names] if isinstance(node, ast.Import) else \
                [node.module or "", *[f"{node.module}.{a.name}" for a in node.names]]
            graph.add_edges_from((name, t) for t in targets if t in known and t != name and not name.startswith(t + "."))
    assert nx.is_directed_acyclic_graph(graph), nx.find_cycle(graph)


def test_engine__imported_outside_its_folder__none() -> None:
    wrong = [relative for relative, path in modules() if not relative.startswith("ledger/chain/embedded")
             and any(name.split(".")[0] == "eth" for name in imports(relative, path))]
    assert not wrong, wrong


@pytest.mark.parametrize("place", PURE)
def test_pure_core__clock_randomness_environment_or_socket__none(place: str) -> None:
    target = ROOT / place
    files = [target] if target.suffix else sorted(target.rglob("*.py"))
    assert files
    wrong = []
    for path in files:
        relative = str(path.relative_to(ROOT))
        if relative in IMPURE_BY_NAME:
            continue
        tree = ast.parse(path.read_text("utf-8"))
        wrong += [f"{relative} imports {name}" for name in imports(relative, path) if name in BANNED_MODULES]
        wrong += [f"{relative}:{node.lineno} uses {ast.unparse(node)}" for node in ast.walk(tree)
                  if isinstance(node, ast.Attribute) and ast.unparse(node) in BANNED_CALLS]
    assert not wrong, wrong


def test_quantities__float__nowhere_in_product_code() -> None:
    wrong = []
    for relative, path in modules():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("float", "json.loads", "json.load"):
                text = ast.unparse(node)
                if not text.startswith("float(") and "parse_float" in text:
                    continue
                wrong.append(f"{relative}:{node.lineno} {text[:80]}")
    allowed = FLOAT_OR_PLAIN_JSON
    assert [w for w in wrong if not any(w.startswith(a) for a in allowed)] == []


# Places that read JSON of our own in which quantities are strings by format (a number there is a small integer),
# or that holds no quantities at all. Whatever comes from outside goes through ledger/events/strict_json.py.
FLOAT_OR_PLAIN_JSON = (
    "contracts/artifacts.py",        # ABI and bytecode
    "ledger/directory.py",           # names and small integers
    "ledger/gateway/poster.py",      # stored submissions: decimal strings
    "ledger/gateway/payloads.py",    # ciphertexts and grants: hex strings
    "ledger/gateway/outbox.py",      # stored signed events: decimal strings
    "tracer/finding.py",             # the JSON Schema of a finding
    "tracer/feasibility.py",         # a solver's floats, a guide only: both bounds are proven in exact fractions
    "tracer/release/comparing.py",   # medians of hours and their intervals, told to two decimals: no quantities of goods
    "tracer/release/statistics.py",  # percentiles of hours, told to two decimals: no quantities of goods
    "api/proving.py", "api/home.py",  # addresses, hashes, ports
    "api/http/jobs.py",              # lists of event ids
    "api/views/books.py",            # scopes of grants: ids
)


def test_product_code__assert_that_vanishes_under_optimisation__none() -> None:
    wrong = [f"{relative}:{node.lineno}" for relative, path in modules()
             for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Assert)]
    assert not wrong, wrong


def test_folders__docstring_that_says_where_to_start__present() -> None:
    missing = [relative for relative, path in modules() if path.name == "__init__.py"
               and len(ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "") < 40]
    assert not missing, missing
