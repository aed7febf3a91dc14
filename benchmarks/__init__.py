"""What things cost, measured by taking turns in one run."""
