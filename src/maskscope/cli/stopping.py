"""Commands that are told to stop: once is enough, and they end without a traceback."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from maskscope.signals import STOP_SIGNALS


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """A block in which SIGTERM and a closed terminal do what Ctrl-C does: they raise `KeyboardInterrupt`, once.

    When the block ends by it, the process is about to end: from then on it takes no notice of any of them. A signal that was
    ignored before stays so, as under ``nohup``.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: object) -> None:
        for number in replaced:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    others = [number for number in STOP_SIGNALS if number != signal.SIGINT]
    replaced = {number: signal.getsignal(number) for number in others if signal.getsignal(number) != signal.SIG_IGN}
    for number in replaced:
        signal.signal(number, stop)
    stopping = False
    try:
        yield
    except KeyboardInterrupt:
        stopping = True
        raise
    finally:
        for number in STOP_SIGNALS if stopping else replaced:
            signal.signal(number, signal.SIG_IGN if stopping else replaced[number])
