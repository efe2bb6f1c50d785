"""Sending dead letters back once their cause is mended.

`python -m patchcord.service.redrive` with the functions' environment variables (docs/aws.md). SQS's own move would not mark
them: an event whose write was refused would count as settled and not be tried again.
"""

from __future__ import annotations

import argparse
import os
import sys

MOST = 1_000


def main(arguments: list[str]) -> int:
    """Move up to `--most` messages and say how many were moved."""
    import boto3

    from patchcord.store.sqs import redrive

    parser = argparse.ArgumentParser(prog="patchcord.service.redrive", description="Send dead letters back into the queue.")
    parser.add_argument("--most", type=int, default=MOST, help="how many at the most (%(default)s)")
    most = parser.parse_args(arguments).most
    dead, queue = os.environ["PATCHCORD_DEAD_LETTER_QUEUE_URL"], os.environ["PATCHCORD_QUEUE_URL"]
    moved = redrive(boto3.client("sqs"), dead, queue, most)
    sys.stdout.write(f"{moved} sent back\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
