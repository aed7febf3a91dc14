"""How classifiers of images are trained and masked in the presets of several studies. No code."""

from maskscope.procedure.settings import FitSpec, MaskSpec

SMOKE = FitSpec(steps=20, batch_size=32), MaskSpec(steps=10, batch_size=16, learning_rate=0.05)
# `quick` was chosen by the accuracy of the network and of its full mask, on tuning network 9001 of cnn-no-dropout, which no
# record uses (docs/tuning.md): fitted for 3,000 steps at 2e-3 it has .695, its full mask (1,000 steps, learning rate .05, beta
# 3e-4) .713 at density .096, 16 % undecided. A milestone was added so that the network has .70 before it is masked.
QUICK = (
    FitSpec(steps=2_500, batch_size=64, learning_rate=2e-3, milestones=(2_000,)),
    MaskSpec(steps=600, batch_size=64, learning_rate=0.05, beta=3e-4),
)
