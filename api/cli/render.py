"""What commands print for people: rich tables, trees and panels. Nothing here is asked or computed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from api.views.forms import tables_of
from api.words import balance_words, kind_words, late_words
from tracer.quantity import grouped


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()
) -> Table:
    """A table with a heading; `right` are the places of columns set to the right."""
    result = Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, header_style="bold"
    )
    for i, column in enumerate(columns):
        # a number in two lines is misread
        number = i in right
        result.add_column(column, justify="right" if number else "left", overflow="fold", no_wrap=number)
    for row in rows:
        result.add_row(*(escape(str(cell)) for cell in row))
    return result


def unit_panel(unit: dict[str, Any]) -> RenderableType:
    """A unit: state and timeline."""
    head = Text.assemble((unit["label"], "bold"), f"  {unit['type']}", (f"  {unit['scope']}", "dim"))
    parts: list[RenderableType] = [head, *_past(unit), *(Text("  " + line) for line in _state_lines(unit))]
    held = (unit["state"] or unit["line"] or {}).get("holds") or []
    if held:
        parts.append(Text("  HELD by " + ", ".join(h["name"] for h in held), style="bold red"))
    if unit["hidden"]:
        parts.append(Text(f"  {unit['hidden']} more events are not shown.", style="dim"))
    parts.append(timeline(unit["timeline"], unit["unit"]))
    return Group(*parts)


def _past(view: dict[str, Any]) -> list[Text]:
    """A line above an answer about the past, so that nobody takes it for the present."""
    when = view.get("past")
    if not when:
        return []
    bounds = [f"as of {when['asOf']}"] if when["asOf"] else []
    bounds += [f"as known at block {when['knownAt']}"] if when["knownAt"] is not None else []
    return [Text("  " + ", ".join(bounds), style="bold yellow")]


def timeline(rows: Iterable[dict[str, Any]], unit: str = "") -> Table:
    """Events in the ledger's order; refused ones in red with the reason."""
    result = Table(box=box.SIMPLE_HEAD, header_style="bold")
    for column in ("happened", "what", "who", "where", "quantity", "outcome"):
        number = column == "quantity"
        result.add_column(column, justify="right" if number else "left", overflow="fold", no_wrap=number)
    for row in rows:
        own = next((u for u in row["units"] if u["unit"] == unit), None)
        quantity = f"{grouped(own['quantity'])} {own['uom']}" if own and own["quantity"] else ""
        outcome = row["outcome"]
        said = Text(outcome["name"], style="green")
        if outcome["refused"]:
            said = Text(f"{outcome['name']}\n{outcome['sentence']} {outcome['remedy']}", style="red")
        elif outcome["name"] == "PENDING":
            said = Text("approved" if row["approvedBy"] else "waits for approval", style="yellow")
        who = _name(row["participant"]) + (f" → {_name(row['counterparty'])}" if row["counterparty"] else "")
        style = "red" if outcome["refused"] else "strike" if row["voidedBy"] else ""
        result.add_row(
            _when(row["occurredAt"], row["zone"]),
            Text(row["title"], style=style),
            escape(who),
            escape(_name(row["facility"])),
            quantity,
            said,
        )
    return result


def event_panel(event: dict[str, Any]) -> RenderableType:
    """An event in full; one that the index does not have yet by its way alone."""
    from api.jsonio import dumps

    way = [_way(event["way"])] if event.get("way") else []
    if "outcome" not in event:
        return Group(*way)
    outcome = event["outcome"]
    facts = [
        ("event", event["eventId"]),
        ("EPCIS", event["epcisEventId"] or ""),
        ("by", _name(event["participant"])),
        ("to", _name(event["counterparty"])),
        ("at", _name(event["facility"])),
        ("happened", event["occurredAt"]),
        ("recorded", event["recordedAt"] + late_words(event)),
        ("block", f"{event['block']['number']} {event['block']['hash']}"),
        ("signer", event["signer"]),
        ("readers", ", ".join(_name(r) for r in event["readers"])),
    ]
    parts: list[RenderableType] = [Text(event["title"], style="bold"), *_past(event)]
    if outcome["refused"]:
        parts.append(
            Text(f"refused: {outcome['name']} — {outcome['sentence']} {outcome['remedy']}", style="red")
        )
    grid = Table.grid(padding=(0, 2))
    for name, value in facts:
        if value:
            grid.add_row(Text(name, style="dim"), escape(value))
    parts.append(Padding(grid, (0, 0, 0, 2)))
    if event["units"]:
        parts.append(
            table(
                "Units",
                ("unit", "part", "balance", "quantity", "code"),
                [
                    (
                        u["label"],
                        u["role"].lower(),
                        u["balance"].lower(),
                        f"{grouped(u['quantity'] or '')} {u['uom']}".strip(),
                        u["code"],
                    )
                    for u in event["units"]
                ],
                right=(3,),
            )
        )
    for reading in event["readings"]:
        values = ", ".join(
            f"{r['type'] or ''} {grouped(r['value'] or '')} {r['uom'] or ''}".strip()
            for r in reading.get("reports", ())
        )
        parts.append(
            Text(f"device reading {values}: {reading['verdict']} — {reading['sentence']}",
                 style="green" if reading["verified"] else "yellow")
        )
    parts.append(Text(dumps(event["epcis"], indent=2) if event["epcis"] else f"content: {event['payload']}"))
    return Group(*parts, *way)


