"""What two runs of a question differ in: figures of the forms and the exemption, and findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

KEYS: Mapping[str, tuple[str, ...]] = {
    "form15": ("code", "source"), "form15a": ("code", "source"), "form16": ("product", "material"),
    "semi_finished": ("code", "source"), "wip": ("code", "source"), "scrap": ("code", "source"),
    "materials": ("material",), "exemption": ("material", "import_line"),
}
"""The tables of a settlement, and what names a row in each."""

_UNTOLD = frozenset({"no", "export_lines"})
_FIGURES = ("severity", "expected", "observed", "difference", "uom", "duty_at_risk", "explanation")


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Differences between two documents of runs (`making.document_of`).

    Returns:
        `figures`: table, key, column, before and after (None where the row is not there) of each cell that
        differs; `findings`: those that are new, gone, or changed, with both records; `rules`: whether they
        were made by the same rules; `same`: whether nothing differs.
    """
    figures = [cell for table, key in KEYS.items()
               for cell in _cells(table, key, before.get(table, ()), after.get(table, ()))]
    findings = list(_findings(before["report"]["findings"], after["report"]["findings"]))
    rules = {"before": before["report"]["rule_pack"], "after": after["report"]["rule_pack"]}
    missing = [list(document.get("missing", ())) for document in (before, after)]
    return {
        "same": not figures and not findings and missing[0] == missing[1],
        "rule_pack": rules,
        "figures": figures,
        "findings": findings,
        "missing": {"before": missing[0], "after": missing[1]},
    }


def _cells(table: str, key: Sequence[str], before: Sequence[Mapping[str, Any]],
           after: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    old = {tuple(str(row[name]) for name in key): row for row in before}
    new = {tuple(str(row[name]) for name in key): row for row in after}
    for place in sorted(old.keys() | new.keys()):
        one, other = old.get(place, {}), new.get(place, {})
        for column in sorted((one.keys() | other.keys()) - _UNTOLD - set(key)):
            if one.get(column) != other.get(column):
                yield {"table": table, "key": dict(zip(key, place, strict=True)), "column": column,
                       "before": one.get(column), "after": other.get(column)}


def _findings(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]],
              ) -> Iterator[dict[str, Any]]:
    old, new = _by_subject(before), _by_subject(after)
    for place in sorted(old.keys() | new.keys()):
        one, other = old.get(place), new.get(place)
        change = ("new" if one is None else "gone" if other is None else
                  "changed" if any(one.get(x) != other.get(x) for x in _FIGURES) else "")
        if change:
            yield {"change": change, "rule": place[0], "subject": {"type": place[1], "id": place[2]},
                   "before": one, "after": other}


def _by_subject(findings: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str, str, int], Mapping[str, Any]]:
    """Findings by rule and subject, those of one subject in their order."""
    found: dict[tuple[str, str, str, int], Mapping[str, Any]] = {}
    for finding in findings:
        place = (finding["rule"], finding["subject"]["type"], finding["subject"]["id"])
        nth = 0
        while (*place, nth) in found:
            nth += 1
        found[*place, nth] = finding
    return found
