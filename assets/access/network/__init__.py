"""The road graph and exact searches on it: arrays in, arrays out. Tables belong to the stage above.

Functions under `@njit` are not annotated (`no-untyped-def` is ignored for each): numba infers their types, and they
take named tuples of arrays that mypy could not check inside compiled code.
"""
