"""The command's first moments. What it is made of takes seconds to load, and Ctrl-C has to be quiet in them too.

It is a package of its own because `maskscope` itself loads what takes so long.
"""

import signal


def main() -> None:
    """Runs the ``maskscope`` command; until it is loaded, Ctrl-C ends the process without a word."""
    before = signal.getsignal(signal.SIGINT)
    if before != signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from maskscope.cli.main import main as run

    signal.signal(signal.SIGINT, before)
    run()
