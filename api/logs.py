"""Logs of a running process: one line an event, for people or as JSON, the same for every part of it.

Every part logs with the standard library: a constant sentence as the message, what varies as named fields
(`extra=`). Nobody logs what events or payloads say, keys, tokens or secrets; as a second guard credentials
in addresses and bearer tokens are blacked out, and an unforeseen exception shows where it happened and of
what type it is, but not its text, which may quote anything.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TextIO

from ledger.errors import CargoLedgerError

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_SECRET = re.compile(r"(://)[^/@\s]+@|((?:[Bb]earer|token)[ =:]+)\S+|\bcl_[0-9a-f]{16}_[\w-]+")


class LogFormat(StrEnum):
    """How log lines look."""

    TEXT = "text"
    JSON = "json"


class Lines(logging.Formatter):
    """Log records as lines of text: time, level, logger, message, fields."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as a line, followed by where an exception came from."""
        fields = " ".join(f"{name}={value}" for name, value in fields_of(record).items())
        line = f"{_time(record)} {record.levelname} {record.name}: {record.getMessage()} {fields}".rstrip()
        return blacked(line + "".join(f"\n  {place}" for place in _places(record)))


class JsonLines(logging.Formatter):
    """Log records as lines of JSON: time, level, logger, message, the fields, and where an exception came
    from.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One record as one JSON object."""
        value: dict[str, Any] = {
            "time": _time(record), "level": record.levelname.lower(), "logger": record.name,
            "message": record.getMessage(), **fields_of(record)}
        if places := _places(record):
            value["exception"] = places
        return json.dumps(_blacked(value), ensure_ascii=False)


def set_up(form: LogFormat, stream: TextIO | None = None) -> None:
    """Send the logs of this process to standard error: ours from `info` on, those of libraries from `warning`
    on.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if form is LogFormat.JSON else Lines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for name in ("cargoledger", "ledger", "indexer", "tracer", "api"):
        logging.getLogger(name).setLevel(logging.INFO)


def said_of(fault: CargoLedgerError) -> dict[str, str]:
    """The fields that say what is wrong."""
    return {"code": fault.code, "fault": fault.message}


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """What was logged beside the message."""
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def blacked(line: str) -> str:
    """The line without credentials in addresses and without tokens."""
    return _SECRET.sub(lambda found: f"{found[1] or found[2] or ''}***{'@' if found[1] else ''}", line)


def _blacked(value: Any) -> Any:
    """JSON values, in each text of which credentials are blacked out; what is no JSON value as text."""
    if isinstance(value, dict):
        return {str(name): _blacked(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_blacked(inner) for inner in value]
    return value if value is None or isinstance(value, bool | int | float) else blacked(str(value))


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _places(record: logging.LogRecord) -> list[str]:
    """Type of an exception and the places it came through; its text only where it is ours."""
    if not record.exc_info or record.exc_info[1] is None:
        return []
    fault = record.exc_info[1]
    said = f"{fault.code} {fault.message}" if isinstance(fault, CargoLedgerError) else ""
    frames = traceback.extract_tb(fault.__traceback__)
    return [f"{type(fault).__name__} {said}".rstrip(),
            *(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames)]
