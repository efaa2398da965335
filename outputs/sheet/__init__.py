"""The sheet of a territory: one page, for the screen, for paper and for the terminal."""