def _way(way: dict[str, Any]) -> RenderableType:
    """An event's way through the outbox: every status it had, when, where and why."""
    head = f"Way of {way['eventID']}: {way['status']}{late_words(way)}"
    if way["reference"]:
        head += f"; answers {way['reference']['eventId'][:14]}… ({way['reference']['status']})"
    return table(
        head,
        ("when", "status", "block", "transaction", "note"),
        [
            (step["at"], step["status"], str(step["block"] or ""), step["transaction"] or "", step["note"])
            for step in way["history"]
        ],
    )


def lineage_tree(view: dict[str, Any]) -> RenderableType:
    """Lineage as trees: up to its sources, down to its exits, each with what it adds up to."""
    parts: list[RenderableType] = [*_past(view)]
    for direction, title in (("backward", "made from"), ("forward", "went to")):
        for answer in view.get(direction, ()):
            subject = answer["subject"]
            if "from" in view and not answer["graph"]["nodes"]:
                parts.append(Text(f"No way leads from {view['from']['label']} to {subject['id']}."))
                continue
            root = Tree(
                f"[bold]{escape(subject['id'])}[/bold] {title}  [dim]book {escape(answer['book'])}[/dim]"
            )
            _grow(root, answer["graph"], f"{subject['type']}:{subject['id']}", direction, set())
            parts.append(root)
            if answer["rows"] or "from" not in view:
                parts.append(_rows(answer, direction))
    return Group(*parts)


def _grow(tree: Tree, graph: dict[str, Any], node: str, direction: str, seen: set[str]) -> None:
    near, far = ("to", "from") if direction == "backward" else ("from", "to")
    nodes = {n["id"]: n for n in graph["nodes"]}
    for edge in graph["edges"]:
        if edge[near] != node or edge[far] not in nodes:
            continue
        other = nodes[edge[far]]
        label = kind_words(other["label"]) if other["type"] == "process" else other["label"]
        plain = edge["quantity"] in ("", "0")
        amount = "" if plain else f"  [cyan]{grouped(edge['quantity'])} {escape(edge['uom'])}[/cyan]"
        code = f"  [dim]{escape(other['code'])}[/dim]" if other["code"] else ""
        again = edge[far] in seen
        branch = tree.add(f"{escape(label)}{code}{amount}{'  [dim](see above)[/dim]' if again else ''}")
        if not again:
            seen.add(edge[far])
            _grow(branch, graph, edge[far], direction, seen)


def _rows(answer: dict[str, Any], direction: str) -> RenderableType:
    if direction == "backward":
        return table(
            "Sources",
            ("source", "kind", "code", "quantity", "unit", "share"),
            [
                (r["id"], r["source"], r["code"], grouped(r["quantity"]), r["uom"], _percent(r["share"]))
                for r in answer["rows"]
            ],
            right=(3, 5),
        )
    return table(
        "Where it is now",
        ("state", "lot", "line", "quantity", "unit", "share"),
        [
            (
                r["state"].replace("_", " "),
                r["lot"],
                r["line"],
                grouped(r["quantity"]),
                r["uom"],
                _percent(r["share"]),
            )
            for r in answer["rows"]
        ],
        right=(3, 5),
    )


def _percent(share: str) -> str:
    return f"{(Decimal(share) * 100).normalize():f} %"


def settlement_tables(view: dict[str, Any]) -> RenderableType:
    """A settlement: whose, its forms, and its findings."""
    period = view["period"]
    head = Text(f"{view['enterprise']}  {view['book']}  {period['from']} to {period['to']}", style="bold")
    return Group(head, form_tables(view), findings_table({**view["report"], "period": period}))


def form_tables(view: dict[str, Any]) -> RenderableType:
    """The forms of a settlement, and what is missing for them."""
    parts: list[RenderableType] = []
    for form in tables_of(view):
        if not form["rows"]:
            continue
        columns = [f"{c['label']}\n({c['number']})" if c["number"] else c["label"] for c in form["columns"]]
        rows = [
            [grouped(row[c["key"]] or "") if c["numeric"] else _cell(row[c["key"]]) for c in form["columns"]]
            for row in form["rows"]
        ]
        right = [i for i, c in enumerate(form["columns"]) if c["numeric"]]
        parts.append(table(form["title"], columns, rows, right=right))
    parts += [Text(f"missing: {what}", style="yellow") for what in view["missing"]]
    return Group(*parts)


def _cell(value: Any) -> str:
    return "\n".join(value) if isinstance(value, list) else str(value or "")


