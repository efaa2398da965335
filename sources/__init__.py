"""One folder per feed: `source.yml` says what it is, `read.py` turns its bytes into a frame and issues.

A source never imports another source; what they share is `spec`, `record`, `reading` and `registry` beside this file.
"""
