"""A project's document laid over its CRM's profile: the effective settings (design 5).

A document says only what the project changed, with the keys of rules.md 3.3. The profile is `profiles/<vendor>.toml`
over `profiles/common.toml`. Short forms are written out here, the vendor's words become neutral kinds, and pydantic
checks the result.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from patchcord.model.records import RecordKind
from patchcord.model.settings import RowName, Settings
from patchcord.model.vendors import VENDORS

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Tree = dict[str, Any]


TASK_SHORTHANDS: Mapping[str, Tree] = {
    "callback": {"kind": "callback", "assignee": "responsible"},
    "review_call": {"kind": "review_call", "assignee": "responsible"},
    "acquaint": {"kind": "acquaint", "state": "completed", "assignee": "responsible"},
    "check_settings": {"kind": "check_settings", "assignee": "senior", "describe_direction": True},
}
"""What `task = "review_call"` stands for."""

COLUMN_NAMES: Mapping[str, tuple[str, ...]] = {
    "trace": ("log",),
    "trace_for": ("log_assignee",),
    "entity_owner": ("owner",),
    "task_for": ("task", "assignee"),
    "task_state": ("task", "state"),
    "due_in": ("task", "due_in"),
}
"""The columns of rules.md 3.1 under the names a row has here."""

OTHER_NAMES: Mapping[str, tuple[str, ...]] = {
    "phone_format": ("phone", "storage_format"),
    "name_template_in": ("names", "auto_client_in"),
    "name_template_out": ("names", "auto_client_out"),
    "search_formats": ("phone", "search_formats"),
    "outgoing_other": ("rows", "out_answered_existing_by_other", "task"),
    "in_missed_new": ("rows", "in_missed_new", "task"),
    "in_missed_existing": ("rows", "in_missed_existing", "task"),
}
"""Keys of rules.md 3.3 that are short for a place in the document (O-10, O-57, O-60, O-62)."""

CREATE_WORDS: Mapping[str, tuple[str, ...]] = {
    "nothing": (),
    "client": ("contact",),
    "client_and_process": ("contact", "primary"),
}


BLOCK_NAMES: Mapping[str, str] = {"responsible_manager": "responsible_by_crm"}
"""Other names of blocks: what the block by CRM is called beside Salesforce (S3-53, C-10)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a document: `error` refuses it, `warning` does not. `field` is its dotted place."""

    code: str
    field: str
    message: str
    severity: str = "error"


@dataclass(eq=False)
class InvalidSettings(Exception):
    """The document cannot be used; every finding is named."""

    findings: tuple[Finding, ...]

    def __str__(self) -> str:
        return "; ".join(f"{finding.code} {finding.field}: {finding.message}" for finding in self.findings)


def effective(document: Mapping[str, Any]) -> Settings:
    """The settings in force for a document. Raises InvalidSettings with all that is wrong in form."""
    crm = document.get("crm")
    vendor = crm.get("vendor") if isinstance(crm, Mapping) else None
    if vendor not in VENDORS:
        raise InvalidSettings((Finding("UNKNOWN_CRM", "crm.vendor", f"is none of {', '.join(VENDORS)}"),))
    name = document["crm"].get("profile") or vendor
    if name not in profile_names() or not name.startswith(vendor):
        raise InvalidSettings((Finding("UNKNOWN_PROFILE", "crm.profile", f"is no profile of {vendor}"),))
    misshapen = tuple(_misshapen(document))
    if misshapen:
        raise InvalidSettings(misshapen)
    if "vendor" in document:
        raise InvalidSettings((Finding("UNKNOWN_SETTING", "vendor", "is set by the profile and cannot be changed"),))
    own = canonical(document)
    merged = merge(profile(name), own)
    merged["crm"] = {key: value for key, value in merged["crm"].items() if key != "profile"}
    expand(merged, own)
    findings = neutral_kinds(merged)
    return validate(merged, findings)


TABLES = frozenset(field.name for field in fields(Settings) if field.name in {"employees", "rows"} or is_dataclass(field.default))
"""The settings that are sections with keys of their own."""


def _misshapen(document: Mapping[str, Any]) -> Iterator[Finding]:
    """Sections that are no tables, before anything is laid over them."""
    trace = document.get("trace")
    for key in trace if isinstance(trace, Mapping) else ():
        if key != "kind":
            yield Finding("UNKNOWN_SETTING", f"trace.{key}", "is no setting; trace.kind is")
    for key, value in document.items():
        if key in TABLES and not isinstance(value, Mapping):
            yield Finding("INVALID_VALUE", key, "must be a table of settings")
    for section in ("rows", "employees"):
        for name, value in (document.get(section) or {}).items() if isinstance(document.get(section), Mapping) else ():
            if not isinstance(value, Mapping):
                yield Finding("INVALID_VALUE", f"{section}.{name}", "must be a table of settings")
            elif section == "employees" and value.get("key", name) != name:
                yield Finding("INVALID_VALUE", f"employees.{name}.key", "is the name under which the employee stands here")


def profile_names() -> tuple[str, ...]:
    """The profiles there are: one a vendor, and Pipedrive's deal mode."""
    return (*VENDORS, "pipedrive_deal_mode")


