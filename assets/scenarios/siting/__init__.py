"""Where to put what is added, what to close with least loss: arrays in, arrays out. No table, no file, no name."""
