"""Run by `bench.startup` as a fresh process: imports what it is told to and says what processor time that took.

`python cold.py floor`, or `python cold.py <folder of a function>` with a list of invocations as JSON on the standard input.
Imports nothing before it measures but what the interpreter has loaded anyway.
"""

import sys
import time
from typing import Any


class Context:
    """What Lambda tells a function about its time."""

    function_name = "bench"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:bench"
    aws_request_id = "bench"

    def get_remaining_time_in_millis(self) -> int:
        """As at the start of an invocation."""
        return 30_000


def floor() -> None:
    """The least that anything with a table does."""
    import boto3

    boto3.client("dynamodb")


def imported(folder: str) -> Any:
    """The handler, imported as the runtime does: the function's folder on the path, the module called `app`."""
    sys.path.insert(0, folder)
    from importlib import import_module

    return import_module("app").handler


def main() -> None:
    """Print a JSON object: seconds of the processor up to the end of the import, and of each invocation."""
    if sys.argv[1] == "floor":
        floor()
        print(f'{{"start": {time.process_time()}}}')
        return
    handler = imported(sys.argv[1])
    start = time.process_time()
    import json

    taken: dict[str, Any] = {"start": start, "invocations": [], "statuses": []}
    for payload in json.load(sys.stdin):
        begun = time.process_time()
        answer = handler(payload, Context())
        taken["invocations"].append(time.process_time() - begun)
        taken["statuses"].append(answer.get("statusCode", 200))
    print("\n" + json.dumps(taken))


if __name__ == "__main__":
    main()