@lru_cache
def _toml(name: str) -> Tree:
    text = (resources.files("patchcord.scenarios") / "profiles" / f"{name}.toml").read_text("utf-8")
    return tomllib.loads(text)


@lru_cache
def _profile(name: str) -> Tree:
    own = dict(_toml(name))
    base = _profile(own.pop("extends")) if "extends" in own else _toml("common")
    return merge(base, own)


def profile(name: str) -> Tree:
    """A vendor's complete defaults, as a document."""
    return merge(_profile(name), {})


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> Tree:
    """`over` laid on `base`: tables are merged, everything else is replaced. Neither is changed."""
    merged: Tree = {key: merge(value, {}) if isinstance(value, Mapping) else value for key, value in base.items()}
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = merge(old if isinstance(old, Mapping) else {}, value) if isinstance(value, Mapping) else value
    return merged


def nested(flat: Mapping[str, Any]) -> Tree:
    """Dotted keys (`tasks.deadline`) as a tree, as they are written on the command line and in the golden cases."""
    tree: Tree = {}
    for key, value in flat.items():
        tree = merge(tree, _branch(tuple(key.split(".")), value))
    return tree


def _branch(path: tuple[str, ...], value: Any) -> Tree:
    return {path[0]: value if len(path) == 1 else _branch(path[1:], value)}


def canonical(document: Mapping[str, Any]) -> Tree:
    """The document with the alternative names replaced and the one-word forms of a row written out."""
    tree: Tree = {}
    for key, value in document.items():
        tree = merge(tree, _branch(OTHER_NAMES.get(key, (key,)), value))
    trace = tree.pop("trace", None)
    rows = {name: _canonical_row(row) for name, row in tree.get("rows", {}).items()}
    if isinstance(trace, Mapping) and "kind" in trace:
        rows = merge({name: {"log": trace["kind"]} for name in _traced_rows(document)}, rows)
    if rows:
        tree["rows"] = rows
    _rename(tree, "working_hours", {"from": "opens", "to": "closes"})
    _rename(tree, "stickiness", {"global": "everywhere"})
    scheme = tree.get("scheme")
    if isinstance(scheme, Mapping) and isinstance(scheme.get("blocks"), list):
        tree["scheme"] = {**scheme, "blocks": [_canonical_block(block) for block in scheme["blocks"]]}
    if isinstance(tree.get("pipelines"), Mapping):
        rules = tree["pipelines"].get("rules")
        if isinstance(rules, list) and all(isinstance(rule, Mapping) for rule in rules):
            renamed = [{("when" if key == "if" else key): value for key, value in rule.items()} for rule in rules]
            tree["pipelines"] = {**tree["pipelines"], "rules": renamed}
    return tree


