"""What holds for all tests: no property fails because the machine was busy while its input was made."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("patchcord", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patchcord")
