"""Secrets in the SSM Parameter Store: `{prefix}/{project}/{name}`, SecureString, read through the powertools' cache."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from patchcord.store.names import project_name

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.parameters import SSMProvider
    from mypy_boto3_ssm import SSMClient

CACHED = 300
"""Seconds for which a read secret is trusted."""
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
"""A segment begins with a letter, a digit or an underscore: `..` leads nowhere."""


def secret_name(name: str) -> str:
    """The name, raises ValueError for one that the parameter store would not take below a project."""
    if not NAME.fullmatch(name) or len(name) > 200:
        raise ValueError(f"not a secret's name: {name[:60]!r}")
    return name


class ParameterSecrets:
    """The secrets port. `prefix` begins with `/`; `key` is the KMS key's id or alias."""

    def __init__(self, prefix: str, *, client: SSMClient | None = None, key: str = "alias/aws/ssm") -> None:
        self._prefix = prefix.rstrip("/")
        self._client = client
        self._key = key
        self._provider: SSMProvider | None = None

    def get(self, project: str, name: str, fresh: bool = False) -> str | None:
        """The secret, None if there is none; at most 5 minutes old, with `fresh` read now."""
        from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

        provider, path = self._ready(), self._path(project, name)
        try:
            value = provider.get(path, max_age=CACHED, decrypt=True, force_fetch=fresh)
        except GetParameterError as error:
            if not _missing(error):
                raise
            if fresh:  # the cache may still hold what was there before
                provider.store.clear()
            return None
        return str(value)

    def put(self, project: str, name: str, value: str) -> None:
        """Write a secret, over the old one if there is one. Other processes see it within 5 minutes."""
        provider = self._ready()
        provider.set(
            self._path(project, name),
            value,
            overwrite=True,
            parameter_type="SecureString",
            tier="Intelligent-Tiering",  # some vendors' tokens are longer than the 4 KB of the standard tier
            kms_key_id=self._key,
        )
        provider.store.clear()

    def names(self, project: str) -> tuple[str, ...]:
        """The names below a project, sorted. The values stay encrypted."""
        path = f"{self._prefix}/{project_name(project)}"
        found = self._ready().get_multiple(path, max_age=0, recursive=True, decrypt=False, force_fetch=True)
        return tuple(sorted(found))

    def _path(self, project: str, name: str) -> str:
        return f"{self._prefix}/{project_name(project)}/{secret_name(name)}"

    def _ready(self) -> SSMProvider:
        """The provider, made at first use: its import is most of its price."""
        if self._provider is None:
            from aws_lambda_powertools.utilities.parameters import SSMProvider

            self._provider = SSMProvider(boto3_client=self._client)
        return self._provider


def _missing(error: Exception) -> bool:
    """Whether the parameter store said that there is no such parameter. The powertools wrap its error without a cause."""
    said = error.__context__
    return isinstance(said, ClientError) and said.response.get("Error", {}).get("Code") == "ParameterNotFound"
