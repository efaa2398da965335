"""Stable ids of counters.

An id is minted from the record that leads the counter (feed, record id, typology): the same record gives the same id
whatever the other feeds do and whatever their order. Ours start with `CSP` so that they never collide with the
official `SERVPUBL…` and `PERMPUBL…`.
"""

import hashlib

import polars as pl

SERVICE_PREFIX = "CSPSERV"
PERMANENCE_PREFIX = "CSPPERM"


def mint(prefix: str, *parts: str) -> str:
    """`CSPSERV` + 16 hexadecimal digits drawn from the parts. 64 bits: 100,000 counters collide with chance 3e-10."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
    return f"{prefix}{digest[:16].upper()}"


def give_ids(counters: pl.DataFrame) -> pl.DataFrame:
    """Add `service_id`, minted from `source_semantique, id_source, typologie`."""
    keys = counters.select("source_semantique", "id_source", "typologie").iter_rows()
    ids = [mint(SERVICE_PREFIX, *key) for key in keys]
    return counters.with_columns(pl.Series("service_id", ids, dtype=pl.String))
