"""The format of a book folder in words, for people: docs/formats/book.md is what this writes
(`python -m tracer.files.describe`)."""

from __future__ import annotations

import sys

from tracer.files.example_faults import FAULTS
from tracer.files.settings import KEYS
from tracer.files.tables import CUSTODY_KINDS, FORMS, MOVEMENTS, STOCK_KINDS, TABLES, Column, Table

_HEAD = """# A book in files

`cargoledger check BOOK_DIR` needs no ledger, no server and no home: a folder of files that an accountant
exports from the books of the enterprise is settled and judged by the same rules as a book on the ledger.
This page is written by `python -m tracer.files.describe`; a test compares it with the code.

    cargoledger book example my-book        # a clean one to start from
    cargoledger check my-book/              # a report; exit code 0 nothing found, 1 findings, 2 unusable
    cargoledger check my-book/ --json       # one JSON document
    cargoledger book example other --with padded-norm

An argument of `check` is a folder when it has a slash in it or is a directory with a `book.toml`;
anything else is the id of a book in the index.

    cargoledger check ./books --workers 8   # many: a folder that holds the folders of books, or several names
    cargoledger check ./books --dask tcp://HOST:8786 --json

Many books are checked beside each other, each by one process, here or on a Dask cluster
(`cargoledger[dask]`) whose workers see the same folders. The document has an entry for each book, in the
order in which they were named (in a folder by name), and a summary; it is the same bytes however many
processes there were. A book that cannot be used is an entry that says why and stops no other; the exit code
is 2 then, else 1 if anything was found in any book, else 0. The book of a process that is killed is tried
again.

## The folder

`book.toml` and movements (or [events.jsonl](#eventsjsonl)) must be there; every other file is optional,
and what lacks it is *not evaluable* and says so, which is never a pass.

| File | What a row is | Without it |
|---|---|---|
"""

_WRITING = """
Each table is `NAME.csv`, `NAME.xlsx` (the sheet of that name, else the first) or a sheet NAME of one
`book.xlsx`; the same table twice is refused. Other files are named and not read.

- **CSV**: UTF-8 with or without byte order mark (UTF-16 with one), separated by comma, semicolon or tab. A
  line `sep=;` above the heading is taken as what it is. The first row that is not empty is the heading;
  columns come in any order. Columns that are not in the tables below are named and ignored. Digits are
  never grouped. In files separated by semicolon or tab a decimal comma is taken as well as a point; 1.400
  or 1,400 may be fourteen hundred there, so it counts only where another number of the file shows the mark
  to be a decimal one (2.5, 0.400), and is told otherwise.
- **XLSX**: numbers are taken with the fifteen digits that the program keeps, so 0.1 + 0.2 is 0.3; a
  formula counts with the value it was saved with, and an error of a formula (#N/A) is no name. A file
  with a formula whose value was not saved is refused, and the cell named.
- **Numbers** are exact decimals, quantities with at most six decimals. Nothing is rounded or read as
  binary fractions.
- **Times**: a date is a whole day in the book's zone, a time without offset is in that zone. Equal times
  and whole days never count against the enterprise.
- **Units** are codes of UNECE Recommendation 20. A code is kept in the unit it is declared in, else in
  the first one stated; quantities in another unit are converted by `conversions`. Without a factor a row
  is left out, never taken 1:1.
- **A malformed row** is left out and told with file, row (as a spreadsheet numbers them), column and
  remedy; the rest is evaluated. `incomplete` names the codes of such rows: findings about them may be due
  to that. `notes` point out what costs nothing: counts and movements dated after the day up to which the
  book is judged, counts of before the period, codes that look alike (FAB-1 and fab-1, other dashes,
  letters of another script), what was ignored.
- **Opening stock** is dated on the first day of the period or the last of the one before, as `previous`
  is: the same stock. A row of a later day is left out as malformed.
- **Unusable** (exit code 2): no `book.toml` or no movements, a file that is not text or not a workbook, a
  required column missing or a column twice.

## book.toml

| Key | Meaning |
|---|---|
"""

