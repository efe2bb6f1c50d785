"""Which statements of rules.md stand behind each situation: what an explanation names."""

from __future__ import annotations

from collections.abc import Mapping

from patchcord.model.settings import RowName

ROW_RULES: Mapping[RowName, tuple[str, ...]] = {
    RowName.IN_RINGING_NEW: ("S2-01", "S2-02", "S2-17"),
    RowName.IN_RINGING_EXISTING: ("S2-01", "S2-19"),
    RowName.IN_ANSWERED_NEW: ("S0-04", "S0-06", "S3-35", "D-01"),
    RowName.IN_MISSED_NEW: ("S0-07", "S0-08", "S3-37", "D-02"),
    RowName.IN_MISSED_IVR_NEW: ("S4-39", "D-38"),
    RowName.IN_MISSED_GROUP_NEW: ("S4-41", "S4-42", "D-38"),
    RowName.IN_ANSWERED_BY_RESPONSIBLE: ("S0-14", "S0-18", "S3-43"),
    RowName.IN_ANSWERED_BY_OTHER: ("S0-19", "S0-20", "S3-44", "S3-45"),
    RowName.IN_MISSED_EXISTING: ("S0-17", "S3-42", "D-04"),
    RowName.IN_ANSWERED_UNKNOWN: ("S0-11", "S0-12", "S3-39", "D-11"),
    RowName.OUT_ANSWERED_NEW: ("D-13", "S4-43"),
    RowName.OUT_ANSWERED_BY_RESPONSIBLE: ("S0-24", "S3-47"),
    RowName.OUT_ANSWERED_BY_OTHER: ("S0-25", "S3-48"),
    RowName.OUT_UNANSWERED: ("S0-43", "D-12"),
    RowName.OUT_UNKNOWN: ("D-14", "P-HS-07"),
    RowName.FORM_NEW: ("S0-26", "S0-28", "D-15"),
    RowName.FORM_EXISTING: ("S0-26", "S0-27"),
    RowName.MESSENGER_NEW: ("S0-30", "S0-32", "D-17"),
    RowName.MESSENGER_EXISTING: ("S0-30", "D-18"),
}
