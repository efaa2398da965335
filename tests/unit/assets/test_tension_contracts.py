"""What is configured has its column: a method, a threshold or an indicator without one in its contract would be refused
when the stage runs; here the message says what to write.
"""

import pytest

from assets.access.settings import settings
from assets.tension.index import REFERENCES
from assets.tension.index_rows import LOST_SHARE, SUPPLY
from assets.tension.methods import methods
from assets.tension.people import GROUPS
from assets.tension.scheme import scheme
from assets.tension.supply_counts import LOST
from quality.contract import all_contracts


def expected():
    """Table, columns that its configuration asks for, and where it is."""
    thresholds = settings().seuils_min
    groups = ("population", *GROUPS)
    yield "tension__demande", [f"offre_{m.code}" for m in methods().methodes], "assets/tension/methodes.yml"
    yield (
        "tension__acces",
        [f"{g}_{m}_min_pct" for g in groups for m in thresholds] + [f"habitants_au_dela_{m}_min" for m in thresholds],
        "seuils_min of assets/access/acces.yml",
    )
    yield (
        "tension__tension",
        [i.colonne for i in scheme().indicators]
        + [f"{i.colonne}_rang_{r}" for i in scheme().indicators for r in REFERENCES]
        + [f"composante_{c.code.lower()}_{r}" for c in scheme().composantes for r in REFERENCES],
        "assets/tension/tension.yml",
    )
    yield "tension__equite", [f"fgt_{a:g}" for a in methods().equite.alphas], "assets/tension/methodes.yml"


@pytest.mark.parametrize(("table", "columns", "where"), list(expected()))
def test_everything_configured_has_its_column(table, columns, where):
    contract = all_contracts()[table]
    missing = [c for c in columns if c not in contract.polars_schema]
    file = f"quality/contracts/{table}.yml"
    assert not missing, f"{where} asks for {', '.join(missing)}: add them to {file}, then run `csp docs`"
    made = {"tension__demande": "offre_", "tension__equite": "fgt_"}.get(table)
    left = [c for c in contract.polars_schema if made and c.startswith(made) and c not in columns]
    assert not left, f"{file} has {', '.join(left)}, which nothing in {where} makes"


def test_a_coverage_of_more_minutes_is_never_less_for_each_group():
    """The contract says it of every threshold, in order."""
    contract = all_contracts()["tension__acces"]
    for group in ("population", *GROUPS):
        names = tuple(f"{group}_{m}_min_pct" for m in settings().seuils_min)
        assert names in contract.monotone, f"quality/contracts/tension__acces.yml, monotone: add {list(names)}"
    names = tuple(f"habitants_au_dela_{m}_min" for m in reversed(settings().seuils_min))
    assert names in contract.monotone, f"quality/contracts/tension__acces.yml, monotone: add {list(names)}"


def test_the_index_stands_on_a_threshold_and_a_method_that_are_measured():
    minutes = scheme().reference.seuil_min
    assert minutes in settings().seuils_min, "tension.yml, reference: give one of seuils_min of acces.yml"
    assert SUPPLY[2] in [m.code for m in methods().methodes], f"methodes.yml: the index needs a method {SUPPLY[2]}"
    fastest = max(scheme().robustesse.vitesses)
    assert fastest * minutes <= settings().couples_max_min, "tension.yml, vitesses: pairs of acces.yml stop before"
    assert {*SUPPLY, LOST_SHARE} < {i.colonne for i in scheme().indicators}
    assert f"_{scheme().disparitions_mois}_mois" in LOST, "tension.yml, disparitions_mois: the column says how many"
