"""Networks that several processes share (`fully_shard`), and what each of them does with its part."""

from maskscope.masks.shards.processes import Processes, all_processes
from maskscope.masks.shards.shard import Shard, is_sharded, locals_of, processes_of, reshard, shards_of

__all__ = ["Processes", "Shard", "all_processes", "is_sharded", "locals_of", "processes_of", "reshard", "shards_of"]
