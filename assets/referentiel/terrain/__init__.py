"""The correction loop: a workbook for people in the field, what they send back, and how it applies to the counters.

`write_workbook` makes the workbook of a département, `sources.remontees_terrain` reads it back, `apply_corrections`
applies what it says to the decided counters, `bundle` keeps the imported workbooks together.
"""

from assets.referentiel.terrain.archive import bundle, member_name
from assets.referentiel.terrain.corrections import (
    OUTCOME_SCHEMA,
    Corrected,
    apply_corrections,
    correction_issues,
    correction_provenance,
    effective,
    restore,
)
from assets.referentiel.terrain.export import Edition, write_workbook
from assets.referentiel.terrain.values import current_values, gather

__all__ = [
    "OUTCOME_SCHEMA",
    "Corrected",
    "Edition",
    "apply_corrections",
    "bundle",
    "correction_issues",
    "correction_provenance",
    "current_values",
    "effective",
    "gather",
    "member_name",
    "restore",
    "write_workbook",
]
