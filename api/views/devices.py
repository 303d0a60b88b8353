"""Measuring devices as the ways in show them."""

from __future__ import annotations

from typing import Any

from sqlmodel import Session, col, func, select

from api.views.names import Names, iso_s
from indexer.lookups import HOLDER
from indexer.models import Device, Reading
from ledger.directory import Directory


def devices_view(session: Session, directory: Directory) -> list[dict[str, Any]]:
    """Every registered device, with the number of its genuine readings that are open here."""
    names = Names(session, directory, HOLDER, ())
    counts: dict[str, int] = dict(
        session.exec(
            select(Reading.device, func.count())
            .where(col(Reading.genuine).is_(True))
            .group_by(col(Reading.device))
        ).all()
    )
    return [
        {
            "device": device.public_key,
            "participant": names.participant(device.participant),
            "facility": names.facility(device.facility),
            "validFrom": iso_s(int(device.valid_from_s)),
            "validUntil": iso_s(int(device.valid_until_s)),
            "calibratedUntil": iso_s(int(device.calibrated_until_s)) if device.calibrated_until_s else None,
            "revokedAt": iso_s(device.revoked_at_s) if device.revoked_at_s is not None else None,
            "readings": counts.get(device.public_key, 0),
        }
        for device in session.exec(select(Device).order_by(col(Device.public_key))).all()
    ]
