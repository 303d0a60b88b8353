"""JSON-LD contexts of EPCIS, by table: never loaded over the network.

A prefix (CURIE) must be declared in the document's or the event's `@context`, or be one that the EPCIS
context itself declares. An event taken out of its document carries the merged context, so that it stays
self-contained.

Source: EPCIS 2.0 section on JSON-LD; standards section 1.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ledger.events.faults import Fault

EPCIS_CONTEXTS = frozenset(
    {
        "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
        "https://ref.gs1.org/standards/epcis/epcis-context.jsonld",
        "https://gs1.github.io/EPCIS/epcis-context.jsonld",
    }
)
PROFILE_PREFIX = "cl"
PROFILE_NAMESPACE = "urn:cargoledger:v1:"

STANDARD_PREFIXES: Mapping[str, str] = {
    "epcis": "https://ref.gs1.org/epcis/",
    "cbv": "https://ref.gs1.org/cbv/",
    "cbvmda": "urn:epcglobal:cbv:mda:",
    "gs1": "https://ref.gs1.org/voc/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "dcterms": "http://purl.org/dc/terms/",
}
"""Prefixes that the EPCIS context declares for everybody."""

URI_SCHEMES = frozenset(
    {
        "http",
        "https",
        "urn",
        "ni",
        "did",
        "tag",
        "info",
        "mailto",
        "tel",
        "ftp",
        "ftps",
        "geo",
        "data",
        "doi",
        "ark",
        "sip",
        "ws",
        "wss",
        "file",
        "ldap",
        "pkcs11",
    }
)
"""Schemes that make a text a URI; anything else before a colon is a prefix, which must be declared."""


def merge_contexts(outer: Any, inner: Any) -> list[Any]:
    """Context of an event taken out of its document.

    URIs come first, each once, in order; all declared terms follow in one object, sorted, the event's own
    winning over the document's. Merging twice changes nothing.

    Args:
        outer: the document's `@context` (string, object, list or None).
        inner: the event's.
    """
    uris: list[str] = []
    terms: dict[str, Any] = {}
    for item in [*_items(outer), *_items(inner)]:
        if isinstance(item, str) and item not in uris:
            uris.append(item)
        elif isinstance(item, dict):
            terms.update(item)
    return [*uris, dict(sorted(terms.items()))] if terms else list(uris)


def prefixes(context: Any) -> dict[str, str]:
    """Prefixes that may be used under a context, with their namespaces."""
    found = dict(STANDARD_PREFIXES)
    for item in _items(context):
        if isinstance(item, dict):
            for term, value in item.items():
                namespace = value.get("@id") if isinstance(value, dict) else value
                if isinstance(namespace, str) and not term.startswith("@"):
                    found[term] = namespace
    return found


def uses_profile(context: Any) -> bool:
    """Whether the prefix `cl` means the customs profile under this context."""
    return prefixes(context).get(PROFILE_PREFIX) == PROFILE_NAMESPACE


def context_faults(context: Any, pointer: str = "/@context") -> list[Fault]:
    """What is wrong with an `@context`; unknown remote contexts are pointed out, as they are never loaded."""
    if context is None:
        return [
            Fault(
                pointer,
                "@context is missing.",
                'Add "@context": ["https://ref.gs1.org/standards/epcis/epcis-context.jsonld"].',
            )
        ]
    if isinstance(context, str | dict):
        return _item_faults(context, pointer)
    if not isinstance(context, list) or not context:
        return [Fault(pointer, "@context must be a URI, an object or a list of them.")]
    return [fault for i, item in enumerate(context) for fault in _item_faults(item, f"{pointer}/{i}")]


def prefix_of(text: str) -> str | None:
    """The prefix of a CURIE, or None for a bare word or a URI of a known scheme."""
    before, colon, _ = text.partition(":")
    if not colon or before.lower() in URI_SCHEMES:
        return None
    return before


def _item_faults(item: Any, pointer: str) -> list[Fault]:
    if isinstance(item, str):
        if item in EPCIS_CONTEXTS:
            return []
        return [
            Fault(
                pointer,
                f"the context {item!r} is not known and is not loaded over the network.",
                "Declare the prefixes that the event uses in an object instead.",
                refuses=False,
            )
        ]
    if not isinstance(item, dict):
        return [Fault(pointer, "a context is a URI or an object of prefixes.")]
    faults = []
    for term, value in item.items():
        namespace = value.get("@id") if isinstance(value, dict) else value
        if term in STANDARD_PREFIXES and not term.startswith("@") and not isinstance(namespace, str):
            faults.append(Fault(f"{pointer}/{term}", f"the prefix {term!r} has no namespace."))
        elif not term.startswith("@") and (not isinstance(namespace, str) or ":" not in namespace):
            faults.append(
                Fault(f"{pointer}/{term}", f"the prefix {term!r} must be given a URI as its namespace.")
            )
        elif namespace == PROFILE_NAMESPACE and term != PROFILE_PREFIX:
            faults.append(
                Fault(
                    f"{pointer}/{term}",
                    f"the customs profile is used under the prefix {PROFILE_PREFIX!r} only.",
                    f"Write {PROFILE_PREFIX!r}.",
                )
            )
    return faults


def _items(context: Any) -> list[Any]:
    if context is None:
        return []
    return context if isinstance(context, list) else [context]
