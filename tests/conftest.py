"""What all tests share: Hypothesis profiles, and 'nothing may be skipped' for the full run."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
for place in (ROOT, ROOT / "tests"):
    if str(place) not in sys.path:
        sys.path.insert(0, str(place))

settings.register_profile("fast", max_examples=25, deadline=None, derandomize=True,
                          suppress_health_check=[HealthCheck.too_slow])
# Derandomised as well: what gates a change must say the same twice. CARGOLEDGER_TEST_RANDOM=1 explores new examples.
settings.register_profile("deep", max_examples=120, deadline=None,
                          derandomize=not os.environ.get("CARGOLEDGER_TEST_RANDOM"),
                          suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("CARGOLEDGER_TEST_PROFILE", "fast"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    """With CARGOLEDGER_NO_SKIP set a skipped test is a failed one: the full run must not quietly check less."""
    report = yield
    if report.skipped and os.environ.get("CARGOLEDGER_NO_SKIP") and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped in a run that may skip nothing: {reason}"
    return report


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Public test data beside the repository; tests over it say so when it is not there."""
    data = ROOT.parent / "shared" / "data"
    if not data.is_dir():
        pytest.skip("public test data (../shared/data) is not beside this checkout")
    return data
