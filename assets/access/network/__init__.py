"""The road graph and exact searches on it: arrays in, arrays out. Tables belong to the stage above."""