def _traced_rows(document: Mapping[str, Any]) -> list[str]:
    """The rows of the profile that leave a trace: the ones `trace.kind` speaks of (O-56)."""
    crm = document.get("crm", {})
    return [name for name, row in profile(crm.get("profile") or crm["vendor"])["rows"].items() if row.get("log")]


def _rename(tree: Tree, key: str, names: Mapping[str, str]) -> None:
    if isinstance(tree.get(key), Mapping):
        tree[key] = {names.get(name, name): value for name, value in tree[key].items()}


def _canonical_block(block: Any) -> Any:
    if not isinstance(block, Mapping) or not isinstance(block.get("type"), str):
        return block
    return {**block, "type": BLOCK_NAMES.get(block["type"], block["type"])}


def _canonical_row(row: Any) -> Any:
    if not isinstance(row, Mapping):
        return row
    tree: Tree = {}
    for column, value in row.items():
        tree = merge(tree, _branch(COLUMN_NAMES.get(column, (column,)), value))
    return tree


def expand(tree: Tree, own: Mapping[str, Any]) -> None:
    """Write out the short forms: one-word tasks and traces, S4-01…S4-46, the missed-call tasks of S2-28, employee keys.

    `own` is the project's part of the tree: a row that it fills itself wins over a short form of the profile.
    """
    rows: Tree = tree.setdefault("rows", {})
    for name, place in (("answered_new", RowName.IN_ANSWERED_NEW), ("missed_new", RowName.IN_MISSED_NEW)):
        filled = "create" in own.get("rows", {}).get(place, {}) and name not in own
        if isinstance(tree.get(name), str) and tree[name] in CREATE_WORDS and not filled:
            rows.setdefault(place, {})["create"] = list(CREATE_WORDS[tree[name]])
    if tree.get("create_on_outgoing"):
        for place in (RowName.OUT_ANSWERED_NEW, RowName.OUT_UNANSWERED):
            row = rows.setdefault(place, {})
            row.setdefault("create", ["contact"])
            row.setdefault("owner", "caller")
    missed = tree.get("missed_tasks")
    if isinstance(missed, Mapping) and missed.get("enabled"):
        for place in (RowName.IN_MISSED_NEW, RowName.IN_MISSED_EXISTING):
            rows.setdefault(place, {})["task"] = {
                "kind": "callback",
                "assignee": missed.get("user"),
                "due_in": missed.get("deadline"),
                "title": missed.get("title"),
                "board": missed.get("board"),
            }
    for row in rows.values():
        if isinstance(row, dict):
            _expand_row(row)
    for special in (RowName.IN_MISSED_IVR_NEW, RowName.IN_MISSED_GROUP_NEW):
        if isinstance(rows.get(special), Mapping):
            # what such a row does not say is as for any missed call (rules.md 3.1, D-38)
            rows[special.value] = merge(rows.get(RowName.IN_MISSED_NEW, {}), rows.pop(special))
    employees = tree.get("employees")
    if isinstance(employees, Mapping):
        tree["employees"] = {
            key: {"key": key, **value} if isinstance(value, Mapping) else value for key, value in employees.items()
        }


def _expand_row(row: Tree) -> None:
    task, log = row.get("task"), row.get("log")
    if task == "none":
        row["task"] = None
    elif isinstance(task, str):
        row["task"] = TASK_SHORTHANDS.get(task, task)
    if isinstance(log, str):
        log = [] if log == "none" else [log]
    if isinstance(log, list) and "call_entity" in log:
        row["call_entity"] = True
        log = [kind for kind in log if kind != "call_entity"]
    if log is not None:
        row["log"] = log


