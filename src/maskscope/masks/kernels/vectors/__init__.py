"""Parts of the passes on processors, written in instructions for vectors."""
