"""A worker process: reads a job as JSON from standard input, does it, and writes plain lines. Used by `run` alone."""

import json
import sys

from maskscope.errors import MaskscopeError
from maskscope.experiments.run import Job, run_here
from maskscope.experiments.spec import from_json
from maskscope.training import ProgressBar


def main() -> int:
    """Does the job; returns the exit status."""
    try:
        job = from_json(Job, json.load(sys.stdin))
        run_here(job, lambda name: (ProgressBar(name),), lambda name: None)
    except MaskscopeError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
