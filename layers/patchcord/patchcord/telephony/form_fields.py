"""What a form or a dialogue says, under canonical names: whoever built it has chosen the names on the wire (telephony.md 4).

Canonical names come first, then the project's own, then the aliases that are common; what is left over is the form's own
and is kept as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from patchcord.telephony.json_object import kind_of
from patchcord.telephony.port import BadInput, Problem
from patchcord.telephony.ringostat.fields import JUNK, plain, readable
from patchcord.telephony.ringostat.names import SECRETS, tidy

MOST_FIELDS = 100
LONGEST_NAME = 100
LONGEST_VALUE = 4000
LONGEST_EMAIL = 254

Aliases = Mapping[str, tuple[str, ...]]

PERSON: Aliases = {
    "phone": (
        "client_phone",
        "client_number",
        "caller_number",
        "phone_number",
        "number_e164",
        "e164",
        "tel",
        "telephone",
        "mobile",
        "your_phone",
        "your-phone",
        "your-tel",
    ),
    "name": ("client_name", "full_name", "fullname", "your_name", "your-name", "fio"),
    "first_name": ("firstname", "first-name"),
    "last_name": ("lastname", "last-name", "surname"),
    "email": ("e-mail", "e_mail", "mail", "client_email", "your_email", "your-email"),
    "company": ("company_name", "organization", "organisation"),
}
VISIT: Aliases = {
    **{f"utm_{part}": (f"last_utm_{part}",) for part in ("source", "medium", "campaign", "content", "term")},
    "client_id": ("ga", "ga_client_id", "googleclientid"),
    "landing": ("landing_page",),
    "referrer": ("refferrer", "referer"),
    "keyword": (),
    "pool": ("pool_name",),
    "insertion": ("substitution_type", "insertion_type"),
    "remote_ip": (),
}
"""The visit's data, under the names of patchcord.model.events.ATTRIBUTION."""

FORM: Aliases = {
    **PERSON,
    **VISIT,
    "submission": ("submission_id", "submit_id", "form_submission_id"),
    "submitted_at": ("submit_time", "submitted"),
}


@dataclass(slots=True)
class Told:
    """The values of one form: `values` by canonical name, `rest` by the form's own, `wire` how the sender calls the former."""

    values: dict[str, str] = field(default_factory=dict)
    rest: dict[str, str] = field(default_factory=dict)
    wire: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def text(self, name: str, limit: int = 200) -> str | None:
        """A canonical value in one line, at most `limit` characters; None when absent."""
        found = self.values.get(name)
        return None if found is None else " ".join(found.split())[:limit] or None

    def refuse(self, name: str, expected: str, got_kind: str) -> None:
        """Note a problem under the name the sender knows the field by."""
        self.problems.append(Problem(self.wire.get(name, name), expected, got_kind))

    def visit(self, keep_direct: bool = False) -> dict[str, str]:
        """The visit's data; placeholders of analytics are no values."""
        found = ((name, self.text(name, 2000)) for name in VISIT)
        junk = JUNK - {"(direct)"} if keep_direct else JUNK
        return {name: value for name, value in found if value and value.lower() not in junk}


def is_email(text: str) -> bool:
    """Whether a text can be an e-mail address: an account and a host with a dot, in at most 254 characters."""
    account, _, host = text.rpartition("@")
    return bool(account) and "." in host.strip(".") and " " not in text and len(text) <= LONGEST_EMAIL


def told(layers: Sequence[Mapping[str, object]], aliases: Aliases, own: Mapping[str, str]) -> Told:
    """The values of a payload's layers, of which the first wins. `own` maps the project's names to canonical ones.

    Raises BadInput for more than MOST_FIELDS fields, and for a canonical value that is no plain one.
    """
    if sum(map(len, layers)) > MOST_FIELDS:
        raise BadInput((Problem("body", f"at most {MOST_FIELDS} fields", "more"),))
    names, found, places = _names(aliases, own), Told(), dict[str, int]()
    for place, wire, value in _fields(layers):
        name, order = names.get(tidy(wire), (None, 0))
        if name is None:
            _keep(found, wire, value)
        elif plain(value) is None:
            found.problems.append(Problem(readable(wire)[:LONGEST_NAME], "text or a number", kind_of(value)))
        elif text_of(value) and (place + order < places.get(name, place + order + 1)):
            places[name], found.wire[name], found.values[name] = place + order, readable(wire), text_of(value)
    if found.problems:
        raise BadInput(tuple(found.problems))
    return found


def _fields(layers: Sequence[Mapping[str, object]]) -> Iterator[tuple[int, str, object]]:
    for depth, layer in enumerate(layers):
        for wire, value in layer.items():
            if tidy(wire).replace("-", "_") not in SECRETS:
                yield depth * 1000, wire, value


def _names(aliases: Aliases, own: Mapping[str, str]) -> dict[str, tuple[str, int]]:
    """Wire name to canonical name and its place. A name that the project maps means only what the project says."""
    usual = {alias: (name, 2 + place) for name, others in aliases.items() for place, alias in enumerate(others)}
    usual |= {name: (name, 0) for name in aliases}
    mapped = {}
    for wire, meant in own.items():
        target = usual.get(tidy(meant))
        if target is not None:
            mapped[tidy(wire)] = (target[0], 0 if tidy(wire) == target[0] else 1)
    return usual | mapped


def _keep(found: Told, wire: str, value: object) -> None:
    name, text = readable(wire)[:LONGEST_NAME], text_of(value)
    if name and text:
        found.rest.setdefault(name, text)


def text_of(value: object) -> str:
    """A value as text: several answers of one question are joined, lines stay lines; empty when there is none."""
    if isinstance(value, list) and all(plain(item) is not None for item in value):
        return ", ".join(text for item in value if (text := text_of(item)))[:LONGEST_VALUE]
    found = plain(value)
    text = json.dumps(value, ensure_ascii=False) if found is None else found
    return "\n".join(readable(line) for line in text.splitlines()).strip()[:LONGEST_VALUE]
