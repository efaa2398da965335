"""A release described by itself, for people and for catalogues: one module per product, plain facts in, text out.

`release` holds the facts every module is given, `publication` what the publisher decides (`publication.yml`), `formats`
what each kind of file is (`formats.yml`). Nothing here reads a table or a clock, or writes a file.
"""
