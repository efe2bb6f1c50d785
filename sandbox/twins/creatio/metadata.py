"""`GET /$metadata`: the model as EDMX (crm_creatio.md 11)."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from sandbox.twins.creatio.schema import Column
from sandbox.twins.creatio.state import State

SPACE = "Terrasoft.Configuration"


def edmx(state: State) -> str:
    """The whole model; labels do not stand in it."""
    types = "".join(_type(name, list(columns.values())) for name, columns in state.columns.items())
    sets = "".join(f'<EntitySet Name="{name}" EntityType="{SPACE}.{name}"/>' for name in state.columns)
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
        f'<Schema Namespace="{SPACE}" xmlns="http://docs.oasis-open.org/odata/ns/edm">{types}'
        f'<EntityContainer Name="Container">{sets}</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>'
    )


def _type(name: str, columns: list[Column]) -> str:
    inner = "".join(line for column in columns for line in _lines(column))
    return f'<EntityType Name="{name}"><Key><PropertyRef Name="Id"/></Key>{inner}</EntityType>'


def _lines(column: Column) -> Iterator[str]:
    yield f'<Property Name="{escape(column.name)}" Type="Edm.{column.type}"/>'
    if column.refers:
        yield f'<NavigationProperty Name="{escape(column.link)}" Type="{SPACE}.{column.refers}"/>'
