"""Views for people who ask with SQL and BI tools: stable names and columns over the tables of `models`.

Names and columns here are a promise (docs/reference/views.md); the tables below may change. A view is text
with a few words that each engine writes its own way (`{at_s:..}` and so on, `_WORDS`). Views judge nothing: a
finding is what ledger or index say themselves; what the rules of the tracer find depends on period and
reference tables and is asked for (`cargoledger check`). Made anew after every migration.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sqlalchemy import Connection, inspect, text

_YEAR_10000_S = 253_402_300_800  # whoever signs may state any time; an engine's calendar ends

_WORDS: Mapping[str, Mapping[str, str]] = MappingProxyType({
    "postgresql": {
        "at_s": f"CASE WHEN {{0}} < {_YEAR_10000_S} THEN to_timestamp(({{0}})::double precision) END",
        "at_ms": f"CASE WHEN {{0}} < {_YEAR_10000_S}000 THEN"
                 " to_timestamp(0) + ({0})::bigint * interval '1 millisecond' END",
        "ms": "({0})::bigint",
        "amount": "({0} * 0.000001)::numeric(26, 6)",
    },
    "sqlite": {
        "at_s": f"CASE WHEN {{0}} < {_YEAR_10000_S} THEN"
                " strftime('%Y-%m-%dT%H:%M:%SZ', {0}, 'unixepoch') END",
        "at_ms": f"CASE WHEN {{0}} < {_YEAR_10000_S}000 THEN strftime('%Y-%m-%dT%H:%M:%S', ({{0}}) / 1000,"
                 " 'unixepoch') || printf('.%03dZ', ({0}) % 1000) END",
        "ms": "({0})",
        # from 2^63 on a column holds 20 digits of text
        "amount": "CASE WHEN typeof({0}) = 'text' THEN substr({0}, 1, 14) || '.' || substr({0}, 15)"
                  " ELSE printf('%d.%06d', {0} / 1000000, {0} % 1000000) END",
    },
})


@dataclass(frozen=True, slots=True)
class View:
    """One view.

    Attributes:
        name: in the database.
        about: what a row is.
        columns: name and meaning, in order.
        body: the SELECT, with words of `_WORDS`.
        keys: columns by which other views name a row of this one.
        refers: own column to (view, column) of which it names a row.
    """

    name: str
    about: str
    columns: tuple[tuple[str, str], ...]
    body: str
    keys: tuple[str, ...]
    refers: tuple[tuple[str, str, str], ...] = ()

    def sql(self, dialect: str) -> str:
        """CREATE VIEW for an engine."""
        words = _WORDS[dialect]
        body = re.sub(r"\{(\w+):([^}]+)\}", lambda found: words[found[1]].format(found[2]), self.body)
        return f"CREATE VIEW {self.name} ({', '.join(name for name, _ in self.columns)}) AS {body}"


_UNIT = (("unit", "id of the unit on the ledger"),
         ("number", "container, package or lot number; empty where no opened payload names it"),
         ("scope", "consignment or enterprise; empty likewise"))
_NAMED = "LEFT JOIN unit_name n ON n.unit = "

VIEWS: tuple[View, ...] = (
    View("units", "A container, cargo or lot and its present state.", (
        *_UNIT, ("thing", "CONTAINER, CARGO or LOT"), ("status", "as the contract says it"),
        ("eligible", "customs says it may leave"), ("empty", "an empty container"),
        ("holds", "bit mask of the authorities that hold it; 0 for none"),
        ("custodian", "participant that answers for it"), ("facility", "where it is; empty for nowhere"),
        ("offered_to", "participant to which it is offered; empty for none"), ("offer_event", "that offer"),
        ("inside", "the container it is in"), ("changed_by", "event of its last change"),
        ("changed_at", "when the ledger recorded that"),
    ), f"""SELECT u.unit, coalesce(n.number, ''), coalesce(n.scope, ''), u.thing, u.status, u.eligible,
    u.empty,
  u.holds, u.custodian, nullif(u.facility, 0), nullif(u.offeree, 0), u.offer_event, u.inside, u.changed_by,
  {{at_s:e.recorded_at_s}}
