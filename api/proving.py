"""Proofs of one event or one unit: made from the ledger, checked like anybody else would check them."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.jsonio import dumps
from indexer.lookups import HOLDER, event_for, unit_for
from indexer.models import ZERO_ID, Event
from indexer.queries import events_of_unit, lines_of
from ledger.errors import ConflictError, InputError, NotFoundError, TrustError, UnavailableError
from ledger.events.readings import Reading, readings_of
from ledger.events.strict_json import parse_json
from ledger.gateway.handover_grants import collect_keys
from ledger.keys.sealing import open_with_content_key
from ledger.proofs.bundle import build_event_bundle
from ledger.proofs.bundle_format import EventBundle, WholeOpening
from ledger.proofs.verify import TrustRoot, verify_bundle

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from api.home import Home
    from ledger.chain.client import ChainClient


def prove(home: Home, key: str) -> EventBundle:
    """The proof of an event, or of a unit: its latest event with the unit's whole history.

    Raises:
        NotFoundError: neither an event nor a unit is called so.
    """
    event, unit = _find(home, key)
    with _chain(home) as chain:
        note = home.checkpoints.sign_head(chain)
        return build_event_bundle(
            chain,
            home.deployment,
            bytes.fromhex(event.event_id[2:]),
            event.block_number,
            note=note,
            key=home.checkpoints.public,
            opening=_opening(home, bytes.fromhex(event.commitment[2:])),
            unit=bytes.fromhex(unit[2:]) if unit else None,
            first_block=home.deployment.block_number,
        )


def prove_finding(home: Home, rows: Sequence[Mapping[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """Write a finding and a proof of every event of its evidence into a new folder, and check each proof.

    Args:
        rows: the finding, as the runs in which it stands have it.

    Raises:
        ConflictError: the folder has something in it. InputError: it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ConflictError(f"{folder} is not empty.", remedy="Name a new folder.")
        (folder / "finding.json").write_text(dumps(rows[0], indent=1), encoding="utf-8")
        events = {e["id"]: e.get("kind", "") for row in rows for e in row["evidence"] if e["type"] == "event"}
        proofs = []
        for number, (event, kind) in enumerate(events.items(), 1):
            file = folder / f"{number:02}-{kind.lower() or 'event'}.json"
            bundle = prove(home, event)
            file.write_bytes(bundle.to_bytes())
            answer = verify(bundle, home.trust_root())
            proofs.append({"event": event, "kind": kind, "file": file.name, "verified": answer["verified"],
                           "fault": answer.get("fault")})
    except OSError as fault:
        raise InputError(f"{folder} cannot be written: {fault.strerror}.") from fault
    return proofs


def verify_file(data: bytes, trust: TrustRoot) -> dict[str, Any]:
    """Check a proof file against a trust root; see `verify` for the answer."""
    return verify(EventBundle.from_bytes(data), trust)


def verify(bundle: EventBundle, trust: TrustRoot) -> dict[str, Any]:
    """The verification step by step; `verified` is False where a step does not hold, `fault` says which."""
    try:
        report = verify_bundle(bundle, trust).to_json()
    except TrustError as fault:
        return {
            "verified": False,
            "eventId": "0x" + bundle.event_id.hex(),
            "steps": [],
            "fault": {"step": getattr(fault, "step", ""), "code": fault.code, "message": fault.message},
        }
    return {"verified": True, **report, "readings": _readings(bundle, trust)}


def _readings(bundle: EventBundle, trust: TrustRoot) -> list[dict[str, Any]]:
    """Signed readings in the opened content: whether their keys signed. The register of devices is not here.
    """
    if not isinstance(bundle.opening, WholeOpening):
        return []
    return [
        {
            "device": "0x" + reading.device.hex(),
            "counter": reading.counter,
            "signed": reading.is_signed(trust.chain_id),
        }
        if isinstance(reading, Reading)
        else {"device": None, "counter": None, "signed": False}
        for reading in readings_of(bundle.opening.event)
    ]


def read_trust(path: Path) -> TrustRoot:
    """A published trust root.

    Raises:
        NotFoundError: no such file.
        InputError: not a trust root.
    """
    try:
        return TrustRoot.from_json(parse_json(path.read_bytes()))
    except OSError as fault:
        raise NotFoundError(f"{path} cannot be read: {fault.strerror}.") from fault


def _find(home: Home, key: str) -> tuple[Event, str]:
    """The event to prove and the unit whose history goes with it (empty for none)."""
    with home.session() as session:
        try:
            unit = unit_for(session, key, HOLDER).unit
        except NotFoundError:
            event = event_for(session, key, HOLDER)
            lines = lines_of(session, [event.event_id])[event.event_id]
            return event, next((line.unit for line in lines if line.unit != ZERO_ID), "")
        events = events_of_unit(session, unit).events
        lines_by_event = lines_of(session, (e.event_id for e in events))
        naming = [e for e in events if any(line.unit == unit for line in lines_by_event[e.event_id])]
        if not naming:
            raise NotFoundError(f"no event names {key!r} on the ledger.")
        return naming[-1], unit


def _opening(home: Home, commitment: bytes) -> WholeOpening | None:
    """The content behind a commitment, where a reading key of this home opens it."""
    payload = home.payloads.get(commitment)
    if payload is None:
        return None
    for participant in home.directory.participants:
        holder = home.holder(participant.number)
        if holder is None:
            continue
        keys = collect_keys(home.payloads, [commitment], holder).opened
        if commitment in keys:
            opened = open_with_content_key(payload, keys[commitment])
            return WholeOpening(opened.event, opened.secret, opened.submitter)
    return None


@contextmanager
def _chain(home: Home) -> Iterator[ChainClient]:
    """The ledger; beside a running server only for reading."""
    try:
        yield home.chain
        return
    except UnavailableError:
        if not home.settings.chain.startswith("embedded:"):
            raise
    chain = home.reading_chain()
    try:
        yield chain
    finally:
        chain.close()
