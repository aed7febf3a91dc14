"""Searches by several processes: of a network that they share, or with the samples of a step shared among them."""
