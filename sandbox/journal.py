"""The journal as the stand shows it: every call with what was decided and done, as a page and as JSON; numbers masked."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Sequence
from typing import Any

from patchcord.model.events import Event
from patchcord.model.phone import masked
from patchcord.model.timeline import fold
from patchcord.service.journal import EffectState, effect_state, events_of
from patchcord.store.port import Entry


def calls(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """The calls of a project in words, numbers masked."""
    return [_call(entry) for entry in entries]


def _call(entry: Entry) -> dict[str, Any]:
    decision = json.loads(entry.decision) if entry.decision else {}
    events = events_of(entry)
    timeline = fold(events) if events else None
    return {
        "call": entry.key.call,
        "heard": f"{entry.at:%Y-%m-%d %H:%M:%S}" if entry.at else "",
        "client": masked(timeline.client if timeline else None),
        "situation": decision.get("situation", ""),
        "reason": decision.get("reason", ""),
        "rules": decision.get("rules", []),
        "events": {key: "carried out" if key in entry.settled else "open" for key in sorted(entry.events)},
        "routing": [_answer(event) for event in events if "route" in event.extra],
        "effects": [_effect(key, effect_state(text)) for key, text in entry.effects.items()],
    }


def _answer(event: Event) -> dict[str, Any]:
    """Whom the caller was put through to, and what may be said of how."""
    told = event.extra
    names = ("route", "source", "reason", "failure", "late")
    return {name: told[name] for name in names if name in told} | {
        "ms": int(told["ms"]),
        "rules": told.get("rules", "").split(),
    }


def _effect(key: str, state: EffectState) -> dict[str, Any]:
    return {
        "key": key,
        "what": state.what,
        "state": state.state.value,
        "id": state.id,
        "rules": list(dict.fromkeys(state.rules)),
        "words": state.words,
    }


HEADS = ("situation", "effects", "rules", "events")


def page(project: str, calls: Sequence[dict[str, Any]]) -> str:
    """The journal as a page."""
    head = "".join(f"<th>{name}" for name in ("heard (UTC)", "call", "client", "rung", *HEADS))
    rows = "".join(_row(call) for call in calls)
    style = "body{font:15px/1.5 sans-serif;margin:2em}td,th{padding:.2em .8em .2em 0;text-align:left;vertical-align:top}"
    title = html.escape(f"Journal of {project}")
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{style}</style></head>'
        f"<body><h1>{title}</h1><p>{len(calls)} calls, the latest first</p><table><tr>{head}</tr>{rows}</table></body></html>"
    )


def _row(call: dict[str, Any]) -> str:
    effects = [f"{it['what']} {it['id'] or ''} ({it['state']}) {it['words']}".strip() for it in call["effects"]]
    events = [f"{key}: {state}" for key, state in call["events"].items()]
    rung = [f"{it['route']} ({it['source']}, {it['reason']}, {it['ms']} ms)" for it in call["routing"]]
    situation = ": ".join(filter(None, (call["situation"], call["reason"])))
    cells = ((call["heard"],), (call["call"],), (call["client"],), rung, (situation,), effects, call["rules"], events)
    return f"<tr>{''.join(map(_cell, cells))}</tr>"


def _cell(lines: Iterable[str]) -> str:
    return f"<td>{'<br>'.join(map(html.escape, lines))}</td>"
