"""Traces in an index of a million lots, against a small one and against networkx; most of them backward.

The index is the product's own: its migrations make the tables, its models give the rows. One book holds all
lots, in trees: a product lot that was exported, made of ten semi-finished lots, each of nine others, each of
those of ten lots of material, received ten to a declaration line: 1,000 ancestors. Ids are hashes, as the
ledger's are, so that nothing of a tree lies together. Filled once, kept in the cache folder, asked by
`tracer.trace.ask`.
"""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import networkx as nx
from sqlalchemy import inspect, select, text
from sqlalchemy.orm import Session
from sqlmodel import col

from indexer import models as m
from indexer.database import VERSION, migrate, open_engine
from ledger.directory import BookEntry, Directory, ParticipantEntry
from ledger.vocabulary import Role
from tracer.network import Direction
from tracer.trace import ask

ZERO = "0x" + "00" * 32
FORMAT = 1  # of the trees; raised when they change
ANCESTORS = 1_000
TREE = ANCESTORS + 1  # lots
STEPS = 4  # lots from a received one to the exported one
AS_OF_MS = 1_900_000_000_000
_START_S = 1_770_000_000
_ROWS = 20_000  # of one insert


def directory() -> Directory:
    """The one enterprise with its one book, and customs."""
    return Directory(
        [ParticipantEntry(1, "mill", "urn:mill", "Mill", Role(0)),
         ParticipantEntry(2, "customs", "urn:customs", "Customs", Role.CUSTOMS)], [],
        [BookEntry(1, "mill-sxxk", "Mill", "mill", "SXXK")])


def name_of(kind: str, number: int) -> str:
    """An id as the ledger makes them."""
    return "0x" + hashlib.sha256(f"{kind} {number}".encode()).hexdigest()


