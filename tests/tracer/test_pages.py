"""What is written about the rules is what the code says."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from api.cli.main import app
from ledger.errors import NotFoundError
from tracer.files import describe
from tracer.files.example_faults import FAULTS
from tracer.files.settings import KEYS
from tracer.files.tables import CUSTODY_KINDS, STOCK_KINDS, TABLES
from tracer.rules import RULE_PACK, RULES, rule
from tracer.rules.describe import markdown, registry, rule_json

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "rules.md"


def test_rules_page__compared_with_the_registry__is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == markdown(), "run: python -m tracer.rules.describe > docs/rules.md"


def test_every_rule__has_words_law_and_version() -> None:
    page = markdown()
    assert len({r.id for r in RULES}) == len(RULES)
    for each in RULES:
        assert each.law and each.version and each.evaluate.__doc__
        assert f"## {each.id} {each.title}" in page
        for param in each.params:
            assert f"| `{param.name}` | {param.default} |" in page
        assert set(each.companions) <= {r.id for r in RULES}


def test_book_page__compared_with_the_code__is_up_to_date() -> None:
    page = ROOT / "docs" / "formats" / "book.md"
    assert page.read_text("utf-8") == describe.markdown(), "run: python -m tracer.files.describe > docs/formats/book.md"


def test_book_page__every_column_key_kind_and_fault__is_on_it() -> None:
    page = describe.markdown()
    for table in TABLES:
        assert f"\n## {table.name}\n" in page
        for column in table.columns:
            assert f"| `{column.name}` | {column.form} |" in page and column.meaning in page
        assert all(rule(name) for name in table.rules if name in {r.id for r in RULES})
    for words in (*KEYS, *(k.name for k in STOCK_KINDS + CUSTODY_KINDS), *(f.name for f in FAULTS)):
        assert words in page


def test_registry__as_json__says_all_that_an_auditor_asks() -> None:
    listed = registry()
    assert listed["rule_pack"] == RULE_PACK and [r["id"] for r in listed["rules"]] == [r.id for r in RULES]
    for each in listed["rules"]:
        assert each["description"] and each["title"] and each["version"] and each["effective_from"]
        assert all(law["text"] for law in each["law"])
    n1 = rule_json(rule("N1"))
    assert n1["params"][0] == {"name": "warn", "default": "0.05", "unit": "share",
                               "meaning": n1["params"][0]["meaning"]}
    assert n1["needs"] == ["norms"]


def test_rules_command__one_rule_all_rules_and_an_unknown_one() -> None:
    runner = CliRunner()
    listed = json.loads(runner.invoke(app, ["rules", "--json"]).stdout)
    assert listed == registry()
    assert json.loads(runner.invoke(app, ["rules", "x2", "--json"]).stdout)["id"] == "X2"
    words = runner.invoke(app, ["rules", "T1"]).stdout
    assert "Law 54/2014/QH13 Art. 58" in words and "Needs:" in words
    assert isinstance(runner.invoke(app, ["rules", "Q9"]).exception, NotFoundError)
