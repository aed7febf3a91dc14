"""What a step of each estimator costs, and how long each takes to a mask of equal quality."""
