"""What a command writes: results on standard output, progress and messages on standard error."""