FROM unit u {_NAMED}u.unit LEFT JOIN event e ON e.event_id = u.changed_by""",
         ("unit",), (("inside", "units", "unit"),)),
    View("handovers", "A unit offered, and what became of the offer.", (
        ("offer_event", "id of the OFFER"), *_UNIT, ("offered_by", "participant"),
        ("offered_to", "participant"),
        ("offered_at", "when, as stated"),
        ("result", "ACCEPT, REFUSE or CANCEL; empty while it is open or expired"),
        ("answer_event", "the recorded answer"), ("answered_at", "when, as stated"),
        ("answered_after_s", "seconds from offer to answer"),
        ("facility", "where it was accepted"),
        ("offered_quantity_micro", "stated in the offer; 0 for as it is"),
        ("offered_quantity", "the same, in units"),
        ("found_quantity_micro", "found by the taker; 0 for as offered; empty if not accepted"),
        ("found_quantity", "the same, in units"),
    ), f"""SELECT o.event_id, l.unit, coalesce(n.number, ''), coalesce(n.scope, ''), o.participant,
    o.counterparty,
  {{at_ms:o.occurred_at_ms}}, a.kind, a.event_id, {{at_ms:a.occurred_at_ms}},
  CASE WHEN a.occurred_at_ms < {_YEAR_10000_S}000 AND o.occurred_at_ms < {_YEAR_10000_S}000
    THEN ({{ms:a.occurred_at_ms}} - {{ms:o.occurred_at_ms}}) / 1000 END,
  nullif(a.facility, 0), l.quantity_micro, {{amount:l.quantity_micro}},
  CASE WHEN a.kind = 'ACCEPT' THEN al.quantity_micro END,
  CASE WHEN a.kind = 'ACCEPT' THEN {{amount:al.quantity_micro}} END
FROM event o JOIN event_line l ON l.event_id = o.event_id {_NAMED}l.unit
LEFT JOIN (event a JOIN event_line al ON al.event_id = a.event_id) ON a.reference = o.event_id
  AND a.kind IN ('ACCEPT', 'REFUSE', 'CANCEL') AND a.outcome = 0 AND al.unit = l.unit
WHERE o.kind = 'OFFER' AND o.outcome = 0""",
         ("offer_event", "unit"), (("unit", "units", "unit"),)),
    View("dwell", "A stay of a unit at a facility.", (
        *_UNIT, ("facility", "where"), ("arrived_event", "event with which it began"), ("arrived_at",
        "when, as stated"),
        ("left_event", "event with which it ended; empty while it lasts"), ("left_at", "when, as stated"),
        ("dwell_s", "seconds; empty while it lasts"),
    ), f"""WITH places AS (
  SELECT s.unit, s.seq, s.event_id, CASE WHEN s.status = 'CLOSED' THEN 0 ELSE s.facility END AS place
  FROM unit_state s),
moves AS (SELECT p.*, lag(place) OVER (PARTITION BY unit ORDER BY seq) AS place_before FROM places p),
stays AS (SELECT m.unit, m.seq, m.event_id, m.place, lead(event_id)
  OVER (PARTITION BY unit ORDER BY seq) AS end_event
  FROM moves m WHERE place_before IS NULL OR place <> place_before)
SELECT s.unit, coalesce(n.number, ''), coalesce(n.scope, ''), s.place, s.event_id, {{at_ms:b.occurred_at_ms}},
  s.end_event, {{at_ms:f.occurred_at_ms}},
  CASE WHEN f.occurred_at_ms < {_YEAR_10000_S}000 AND b.occurred_at_ms < {_YEAR_10000_S}000
    THEN ({{ms:f.occurred_at_ms}} - {{ms:b.occurred_at_ms}}) / 1000 END
FROM stays s JOIN event b ON b.event_id = s.event_id LEFT JOIN event f
  ON f.event_id = s.end_event {_NAMED}s.unit
