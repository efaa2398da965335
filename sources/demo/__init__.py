"""A fictional France written out in every feed's own wire format; see `write.py` and the README beside it.

It is not a feed: there is no `source.yml` here, and readers cannot tell its files from the real ones.
"""
