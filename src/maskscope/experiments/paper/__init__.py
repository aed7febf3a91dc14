"""One file a study of the paper: presets, claims and differences, as values."""