_MOVEMENTS = """
### Kinds

Kinds are those of the [event model](events.md). About stock: {stock}. About custody: {custody}.

| Kind | What a row is |
|---|---|
| RECEIVE_FACTORY | material comes in; names its import line. RECEIVE_DOMESTIC: bought inland, no line |
| ISSUE_PROD, RETURN_PROD | store to production; back. `product` says what it is for |
| TRANSFORM | rows share `op`: `side` in for what production took, out for what it made, with `role` \
product, co-product, semi, scrap, or loss |
| SPLIT, MERGE | rows share `op`, `side` in and out; a SPLIT row may instead name its `parent`. \
What is on the line or loaded of a lot stays under its number |
| EXPORT_LOAD, REEXPORT | loaded for the export line named; UNLOAD: taken off again. Without a line it \
stands in form 15a (9) |
| EXIT_CONFIRM | customs confirmed that it left; without a quantity, all that is loaded for the line. \
`exit_confirmed_at` of `declarations` says the same for a whole line. An on-spot export (#&XKTC) has none: \
it counts when both it and its import in `on_spot` are cleared |
| FG_RETURN | goods of the export line named come back: of its lot, if that left on the line, else a part of \
all that left. A line of re-import names it as its `original_declaration` |
| REPURPOSE, SELL_INLAND | change of purpose or sale under the A42 line named; domestic material needs none |
| SCRAP_OUT, DESTROY | scrap leaves; goods are destroyed |
| TRANSFER | between contracts: `side` in or out of this book |
| ADJUST | books a difference; below zero, or `side` out, takes away |
| OPENING, COUNT | as `opening` and `counts`; `role` says which stock |
| HOLD, UNHOLD | customs (or `actor`) holds a lot, container or cargo, and lifts it |
| ARRIVE, ELIGIBLE, REVOKE, GATE_OUT | of a container or cargo: `role` says which, `lot` is its \
`consignment/number` |
| STRIP, STUFF | a container is emptied, or filled; `role` container, `lot` as above. A receipt \
that names its `container` says as much |
| OFFER, ACCEPT, REFUSE, CANCEL | a handover of a lot, container or cargo to `partner` |

Declarations, clearances and norms are rows of their own files. A row whose `id` was there before with the
same content counts once.

### Lots

Lots are called `enterprise/lot`. One number used for several codes stands for as many lots. Where a row
names no lot:

- what comes in makes a lot of its own, called by code and declaration line, `op` or `id`; opening stock
  is one lot per code, `CODE (opening)`;
- what goes out takes from the lots of its code: those without a number first, then the numbered ones,
  each in the order in which they came; where imported and domestic stock lie together, in proportion
  (Circular 38/2015 Art. 60.2.a).

### What the ledger would have refused

Nobody stood at the gate when an ERP booked a movement, so the check judges as the ledger would have: by
the order in which things happened, inflows first. The refusals are the ledger's own
([outcomes](outcomes.md)):

| Outcome | When |
|---|---|
| NOT_ENOUGH | more was taken than the lot, or the code, ever had (beyond the book's tolerance) |
| UNKNOWN_UNIT | taken from a lot that never came into being |
| HELD | taken, or let out at the gate, under a hold |
| NOT_ELIGIBLE | let out at the gate without being eligible |
| NOT_EMPTY | goods of a lot put into a container that came in full, was not let out and not emptied |
| UNKNOWN_REFERENCE, WRONG_PURPOSE | sold or changed in purpose without a line for it |
| NO_OPEN_OFFER, NOT_OFFEREE | taken over without an offer, or by somebody else |

A refused movement moves nothing and is listed under `refused`: the attempt is the evidence, as on the
ledger. A draw that an inflow of a later date would cover is not refused: the dates are then the finding
(B1, T4). Receipts and loads beyond the quantity of their line are recorded as they happened; the ledger
would refuse them.

## events.jsonl

In place of `movements`: EPCIS 2.0 events of the [customs profile](event-profile.md), one JSON text a
line. A line is an event, a whole EPCIS document, or an envelope `{{"as": "POSTER", "recordedAt": "TIME",
"event": {{...}}}}` (or `"document"`) that says who posted it and when it was recorded. Without one the
poster is the giver of an offer, the taker of an acceptance, customs for what only customs does, else the
enterprise; the time is when it happened.

DECLARE, CLEAR, COUNT and norms in it count as rows of `declarations`, `counts` and `norms` do, which may
stand beside it; of a line that both declare, the event counts. Events of other books, lots and declarants
are left out. OPENING and what else waits for approval on the ledger counts unless a DENY names it. What
its poster took back by CORRECT is left out where it only stated something; what moved goods counts, and
B5 says so. An optional `participants.json`, as the authority publishes it, gives parties and places their
short ids; whoever is not in it is called by the last part of the name. There is no limit on lines; each
may have as much as a capture document ([event profile](event-profile.md)). A faulty line is told by its
number and the place in the event.

## Beside a book of the ledger

    cargoledger check dmg-sxxk --beside DIR     # settle and explain take it too

What is no fact of the ledger stands beside it in the same tables: all but movements, opening, counts and
norms, which the ledger answers for. Without `--beside` the folder `beside/BOOK` of the home is taken where
there is one; server and pages take that. Of declarations only what the ledger's lines do not say is read:
destination, contract, channel, way of transport, certificate, partner, tariff code, origin. The answer names
the files with a digest of them, and every row and table that could not be used (`beside`): without it the
book is judged all the same, and a rule that needs it says what is missing. Settlements that are kept are not
made again until the table can be read.

From the ledger itself come places (coordinates where a place's URI is a `geo:` one), registered keys and
devices, papers of events with their hashes, manifests (OBSERVE, step MANIFEST), channels, reports of seals
(step SENSOR), single pieces that an event about one lot names (SGTIN), and imports of others that answer an
on-spot export (#&NKTC#&number). A table of the folder goes before what
the ledger says of the same; places are joined.

## The document

`--json` prints one document: `findings` and `not_evaluable` (records of `tracer/finding.schema.json`),
`form15`, `form15a`, `form16`, `exemption` (per material and import line: what was used in what left, by
which export lines, and the duty it frees), `attributions` (export line, material, import line, quantity),
`semi_finished`, `wip`, `scrap`, `materials`, `missing`, `refused`, `rules` (what each rule looked at),
`rule_pack`, `params_hash`, `files`, `faults`, `notes`, `incomplete`. Quantities are decimal strings. The
same files give the same bytes.

## Faults to try

`cargoledger book example DIR --with FAULT` writes the example with one fault:

| Fault | What was done | Found by | Difference | With it |
|---|---|---|---|---|
"""


