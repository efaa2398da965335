"""What `dagster dev` loads."""

from pipeline.build import build_defs

defs = build_defs()
