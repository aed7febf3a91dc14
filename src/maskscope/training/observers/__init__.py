"""Who watches a run: the history, the progress bar and the watchdog."""

from maskscope.training.observers.observer import History, Observer, StepReport
from maskscope.training.observers.progress import ProgressBar, watched_together
from maskscope.training.observers.watchdog import LossWarning, Watchdog, usual_observers

__all__ = [
    "History",
    "LossWarning",
    "Observer",
    "ProgressBar",
    "StepReport",
    "Watchdog",
    "usual_observers",
    "watched_together",
]
