"""The signals that ask a process to end."""

import signal

# SIGHUP is sent when a terminal is closed, and not every system has it
STOP_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