WHERE s.place <> 0""", ("unit", "arrived_event"), (("unit", "units", "unit"),)),
    View("lots", "A lot in a book and its present balances.", (
        *_UNIT, ("book", "number of the book"), ("material", "id of its material"),
        ("code", "material or product code; empty where no opened payload names it"),
        ("description", "likewise"),
        ("uom", "unit of measure, likewise"), ("hs", "HS code, likewise"),
        ("origin", "OWN, IMPORTED, DOMESTIC, ..."),
        ("source_line", "declaration line that it was drawn from; empty for none"),
        ("created_by", "event that made it"),
        ("created_at", "when the ledger recorded that"), ("custodian", "participant that answers for it"),
        ("raw_micro", "as material, in 10⁻⁶"), ("wip_micro", "in processing"),
        ("finished_micro", "as product"),
        ("scrap_micro", "as scrap"), ("short_micro", "missing"), ("loaded_micro", "loaded for export"),
        ("raw", "the same in units of measure"), ("wip", "likewise"), ("finished", "likewise"),
        ("scrap", "likewise"),
        ("short", "likewise"), ("loaded", "likewise"),
    ), f"""SELECT l.unit, coalesce(n.number, ''), coalesce(n.scope, ''), l.book, l.material,
    coalesce(m.code, ''),
  coalesce(m.description, ''), coalesce(m.uom, ''), coalesce(m.hs, ''), l.origin,
  nullif(l.source_line, '0x{'00' * 32}'), l.created_by, {{at_s:e.recorded_at_s}}, u.custodian,
  l.raw_micro, l.wip_micro, l.finished_micro, l.scrap_micro, l.short_micro, l.loaded_micro,
  {{amount:l.raw_micro}}, {{amount:l.wip_micro}}, {{amount:l.finished_micro}}, {{amount:l.scrap_micro}},
  {{amount:l.short_micro}}, {{amount:l.loaded_micro}}
FROM lot l {_NAMED}l.unit LEFT JOIN material m ON m.material = l.material LEFT JOIN unit u ON u.unit = l.unit
LEFT JOIN event e ON e.event_id = l.created_by""",
         ("unit",), (("unit", "units", "unit"), ("source_line", "declarations", "unit"))),
    View("movements", "An event about a unit or declaration line, refused ones too.", (
        ("event_id", "the event"), ("seq", "its place in the ledger's order"),
        ("position", "of the line in the event"),
        *_UNIT, ("kind", "of the event"), ("step", "the finer step"), ("outcome", "code"), ("outcome_name",
        "in words"),
        ("refused", "the ledger refused it: it changed nothing"),
        ("voided",
         "its poster or customs declared it wrong since; what it moved stands until ADJUST or REASSIGN"),
        ("role", "of the unit in the event"), ("balance", "of the lot that is meant"), ("material", "id"),
        ("quantity_micro", "in 10⁻⁶"), ("quantity", "in units of measure"), ("participant", "that posted it"),
        ("counterparty", "the other participant; empty for none"), ("facility", "where; empty for nowhere"),
        ("book", "number; empty for none"), ("reference", "event or line that it refers to; empty for none"),
        ("occurred_at", "when, as stated"), ("recorded_at", "time of its block"),
    ), f"""SELECT e.event_id, e.seq, l.position, l.unit, coalesce(n.number, ''), coalesce(n.scope, ''),
    e.kind, e.step,
  e.outcome, e.outcome_name, e.outcome >= 100, e.voided_by IS NOT NULL, l.role, l.balance, l.material,
  l.quantity_micro, {{amount:l.quantity_micro}}, e.participant, nullif(e.counterparty, 0),
  nullif(e.facility, 0),
  nullif(e.book, 0), nullif(e.reference, '0x{'00' * 32}'), {{at_ms:e.occurred_at_ms}},
  {{at_s:e.recorded_at_s}}
FROM event_line l JOIN event e ON e.event_id = l.event_id {_NAMED}l.unit""",
         ("event_id", "position"), (("unit", "units", "unit"),)),
    View("declarations",
    "A declaration line as declared, one row a version, with what the ledger has drawn from it.", (
        ("event_id", "the DECLARE"), ("unit", "id of the line on the ledger"), ("declaration", "its number"),
        ("line", "of it"), ("current", "the version that the ledger stands at"),
        ("direction", "IMPORT or EXPORT"),
        ("regime", "customs regime"), ("purpose", "what the line may be used for"), ("enterprise", "of whom"),
        ("code", "material or product code"), ("description", "of the goods"), ("hs", "HS code"),
        ("origin", "country"),
        ("quantity_micro", "declared, in 10⁻⁶"), ("quantity", "in units of measure"),
        ("uom", "unit of measure"),
        ("value", "as declared"), ("currency", "of the value"), ("status", "on the ledger"),
        ("drawn_micro", "drawn from the line on the ledger, in 10⁻⁶"), ("drawn", "in units of measure"),
        ("exited_micro", "confirmed to have left"), ("exited", "likewise"),
        ("returned_micro", "taken back"), ("returned", "likewise"), ("registered_at", "as declared"),
    ), """SELECT d.event_id, d.unit, d.declaration, d.line, coalesce(s.version = d.event_id, false),
    d.direction, d.regime, d.purpose,
  d.enterprise, d.code, d.description, d.hs, d.origin, d.quantity_micro, {amount:d.quantity_micro}, d.uom,
  d.value,
  d.currency, coalesce(s.status, ''), s.drawn_micro, {amount:s.drawn_micro}, s.exited_micro,
  {amount:s.exited_micro},
  s.returned_micro, {amount:s.returned_micro}, d.registered_at
