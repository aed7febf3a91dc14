"""The answer of a study in a few lines of text."""

from typing import Any


def tell(record: Any) -> None:
    """Prints for each mask what it keeps and what it does, and what two functions share.

    A mask that works alone is scored with its weights only; without it, with all others.
    """
    print("scores:", ", ".join(record.functions))
    for network in record.networks:
        for mask in network.masks:
            alone, without = (
                " ".join(f"{score:.2f}" for score in one.accuracy.values()) for one in (mask.sufficiency, mask.necessity)
            )
            print(f"{network.variant:16} {mask.label:18} keeps {mask.density:6.2%}; alone: {alone}; without it: {without}")
    for one in record.networks[0].sharing:
        print(f"{' and '.join(one.functions)} share {one.all_weights.normalised:.2f} (0: as by chance; 1: as two masks for one)")
