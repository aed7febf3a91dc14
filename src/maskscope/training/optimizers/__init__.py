"""The optimizers, and what of them is kept in a checkpoint."""