FROM declaration_line d LEFT JOIN line_state s ON s.line = d.unit""", ("event_id",)),
    View("findings",
    "What ledger or index found wrong by themselves; the rules of the tracer are asked apart.", (
        ("source", "REFUSED, NOT_TAKEN, NORM_EXCEEDED, PAYLOAD_WITHHELD, PAYLOAD_MISMATCH or FORK"),
        ("code", "outcome, fault or kind of evidence"), ("event_id", "the event; empty for a fork"),
        ("kind", "of the event; empty where the ledger did not take it"), ("participant", "that posted it"),
        ("subject", "material of a norm; block of a fork; else empty"),
        ("expected_micro", "allowed by the norm"),
        ("observed_micro", "used"), ("detail", "in words"), ("recorded_at", "time of the block"),
    ), """SELECT 'REFUSED', e.outcome_name, e.event_id, e.kind, e.participant, NULL, NULL, NULL, NULL,
    {at_s:e.recorded_at_s}
FROM event e WHERE e.outcome >= 100
UNION ALL SELECT 'NOT_TAKEN', t.code_name, t.event_id, NULL, NULL, NULL, NULL, NULL, NULL, {at_s:b.timestamp}
FROM not_taken t LEFT JOIN block b ON b.number = t.block_number
UNION ALL SELECT 'NORM_EXCEEDED', 'NORM_EXCEEDED', x.event_id, e.kind, e.participant, x.material,
  x.allowed_micro,
  x.used_micro, NULL, {at_s:e.recorded_at_s} FROM norm_excess x JOIN event e ON e.event_id = x.event_id
UNION ALL SELECT CASE p.status WHEN 'mismatch' THEN 'PAYLOAD_MISMATCH' ELSE 'PAYLOAD_WITHHELD' END,
  p.status, p.event_id, e.kind,
  e.participant, NULL, NULL, NULL, p.fault, {at_s:e.recorded_at_s}
FROM payload p JOIN event e ON e.event_id = p.event_id WHERE p.status IN ('mismatch', 'withheld')
UNION ALL SELECT 'FORK', 'FORK', NULL, NULL, NULL, CAST(v.block_number AS TEXT), NULL, NULL, v.what,
  NULL FROM evidence v""",
         ("source", "event_id"), (("event_id", "movements", "event_id"),)),
)
"""Every view; each may use tables only."""


Rights = list[tuple[str, str]]
"""Who may read which view."""


def drop_views(connection: Connection) -> Rights:
    """Drop ours, before tables below them change; the rights to read them, to be given again."""
    there, rights = set(inspect(connection).get_view_names()), Rights()
    for view in VIEWS:
        if view.name in there:
            if connection.dialect.name == "postgresql":
                rights += [(view.name, grantee) for (grantee,) in connection.execute(text(
                    "SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC'"
                    " ELSE quote_ident(pg_get_userbyid(a.grantee)) END"
                    " FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = to_regclass(:view)"
                    " AND a.privilege_type = 'SELECT' AND a.grantee <> c.relowner"), {"view": view.name})]
            connection.execute(text(f"DROP VIEW {view.name}"))
    return rights


def make_views(connection: Connection, rights: Rights) -> None:
    """Make all as this version has them, readable for whom they were."""
    for view in VIEWS:
        connection.exec_driver_sql(view.sql(connection.dialect.name))
    for name, grantee in rights:
        if any(view.name == name for view in VIEWS):
            connection.execute(text(f"GRANT SELECT ON {name} TO {grantee}"))
