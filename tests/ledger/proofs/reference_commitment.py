"""The commitment once more, from its description alone: hashlib and json, no line shared with the product."""

from __future__ import annotations

import hashlib
import hmac
import json
from decimal import Decimal
from typing import Any


def leaves(event: dict[str, Any], secret: bytes, submitter: str) -> list[dict[str, Any]]:
    """Pointer, canonical text, salt and hash of each leaf, in order."""
    fields: dict[str, Any] = {"/cl:submitter": submitter}
    for key, value in event.items():
        if key == "recordTime":
            continue
        pointer = "/" + key.replace("~", "~0").replace("/", "~1")
        fields[pointer] = value
        if isinstance(value, list):
            for i in range(len(value)):
                fields[f"{pointer}/{i}"] = value[i]
    made = []
    for pointer in sorted(fields, key=lambda p: p.encode()):
        text = jcs([pointer, as_text(fields[pointer])])
        salt = hmac.new(secret, pointer.encode(), "sha256").digest()
        made.append({"pointer": pointer, "text": text, "salt": salt,
                     "hash": hashlib.sha256(b"\x00" + salt + text.encode()).digest()})
    return made


def as_text(value: Any) -> Any:
    """Numbers as # and plain decimal; texts that begin with # get another."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | Decimal):
        text = format(Decimal(value), "f")
        if "." in text:
            text = text.rstrip("0").rstrip(".")
        return "#" + ("0" if text in ("", "-0") else text)
    if isinstance(value, str):
        return "#" + value if value[:1] == "#" else value
    if isinstance(value, list):
        return [as_text(item) for item in value]
    return {key: as_text(item) for key, item in value.items()}


def jcs(value: Any) -> str:
    """RFC 8785 for values without numbers."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda k: k.encode("utf-16-be"))
        return "{" + ",".join(json.dumps(k, ensure_ascii=False) + ":" + jcs(value[k]) for k in keys) + "}"
    if isinstance(value, list):
        return "[" + ",".join(jcs(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def tree(hashes: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, over leaf hashes."""
    if len(hashes) < 2:
        return hashes[0] if hashes else hashlib.sha256(b"").digest()
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return hashlib.sha256(b"\x01" + tree(hashes[:split]) + tree(hashes[split:])).digest()
