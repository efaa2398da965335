"""Names of the tables of scenarios. Nothing heavy is imported."""

CLOSINGS = "scenarios__fermetures"
OPENINGS = "scenarios__ouvertures"
#: The atlas of marginal value, made together for the whole country.
ATLAS = (CLOSINGS, OPENINGS)
