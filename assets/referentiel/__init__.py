"""From what the feeds say to one checked record per counter."""
