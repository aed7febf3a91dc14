"""Networks whose modules are known because they were planted, and masks against that truth (`maskscope verify`)."""

from maskscope.studies.planted.cache import planted_network, planted_path
from maskscope.studies.planted.finetune import FinetuneConfig
from maskscope.studies.planted.kinds import KINDS
from maskscope.studies.planted.network import PlantedNetwork, PlantingConfig, plant
from maskscope.studies.planted.record import FunctionRow, OverlapRow, PlantedRow, VerifyRecord, VerifySummary, verify_table
from maskscope.studies.planted.verify import VERIFY_CONFIG, VERIFY_KINDS, Cell, cells_of, find_mask, size_for, verify_planted

__all__ = [
    "KINDS",
    "VERIFY_CONFIG",
    "VERIFY_KINDS",
    "Cell",
    "FinetuneConfig",
    "FunctionRow",
    "OverlapRow",
    "PlantedNetwork",
    "PlantedRow",
    "PlantingConfig",
    "VerifyRecord",
    "VerifySummary",
    "cells_of",
    "find_mask",
    "plant",
    "planted_network",
    "planted_path",
    "size_for",
    "verify_planted",
    "verify_table",
]
