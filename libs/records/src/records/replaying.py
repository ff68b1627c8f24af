"""`python -m records.replaying`: computes one inference record (JSON on standard input) again.

It is a process of its own: it loads a release, which takes seconds, and can be killed.
"""

import sys

from pydantic import TypeAdapter

from platform_core.contracts.inference_record import InferenceRecord
from platform_core.programs import exit_code
from records.bootstrap import replay_record
from records.replay import Replay


def main() -> None:
    """Write the differences as JSON to standard output."""
    record = InferenceRecord.model_validate_json(sys.stdin.buffer.read())
    result = replay_record(record)
    sys.stdout.buffer.write(TypeAdapter(Replay).dump_json(result))


if __name__ == "__main__":
    sys.exit(exit_code(main))
