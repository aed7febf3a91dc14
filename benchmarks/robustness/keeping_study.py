"""The study of clusters that are robbed: its searches keep their state at each step, so that it is used.

Each process runs this file.
"""

from maskscope.engine.address import study_at
from maskscope.training import Checkpoint

# a smoke run is over before its first state would be kept
_, *_others = Checkpoint.__init__.__defaults__ or ()
Checkpoint.__init__.__defaults__ = (0.0, *_others)
STUDY = study_at("addition-multiplication")