def findings_table(view: dict[str, Any]) -> RenderableType:
    """Findings, the gravest first."""
    if not view["findings"]:
        tested = sum(rule["tested"] for rule in view["rules"])
        open_checks = len(view["not_evaluable"])
        rest = f"; {open_checks} checks could not be made" if open_checks else ""
        return Text(f"Nothing was found ({tested} tests by {len(view['rules'])} rules{rest}).", style="green")
    result = Table(
        title="What does not add up",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        header_style="bold",
    )
    for column in ("rule", "subject", "expected", "observed", "difference", "why"):
        result.add_column(
            column,
            justify="right" if column in ("expected", "observed", "difference") else "left",
            overflow="fold",
        )
    for f in view["findings"]:
        style = "red" if f["severity"] in ("critical", "high") else "yellow"
        result.add_row(
            Text(f["rule"], style=style),
            escape(f["subject"]["id"]),
            grouped(f["expected"] or ""),
            grouped(f["observed"] or ""),
            f"{grouped(f['difference'] or '')} {f['uom']}".strip(),
            escape(f["explanation"]),
        )
    return result


def posted(results: list[dict[str, Any]]) -> RenderableType:
    """What became of posted events."""
    styles = {"recorded": "green", "pending": "yellow", "refused": "red", "not_taken": "red"}
    result = Table(box=box.SIMPLE_HEAD, header_style="bold")
    for column in ("document", "event", "kind", "status"):
        result.add_column(column, overflow="fold")
    for document in results:
        for event in document["events"]:
            status = event["status"] + (
                f": {event['outcome']}" if event["status"] in ("refused", "not_taken") else ""
            )
            status += f", waits for {event['waitingFor']}" if event["waitingFor"] else ""
            status += late_words(event)
            result.add_row(
                escape(document["file"]),
                escape(str(event["eventID"])),
                kind_words(event["kind"], event["step"] or "NONE"),
                Text(status, style=styles.get(event["status"], "")),
            )
    return result


def verification(result: dict[str, Any]) -> RenderableType:
    """The steps of a verification."""
    parts: list[RenderableType] = [Text(f"event {result['eventId']}", style="bold")]
    for step in result["steps"]:
        mark, style = ("✓", "green") if step["verdict"] == "verified" else ("–", "dim")
        parts.append(
            Text.assemble(
                (f"  {step['number']}. {mark} ", style),
                (f"{step['name']:<11}", "bold"),
                step["detail"] or step["verdict"],
            )
        )
    for reading in result.get("readings", ()):
        said = "signed by its key" if reading["signed"] else "NOT signed by the key it names"
        parts.append(Text(f"  device reading of {(reading['device'] or '?')[:18]}: {said}"))
    if result["verified"]:
        parts.append(
            Text(f"Verified: {result['outcome']} by participant {result['participant']}.", style="green")
        )
    else:
        parts.append(
            Text(
                f"Does not verify. {result['fault']['step']}: {result['fault']['message']}", style="bold red"
            )
        )
    if result.get("exported"):
        parts.append(Text(f"The proof is in {result['exported']}; with trust.json anybody can check it."))
    return Group(*parts)


def _state_lines(unit: dict[str, Any]) -> list[str]:
    lines = []
    material = unit["material"]
    uom = material["uom"] if material else ""
    if material:
        lines.append(" · ".join(filter(None, (material["code"], material["description"], material["hs"]))))
    if state := unit["state"]:
        where = f" at {_name(state['facility'])}" if state["facility"] else ""
        lines.append(
            f"with {_name(state['custodian']) or 'nobody'}{where}"
            + (f", {state['statusWords']}" if state["statusWords"] else "")
            + (", eligible" if state["eligible"] else "")
        )
        if state["inside"]:
            lines.append(f"inside {state['inside']['label']}")
        if state["contents"]:
            lines.append("inside it " + ", ".join(_thing(thing) for thing in state["contents"]))
        if state["offer"]:
            lines.append(f"offered to {_name(state['offer']['to'])} until {state['offer']['expiresAt']}")
    if unit["seals"]:
        lines.append("seals " + ", ".join(s["number"] for s in unit["seals"]))
    if lot := unit["lot"]:
        names = balance_words()
        lines.append(
            ", ".join(
                f"{names[n].lower()} {grouped(q)} {uom}".rstrip()
                for n, q in lot["balances"].items()
                if q != "0"
            )
            or "nothing is left"
        )
    if line := unit["line"]:
        lines.append(
            f"{line['purpose'].lower()}, {line['statusWords']}: {grouped(line['quantity'])} {uom}, drawn "
            f"{grouped(line['drawn'])}, left {grouped(line['left'])}, exited {grouped(line['exited'])}"
        )
    return lines


def _thing(thing: dict[str, Any]) -> str:
    held = " and ".join(_name(holder) for holder in thing["holds"])
    return f"{thing['label']} (held by {held})" if held else str(thing["label"])


def _when(moment: str, zone: str) -> str:
    from api.views.names import local  # brings the index along, which a book in files does without

    parsed = local(moment, zone)
    return f"{parsed:%Y-%m-%d %H:%M}" if parsed else moment


def _name(entry: dict[str, Any] | None) -> str:
    return str(entry["name"]) if entry else ""
