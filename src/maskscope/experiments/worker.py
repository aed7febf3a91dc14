"""A worker process: does the job that its one argument describes in JSON, and writes plain lines. Used by `run` alone."""

import json
import sys

from maskscope.errors import MaskscopeError
from maskscope.experiments.run import INTERRUPTED, Job, run_here
from maskscope.experiments.spec import from_json
from maskscope.training import ProgressBar


def main(job: str) -> int:
    """Does the job; returns the exit status."""
    try:
        run_here(from_json(Job, json.loads(job)), lambda name: (ProgressBar(name),), lambda name: None)
    except MaskscopeError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
