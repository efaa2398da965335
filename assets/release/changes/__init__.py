"""What changed from one release to the next, row by row, and why."""
