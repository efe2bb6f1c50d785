"""Who may do what on AWS, read out of template.yaml: one line a right. tests/security/roles.txt is this list, checked in.

PYTHONPATH=layers/patchcord:. python -m tests.security.roles > tests/security/roles.txt
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator

from tests.unit.test_template import Tree, listed, resources, statements

HEAD = "# Who may do what: role, action, resource. Kept by tests/security/test_roles.py; written by tests/security/roles.py.\n"


def rights() -> Iterator[tuple[str, str, str]]:
    """Role, action and resource of every allowance in the template."""
    for role in resources("AWS::IAM::Role"):
        for statement in statements(role):
            for action in listed(statement["Action"]):
                for resource in listed(statement["Resource"]):
                    yield role, action, in_words(resource)


def in_words(resource: str | Tree) -> str:
    """A resource's logical id, or the end of its ARN."""
    if isinstance(resource, str):
        return resource
    ((function, told),) = resource.items()
    if function == "Fn::Sub":
        return re.sub(r"^arn:.*?\$\{AWS::AccountId\}:|\$\{(\w+)\.Arn\}", r"\1", str(told))
    return str(told[0] if function == "Fn::GetAtt" and told[1] == "Arn" else told if function == "Ref" else json.dumps(resource))


def text() -> str:
    """The list as it is checked in."""
    return HEAD + "".join(f"{role:22} {action:30} {resource}\n" for role, action, resource in sorted(set(rights())))


if __name__ == "__main__":
    sys.stdout.write(text())