def neutral_kinds(tree: Tree) -> list[Finding]:
    """Replace the vendor's words by neutral kinds everywhere; the findings name words the CRM does not have (V-09)."""
    words: Mapping[str, str] = {**tree["vendor"]["words"], "organisation": "organization"}
    primary = tree.get("primary_entity")
    findings: list[Finding] = []

    def kind(word: Any, place: str) -> Any:
        if word == "primary" and primary in {None, "none"}:
            only = f"{tree['vendor']['title']} has clients, and nothing else that could be made for a call"
            findings.append(Finding("ENTITY_NOT_IN_CRM", place, only))
            return RecordKind.CONTACT.value
        if word == "primary":
            return kind(primary, place)
        if not isinstance(word, str) or word not in words:
            findings.append(Finding("ENTITY_NOT_IN_CRM", place, f"{tree['vendor']['title']} has no {word!r}"))
            return RecordKind.CONTACT.value
        return words[word]

    def attached(word: Any, place: str) -> Any:
        return word if word == "primary" else _attachment(kind(word, place))

    _replace(tree, ("logging_lookup",), kind)
    _replace(tree, ("routing", "priority"), kind)
    _replace(tree, ("vendor", "phone_kinds"), kind)
    for name, row in tree["rows"].items():
        if isinstance(row, dict):
            _replace(row, ("create",), kind, f"rows.{name}.")
            _replace(row, ("attach_to",), attached, f"rows.{name}.")
            _replace(row, ("task", "attach_to"), attached, f"rows.{name}.")
    _replace(tree, ("attach_to",), attached)
    _replace(tree, ("reused_contact", "attach_to"), attached)
    blocks = (tree.get("scheme") or {}).get("blocks", ())
    for block in blocks if isinstance(blocks, list) else ():
        _replace(block, ("priority",), kind, "scheme.blocks.")
    for section, key in (("fields", "extra"), ("forms", "mapping")):
        table = (tree.get(section) or {}).get(key)
        if isinstance(table, Mapping):
            tree[section] = {**tree[section], key: {kind(word, f"{section}.{key}"): pairs for word, pairs in table.items()}}
    tree["primary_entity"] = None if primary in (None, "none") else kind(primary, "primary_entity")
    return findings


def _attachment(kind: str) -> str:
    return "primary" if kind in {RecordKind.LEAD.value, RecordKind.DEAL.value} else kind


def _replace(tree: Any, path: tuple[str, ...], change: Callable[[Any, str], Any], prefix: str = "") -> None:
    """Apply `change` to each word of the list at `path`, if there is one."""
    for key in path[:-1]:
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    if isinstance(tree, dict) and isinstance(tree.get(path[-1]), list):
        place = prefix + ".".join(path)
        words = [change(word, place) for word in tree[path[-1]]]
        # two words of the vendor may be the same kind; an order in which a kind stands twice is a mistake (V-13)
        tree[path[-1]] = words if path[-1] == "priority" else list(dict.fromkeys(words))


@lru_cache
def _adapter() -> TypeAdapter[Settings]:
    from pydantic import TypeAdapter

    return TypeAdapter(Settings)


def validate(tree: Tree, findings: list[Finding]) -> Settings:
    """The tree as Settings; what pydantic refuses joins the findings. Raises InvalidSettings if there are any."""
    from pydantic import ValidationError

    try:
        settings = _adapter().validate_python(tree)
    except ValidationError as error:
        findings = [*findings, *(_finding(dict(problem)) for problem in error.errors(include_url=False))]
        raise InvalidSettings(tuple(findings)) from None
    if findings:
        raise InvalidSettings(tuple(findings))
    return settings


def _finding(problem: Mapping[str, Any]) -> Finding:
    place = ".".join(str(part) for part in problem["loc"])
    unknown = problem["type"] in {"unexpected_keyword_argument", "extra_forbidden"}
    return Finding("UNKNOWN_SETTING" if unknown else "INVALID_VALUE", place, str(problem["msg"]))
