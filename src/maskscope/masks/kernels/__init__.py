"""Random bits and keep thresholds: the specification that every faster kernel must equal bit by bit."""