class _Filler:
    """Rows of trees, table by table."""

    def __init__(self) -> None:
        self.rows: dict[Any, list[dict[str, Any]]] = {
            model: [] for model in (m.Event, m.EventLine, m.Lot, m.Unit, m.UnitName, m.LineState, m.Payload)}
        self.seq = count(1)
        self.lot = count()
        self.line = count()

    def tree(self) -> str:
        """One tree; the id of its exported lot."""
        product = self.made([self.made([self.made(self.received(10), "SUB", "OWN") for _ in range(9)],
                                       "SEMI", "OWN") for _ in range(10)], "PRODUCT", "OWN")
        line = self.declared("EXPORT", "PRODUCT", 10_000_000)
        self.event("EXPORT_LOAD", [(product, "PRODUCT", "FINISHED", 10_000_000, "NONE")], line)
        return product

    def received(self, lots: int) -> list[str]:
        line = self.declared("RECEIVE", "MATERIAL", lots * 10_000_000)
        names = [self.named("MATERIAL", "IMPORTED", line) for _ in range(lots)]
        self.event("RECEIVE_FACTORY", [(n, "MATERIAL", "RAW", 10_000_000, "OUTPUT") for n in names], line)
        return names

    def made(self, inputs: list[str], code: str, origin: str) -> str:
        role = "PRODUCT" if code == "PRODUCT" else "SEMI_FINISHED"
        used = [(n, "MATERIAL" if code == "SUB" else "SUB" if code == "SEMI" else "SEMI") for n in inputs]
        self.event("ISSUE_PROD", [(n, c, "RAW", 9_000_000, "NONE") for n, c in used])
        output = self.named(code, origin, ZERO)
        balance = "FINISHED" if code == "PRODUCT" else "RAW"
        self.event("TRANSFORM", [*((n, c, "WIP", 9_000_000, "INPUT") for n, c in used),
                                 (output, code, balance, 10_000_000, role)])
        return output

    def named(self, code: str, origin: str, source: str) -> str:
        number = next(self.lot)
        unit = name_of("lot", number)
        self.rows[m.Lot].append({
            "unit": unit, "book": 1, "material": name_of("material", len(code)), "origin": origin,
            "source_line": source, "created_by": ZERO, "raw_micro": 1_000_000, "wip_micro": 0,
            "finished_micro": 0, "scrap_micro": 0, "short_micro": 0, "loaded_micro": 0})
        self.rows[m.Unit].append({
            "unit": unit, "thing": "LOT", "status": "NONE", "eligible": False, "empty": False, "holds": 0,
            "custodian": 1, "facility": 0, "offeree": 0, "offer_expires_at_s": 0, "head": ZERO,
            "changed_by": ZERO})
        self.rows[m.UnitName].append({"unit": unit, "type": "lot", "scope": "mill", "number": f"L{number}"})
        return unit

    def declared(self, purpose: str, code: str, quantity: int) -> str:
        number = next(self.line)
        line = name_of("line", number)
        self.rows[m.LineState].append({
            "line": line, "declarant": 1, "purpose": purpose, "status": "CLEARED", "holds": 0,
            "material": name_of("material", len(code)), "original": ZERO, "version": ZERO, "head": ZERO,
            **{c: quantity if c == "quantity_micro" else 0 for c in _amounts(m.LineState)}})
        self.rows[m.UnitName].append({"unit": line, "type": "line", "scope": f"D{number}", "number": "1"})
        return line

    def event(self, kind: str, lines: list[tuple[str, str, str, int, str]], reference: str = ZERO) -> None:
        seq = next(self.seq)
        event, block, at_s = name_of("event", seq), seq // 100, _START_S + seq
        self.rows[m.Event].append({
            "event_id": event, "seq": seq, "block_number": block, "block_hash": name_of("block", block),
            "tx_hash": name_of("tx", block), "log_index": seq % 100, "signer": "0x" + "11" * 20,
            "participant": 1, "kind": kind, "step": "NONE", "counterparty": 0, "facility": 0, "book": 1,
            "reference": reference, "occurred_at_ms": at_s * 1_000, "recorded_at_s": at_s, "deadline_s": 0,
            "nonce": str(seq), "commitment": event, "outcome": 0, "outcome_name": "RECORDED"})
        for position, (unit, code, balance, quantity, role) in enumerate(lines):
            self.rows[m.EventLine].append({
                "event_id": event, "position": position, "unit": unit, "role": role, "balance": balance,
                "material": name_of("material", len(code)), "quantity_micro": quantity,
                "recorded_at_s": at_s})
        self.rows[m.Payload].append({
            "event_id": event, "commitment": event, "status": "open", "epcis_event_id": f"urn:uuid:{seq}",
            "epcis_type": "TransformationEvent", "is_correction": False, "recorded_at_s": at_s,
            "document": f'{{"type": "TransformationEvent", "eventID": "urn:uuid:{seq}"}}'})


def _amounts(model: Any) -> list[str]:
    return [c.name for c in inspect(model).columns if c.name.endswith("_micro")]


