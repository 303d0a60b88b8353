"""What is written about the rules is what the code says."""

from __future__ import annotations

from pathlib import Path

from tracer.rules import RULES
from tracer.rules.describe import markdown

PAGE = Path(__file__).resolve().parents[2] / "docs" / "rules.md"


def test_rules_page__compared_with_the_registry__is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == markdown(), "run: python -m tracer.rules.describe > docs/rules.md"


def test_every_rule__has_words_law_and_version() -> None:
    page = markdown()
    assert len({r.id for r in RULES}) == len(RULES) == 12
    for rule in RULES:
        assert rule.law and rule.version and rule.evaluate.__doc__
        assert f"## {rule.id} {rule.title}" in page
        for param in rule.params:
            assert f"| `{param.name}` | {param.default} |" in page
        assert set(rule.companions) <= {r.id for r in RULES}
