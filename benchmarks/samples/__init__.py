"""How many samples a step, and how many steps, take the least time to a mask of equal quality."""