def made(lots: int, folder: Path, tell: Callable[[str], None]) -> tuple[Path, list[str]]:
    """An index of so many lots, and its exported lots."""
    path = folder / f"trace-{FORMAT}-{VERSION}-{lots}.sqlite"
    trees = max(1, lots // TREE)
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        unfinished.unlink(missing_ok=True)
        migrate(unfinished)
        engine = open_engine(unfinished)
        with engine.connect() as connection:
            indexes = list(connection.execute(text(
                "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")))
            for name, _ in indexes:  # made again at the end: sooner than kept up
                connection.execute(text(f'DROP INDEX "{name}"'))
            connection.execute(text("PRAGMA foreign_keys = OFF"))
            for rows in _filled(trees, tell):
                for model, values in rows.items():
                    if values:
                        connection.execute(model.__table__.insert(), values)
                connection.commit()
            for _, sql in indexes:
                connection.execute(text(sql))
            connection.execute(text("ANALYZE"))
            connection.commit()
        engine.dispose()
        unfinished.rename(path)
    return path, [name_of("lot", TREE * (tree + 1) - 1) for tree in range(trees)]


def _filled(trees: int, tell: Callable[[str], None]) -> Iterator[dict[Any, list[dict[str, Any]]]]:
    filler = _Filler()
    filler.rows[m.Book] = [{"number": 1, "owner": 1, "regime": 1, "options": 0, "opening_open": True}]
    filler.rows[m.Participant] = []
    for tree in range(trees):
        filler.tree()
        if len(filler.rows[m.EventLine]) >= _ROWS or tree == trees - 1:
            tell(f"filling an index, tree {tree + 1} of {trees} (once)")
            yield filler.rows
            for values in filler.rows.values():
                values.clear()


def asked(path: Path, lots: list[str], times: int, direction: Direction = "backward", found_in_it: int = TREE
          ) -> list[tuple[float, float]]:
    """Milliseconds, and those of the processor, of so many traces, each of another lot, in a session of its
    own; so many lots are in an answer.
    """
    engine, who = open_engine(path), directory()
    taken: list[tuple[float, float]] = []
    step = max(1, len(lots) // times)
    chosen = [lots[(i * step) % len(lots)] for i in range(times + 1)]
    for lot in chosen:
        began, spent = time.perf_counter(), time.process_time()
        with Session(engine) as session:
            [found] = ask(session, who, lot, direction, as_of_ms=AS_OF_MS)
        taken.append(((time.perf_counter() - began) * 1_000, (time.process_time() - spent) * 1_000))
        if len([n for n in found.nodes if n["type"] == "lot"]) != found_in_it or not found.rows:
            raise SystemExit(f"a trace has {len(found.nodes)} nodes")
    engine.dispose()
    return taken[1:]  # the first one warms imports and the pages of the tables' roots


def with_networkx(path: Path, lot: str) -> tuple[float, float]:
    """Milliseconds, and those of the processor, to load the whole graph into networkx and ask it for the
    ancestors of a lot.
    """
    engine = open_engine(path)
    began, busy = time.perf_counter(), time.process_time()
    graph: nx.DiGraph[str] = nx.DiGraph()
    with engine.connect() as connection:
        query = select(col(m.EventLine.event_id), col(m.EventLine.unit), col(m.EventLine.role)).join(
            m.Event, col(m.Event.event_id) == col(m.EventLine.event_id)).where(
            col(m.Event.kind).in_(("RECEIVE_FACTORY", "TRANSFORM")))
        for event, unit, role in connection.execute(query):
            graph.add_edge(*((unit, event) if role == "INPUT" else (event, unit)))
    found = nx.ancestors(graph, lot)
    spent = (time.perf_counter() - began) * 1_000, (time.process_time() - busy) * 1_000
    engine.dispose()
    if len(found) < ANCESTORS:
        raise SystemExit(f"networkx found {len(found)} ancestors")
    return spent


def run(sizes: list[int], folder: Path, tell: Callable[[str], None], times: int = 21) -> dict[str, Any]:
    """Traces in indexes of a small and a large number of lots, and networkx on the large one."""
    raw: dict[str, Any] = {"ancestors": ANCESTORS, "sizes": sizes, "ms": {}, "forward_ms": {}}
    for lots in sizes:
        path, exported = made(lots, folder, tell)
        tell(f"tracing in {lots} lots")
        raw["ms"][str(lots)] = asked(path, exported, times)
        received = [name_of("lot", TREE * tree) for tree in range(len(exported))]
        raw["forward_ms"][str(lots)] = asked(path, received, times, "forward", STEPS)
    tell("networkx")
    raw["networkx_ms"] = with_networkx(path, exported[len(exported) // 2])
    return raw


def figures(raw: dict[str, Any]) -> dict[str, Any]:
    """The median, its growth from the small index to the large one, and how much longer networkx takes; the
    ratios by processor time, which other work on the machine disturbs less.
    """
    runs = [raw["ms"][str(lots)] for lots in (raw["sizes"][0], raw["sizes"][-1])]
    small, large = (statistics.median(busy for _, busy in run) for run in runs)
    wall = statistics.median(ms for ms, _ in runs[-1])
    forward = raw["forward_ms"][str(raw["sizes"][-1])]
    return {
        "trace_ms_p50": round(wall, 1), "trace_cpu_ms_p50": round(large, 1),
        "trace_growth": round(large / small, 2), "trace_vs_networkx": round(raw["networkx_ms"][1] / large, 1),
        "trace_lots": raw["sizes"][-1],
        "forward_ms_p50": round(statistics.median(ms for ms, _ in forward), 1)}