def markdown() -> str:
    """The page."""
    parts = [_HEAD, "| `book.toml` | whose book, of which period | unusable |\n"]
    parts += [_file(table) for table in TABLES]
    parts.append(_WRITING)
    parts += [f"| `{key}` | {meaning} |\n" for key, meaning in KEYS.items()]
    parts.append("\n## How cells are written\n\n| Form | Cell |\n|---|---|\n")
    parts += [f"| {form} | {words} |\n" for form, words in FORMS.items()]
    for table in TABLES:
        parts.append(f"\n## {table.name}\n\n{table.meaning}{_rules(table)}\n\n")
        parts.append("| Column | Form | Needed | Meaning |\n|---|---|---|---|\n")
        parts += [_column(column) for column in table.columns]
        if table is MOVEMENTS:
            parts.append(
                _MOVEMENTS.format(
                    stock=", ".join(k.name for k in STOCK_KINDS),
                    custody=", ".join(k.name for k in CUSTODY_KINDS),
                )
            )
    parts += [
        f"| `{f.name}` | {f.story} | {f.rule} on {f.subject}"
        f"{' (not evaluable)' if f.verdict != 'found' else ''} | {f.difference or '–'} | "
        f"{', '.join(sorted(f.companions)) or '–'} |\n"
        for f in FAULTS
    ]
    return "".join(parts)


def _file(table: Table) -> str:
    return f"| `{table.name}` | {table.meaning} | {table.without or 'unusable'} |\n"


def _rules(table: Table) -> str:
    return f" Used by {', '.join(table.rules)}." if table.rules else ""


def _column(column: Column) -> str:
    words = column.meaning
    listed = [c for c in column.choices if c]
    if listed and len(listed) <= 12:
        words += f" ({', '.join(listed)})"
    return f"| `{column.name}` | {column.form} | {'yes' if column.required else ''} | {words} |\n"


if __name__ == "__main__":
    sys.stdout.write(markdown())
