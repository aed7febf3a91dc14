"""Networks whose modules are known because they were planted, and masks against that truth (`maskscope verify`)."""

from maskscope.studies.planted.cache import planted_network, planted_path
from maskscope.studies.planted.finetune import FinetuneConfig
from maskscope.studies.planted.kinds import KINDS
from maskscope.studies.planted.network import PlantedNetwork, PlantingConfig, plant
from maskscope.studies.planted.record import EstimatorSummary, FunctionRow, OverlapRow, PlantedRow, VerifyRecord, verify_table
from maskscope.studies.planted.verify import VERIFY_CONFIG, VERIFY_KINDS, find_mask, verify_planted

__all__ = [
    "KINDS",
    "VERIFY_CONFIG",
    "VERIFY_KINDS",
    "EstimatorSummary",
    "FinetuneConfig",
    "FunctionRow",
    "OverlapRow",
    "PlantedNetwork",
    "PlantedRow",
    "PlantingConfig",
    "VerifyRecord",
    "find_mask",
    "plant",
    "planted_network",
    "planted_path",
    "verify_planted",
    "verify_table",
]
