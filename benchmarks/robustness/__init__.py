"""What must not be lost or changed when a run is killed, a file is damaged, a disk is full, or the surroundings differ."""
