"""A book folder as a `BookData`: the second source of the facts that the index is the first of."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ledger.errors import InputError
from ledger.vocabulary import MICRO, Balance, Kind, LineRole, Origin, Thing
from tracer.beside import Beside
from tracer.book import BookData, Count, DeclarationLine, Event, Leg
from tracer.currency import common, own_of
from tracer.files import tables as t
from tracer.files.alike import alike
from tracer.files.beside import read_tables
from tracer.files.dated import OPENING
from tracer.files.epcis import Signed
from tracer.files.faults import Faults
from tracer.files.folder import EVENTS, Folder, readable
from tracer.files.judge import Judge
from tracer.files.movements import CUSTOMS, Movements
from tracer.files.records import Reference, Stock
from tracer.files.settings import FILE, read_settings
from tracer.files.usual import Lots
from tracer.moment import DAY_MS, Span, iso_day
from tracer.on_spot import on_spot
from tracer.quantity import nearest
from tracer.replay import Replay
from tracer.usage import MADE

_STOCK_BALANCE = {
    "material": Balance.RAW,
    "wip": Balance.WIP,
    "product": Balance.FINISHED,
    "scrap": Balance.SCRAP,
}
_ORIGINS = {"imported": Origin.IMPORTED, "domestic": Origin.DOMESTIC, "own": Origin.OWN}


@dataclass(frozen=True, slots=True)
class BookFolder:
    """What a folder says.

    Attributes:
        book: all that could be used. faults: what could not, and what was ignored.
        files: names of the files that were read.
        effects: what the events did, where reading has found it (`Judge.effects`).
    """

    book: BookData
    faults: Faults
    files: tuple[str, ...]
    effects: Replay | None = None


def read_book(path: Path) -> BookFolder:
    """Read a folder of files as a book.

    Args:
        path: the folder; docs/formats/book.md says what is in it.

    Raises:
        NotFoundError: no such folder.
        InputError: it cannot be used at all: no book.toml, no movements, a file that is not what it should
            be, or that may not be read. A malformed row is no error: it is left out and named in `faults`.
    """
    with readable(path):
        return _read(path)


def _read(path: Path) -> BookFolder:
    folder = Folder(path)
    settings = read_settings(path, folder.faults)
    folder.read.append(FILE)
    folder.offset = settings.offset
    reference = Reference(folder, settings.enterprise, settings.period)
    reference.read()
    lots = Lots(settings.enterprise)
    reference.lot_codes = lots.codes
    for stock in (*reference.opening, *reference.counts):
        if stock.row.get("lot"):
            lots.codes[stock.row["lot"]].add(stock.record.code)
    movements = Movements(reference, lots, settings.id)
    rows = folder.rows(t.MOVEMENTS)
    signed = Signed(folder, settings.enterprise, settings.id)
    if folder.has(EVENTS):
        if rows is not None:
            raise InputError(f"there are {EVENTS} and movements.", remedy="Keep the one that counts.")
        signed.read(path / EVENTS)
        _joined(signed, reference, movements)
    elif rows is None:
        raise InputError(
            f"{path} has neither movements.csv nor {EVENTS}.",
            remedy="Export the movements of stock; docs/formats/book.md lists the columns.",
        )
    else:
        movements.read(rows)
    return _assembled(settings, reference, movements, signed, folder)


def _joined(signed: Signed, reference: Reference, movements: Movements) -> None:
    """What signed events say beside the tables; of a declaration line that both name, the events count."""
    movements.events += signed.events
    for event in signed.events:
        if event.line:
            movements.cited[event.line].add(event.kind)
    reference.norms += tuple(signed.norms)
    for key, line in signed.lines.items():
        reference.rows.pop(key, None)
        reference.lines[key] = line


def _assembled(
    settings: BookData, reference: Reference, movements: Movements, signed: Signed, folder: Folder
) -> BookFolder:
    lines = reference.purposes(movements.cited)
    counts = [_named(stock, movements.lots) for stock in reference.counts] + movements.counts
    counts = _together(counts)
    stated = [*counts, *signed.counts]
    opening = [
        (s.row.file, s.row.number, _named(s, movements.lots), s.row.text("origin")) for s in reference.opening
    ]
    opening += [
        (row.file, row.number, count, origin)
        for row, count, origin in movements.opening
        if reference.beginning.takes(OPENING, (row.file, row.number), count.code, count.at)
    ]
    made = {
        leg.code for e in movements.events if e.kind == Kind.TRANSFORM for leg in e.legs if leg.role in MADE
    } | {norm.product for norm in reference.norms}
    domestic = _domestic(reference, movements)
    tables = read_tables(reference)
    events = [
        *movements.events,
        *_clearances(reference, settings),
        *_exits(reference, movements, settings, _delivered(lines, tables)),
        *_counted(counts, settings),
    ]
    events += [_opened(settings, *one, made=made, domestic=domestic) for one in opening]
    kept = [e for e in events if e.occurred.start_ms <= settings.as_of_ms]
    judge = Judge(settings.id, settings.enterprise, lines, settings.tolerances)
    taken = judge.run(kept)
    _point_out(settings, reference, movements, folder)
    book = replace(
        settings,
        lots=tuple(sorted(judge.lots.values(), key=lambda lot: lot.id)),
        lines=tuple(_known(line, settings) for line in lines.values()),
        norms=reference.norms,
        counts=tuple(c for c in stated if c.at.start_ms <= settings.as_of_ms),
        events=tuple(taken),
        conversions=reference.conversions,
        claims=reference.claims,
        previous=reference.previous,
        codes=reference.codes,
        places=reference.places,
        capacity=reference.capacity,
        groups=reference.groups,
        rates=reference.rates,
        peers=reference.peers,
        beside=tables,
        customs=frozenset(signed.customs),
        elsewhere=frozenset(signed.elsewhere),
        hs=dict(sorted(signed.hs.items())),
        descriptions=dict(sorted({**signed.descriptions, **reference.descriptions}.items())),
    )
    return BookFolder(book, folder.faults, tuple(folder.read), judge.effects)


def _point_out(settings: BookData, reference: Reference, movements: Movements, folder: Folder) -> None:
    """What costs nothing and explains much: rows that are too late to count, codes that look alike."""
    until = iso_day(settings.as_of_ms, settings.offset)
    late = Counter(s.row.file for s in reference.counts if s.record.at.start_ms > settings.as_of_ms)
    for file, number in sorted(late.items()):
        folder.faults.note(
            file,
            0,
            "at",
            f"{number} counts are dated after {until}, up to which the book is judged, and do not count.",
            "Date a count of the closing stock on the last day of the period.",
        )
    eve = settings.period.start_ms - DAY_MS if reference.previous is None else settings.period.start_ms
    before = Counter(s.row.file for s in reference.counts if s.record.at.end_ms < eve)
    for file, number in sorted(before.items()):
        folder.faults.note(
            file,
            0,
            "at",
            f"{number} counts are dated before the period, which begins on {reference.beginning.day}, and do "
            "not count.",
            "What the period before closed with belongs in previous, what this one began with in opening.",
        )
    begun = min((event.occurred.start_ms for event in movements.events), default=settings.period.start_ms)
    if begun >= settings.period.start_ms:  # else the book may well begin earlier than the period
        reference.beginning.tell_early(OPENING, ((s.row.file, s.record.at) for s in reference.opening))
    if later := sum(event.occurred.start_ms > settings.as_of_ms for event in movements.events):
        folder.faults.note(
            EVENTS if folder.has(EVENTS) else folder.read[-1],
            0,
            "at",
            f"{later} movements are dated after {until}, up to which the book is judged, and are not in it.",
            "That is right for movements of the next period; else correct their dates, or as_of.",
        )
    imports = [line for line in reference.lines.values() if line.purpose == LineRole.RECEIVE]
    own = common(settings, imports)
    mixed = {line.currency for line in imports if line.value is not None and line.currency != own}
    rated = {r.currency for r in reference.rates or ()} | {"", own_of(settings)}
    if without := sorted(mixed - rated):
        folder.faults.note(
            "rates.csv",
            0,
            "currency",
            f"Import lines are valued in {', '.join(without)} and in other currencies, and no rate is given.",
            f"Give a rate: duty is worked out in {own}, and on those lines not at all.",
        )
    for group in alike(reference.units):
        folder.faults.note(
            "codes.csv",
            0,
            "",
            f"{' and '.join(ascii(code)[1:-1] for code in group)} look alike and are not the same code.",
            "If they are one article, write it in one way, or name one as an internal code of the other.",
        )


def _named(stock: Stock, lots: Lots) -> Count:
    """The stock with its lot called as everywhere else."""
    return replace(stock.record, lot=lots.unit(stock.row.text("lot"), stock.record.code))


def _together(counts: list[Count]) -> list[Count]:
    """Counts with the rows of one moment, lot and place added up: a stock-take goes from shelf to shelf."""
    found: dict[tuple[Span, str, str, str, str], Count] = {}
    for count in counts:
        key = (count.at, count.stock, count.code, count.lot, count.place)
        before = found.get(key)
        total = count.quantity_micro + (before.quantity_micro if before else 0)
        found[key] = replace(before or count, quantity_micro=total)
    return list(found.values())


def _known(line: DeclarationLine, settings: BookData) -> DeclarationLine:
    """A line as it stood at `as_of`: what was cleared later was not cleared yet."""
    if line.cleared is not None and line.cleared.start_ms > settings.as_of_ms:
        return replace(line, cleared=None, cleared_by="")
    return line


def _domestic(reference: Reference, movements: Movements) -> set[str]:
    """Codes whose opening stock was bought inland: the norms say so, or nothing else ever came in of them."""
    flags: dict[str, set[str]] = defaultdict(set)
    for norm in reference.norms:
        flags[norm.material].add(norm.flag)
    bought = {leg.code for e in movements.events if e.kind == Kind.RECEIVE_DOMESTIC for leg in e.legs}
    imported = {line.code for line in reference.lines.values() if line.purpose == LineRole.RECEIVE}
    return {code for code, found in flags.items() if found == {"X"}} | (bought - imported - flags.keys())


def _opened(
    settings: BookData, file: str, row: int, stock: Count, said: str, *, made: set[str], domestic: set[str]
) -> Event:
    """A row of opening stock as the event that puts it there."""
    origin = Origin.DOMESTIC if stock.code in domestic else Origin.IMPORTED
    if said:
        origin = _ORIGINS[said]
    elif stock.stock in ("product", "scrap") or stock.code in made:
        origin = Origin.OWN
    leg = Leg(
        stock.lot,
        Thing.LOT,
        LineRole(20 + int(origin)),
        _STOCK_BALANCE[stock.stock],
        stock.quantity_micro,
        stock.code,
        stock.uom,
    )
    return Event(
        f"{file}:{row}",
        0,
        Kind.OPENING,
        stock.at,
        stock.at.end_ms,
        settings.enterprise,
        (leg,),
        place=stock.place,
        book=settings.id,
    )


def _counted(counts: Iterable[Count], settings: BookData) -> Iterator[Event]:
    for count in counts:
        legs = (
            (
                Leg(
                    count.lot,
                    Thing.LOT,
                    LineRole.NONE,
                    _STOCK_BALANCE[count.stock],
                    count.quantity_micro,
                    count.code,
                    count.uom,
                ),
            )
            if count.lot
            else ()
        )
        yield Event(
            count.event,
            0,
            Kind.COUNT,
            count.at,
            count.at.end_ms,
            settings.enterprise,
            legs,
            place=count.place,
            book=settings.id,
        )


def _clearances(reference: Reference, settings: BookData) -> Iterator[Event]:
    for key in reference.rows:
        line = reference.lines[key]
        if line.cleared is not None:
            yield Event(
                line.cleared_by,
                0,
                Kind.CLEAR,
                line.cleared,
                line.cleared.end_ms,
                CUSTOMS,
                (Leg(key, Thing.NONE),),
                book=settings.id,
            )


def _delivered(lines: Mapping[str, DeclarationLine], tables: Beside
               ) -> dict[str, list[tuple[Span, int | None]]]:
    """When on-spot exports are proven, and how much of them, None all: each time that both declarations are
    cleared (Circular 38/2015 Art. 53). They never leave.
    """
    result: dict[str, list[tuple[Span, int | None]]] = defaultdict(list)
    for pair in tables.on_spot or ():
        line = lines.get(pair.line)
        if pair.cleared is None or line is None or line.cleared is None or not on_spot(line):
            continue
        quantity = pair.quantity if pair.uom in ("", line.uom) else None
        result[pair.line].append((max(line.cleared, pair.cleared, key=lambda at: at.end_ms),
                                  None if quantity is None else nearest(quantity * MICRO)))
    return {key: sorted(found, key=lambda one: one[0].end_ms) for key, found in result.items()}


def _exits(reference: Reference, movements: Movements, settings: BookData,
           delivered: Mapping[str, list[tuple[Span, int | None]]]) -> Iterator[Event]:
    """Exits that only declarations.csv states: of all that was loaded for the line. Those of on-spot exports
    are stated by what clears them and the import that answers them.

    A line cleared before the period, on which this book loaded nothing, left with the goods of the period
    before: its exit speaks of the line alone, and moves no stock.
    """
    loaded: dict[str, dict[tuple[str, str], int]] = defaultdict(lambda: defaultdict(int))
    uoms: dict[str, str] = {}
    for event in movements.events:
        if event.kind in (Kind.EXPORT_LOAD, Kind.REEXPORT, Kind.UNLOAD):
            for leg in event.legs:
                sign = -1 if event.kind == Kind.UNLOAD else 1
                loaded[event.line][leg.unit, leg.code] += sign * leg.quantity_micro
                uoms[leg.code] = leg.uom
    for key, row in reference.rows.items():
        stated: Span | None = row.get("exit_confirmed_at")
        if Kind.EXIT_CONFIRM in movements.cited.get(key, set()):
            continue
        for i, (at, most) in enumerate(delivered.get(key, []) if stated is None else [(stated, None)]):
            line, rest, parts = reference.lines[key], most, []
            for (unit, code), q in sorted(loaded[key].items()):
                part = q if rest is None else min(q, rest)
                if part > 0:
                    parts.append(Leg(unit, Thing.LOT, LineRole.NONE, Balance.LOADED, part, code, uoms[code]))
                    loaded[key][unit, code] -= part
                    rest = None if rest is None else rest - part
            if not parts and stated and line.cleared and line.cleared.end_ms < settings.period.start_ms:
                parts = [Leg(key, Thing.NONE, quantity_micro=line.quantity_micro, code=line.code,
                             uom=line.uom)]
            if parts:
                name = f"{row.file}:{row.number}:exit" + (f":{i + 1}" if i else "")
                yield Event(name, 0, Kind.EXIT_CONFIRM, at, at.end_ms, CUSTOMS, tuple(parts),
                            book=settings.id, line=key)
