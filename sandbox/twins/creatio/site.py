"""How the customer's site is set up: what tests change, most of it unknown to the documentation (crm_creatio.md 17)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Site:
    """`core`: a .NET site without `/0` (1). `syncs_phones`: phone texts of a contact make communication rows (7).

    `rolls_back`: a failed part takes back its atomicity group (12). `patches_nothing`: a PATCH of an unknown id is a 204 (12).
    `nested_select`: `$select` within `$expand` is taken (5.1). `lookup_ids`: `ContactId eq` is taken in filters (4).
    `users_readable`: the API user may read SysAdminUnit (11). `password_expired`: the forms sign-in fails with a code (1).
    """

    client_id: str = "C5A1B2E0F3D44A7C"
    client_secret: str = "E2B7F0A94C1D4E5F8A6B3C2D1E0F9A8B"
    user: str = "api"
    password: str = "Forms-Pass-71-word"
    token_life: timedelta = timedelta(hours=1)
    core: bool = False
    syncs_phones: bool = True
    rolls_back: bool = True
    patches_nothing: bool = True
    nested_select: bool = True
    lookup_ids: bool = False
    users_readable: bool = True
    password_expired: bool = False
