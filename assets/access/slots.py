"""The nearest counter that is open, part of the week by part of the week, from the hours of the référentiel.

Here every kind of counter counts: a permanence is what is open on its morning.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from assets.access.network.nearest import nearest_each
from assets.access.places import Territory
from assets.access.settings import Settings, Slots
from assets.access.times import counter_rows, seconds_of
from assets.referentiel.hours import intervals
from pipeline.foundations.progress import reporter

Bools = npt.NDArray[np.bool_]

SLOT_SCHEMA = pl.Schema(
    {
        "origine_id": pl.String(),
        "code_insee": pl.String(),
        "code_departement": pl.String(),
        "population": pl.Float64(),
        "typologie": pl.String(),
        "creneau": pl.String(),
        "temps_route_s": pl.Int64(),
        "point_accueil_id": pl.String(),
        "part_horaires_connus_pct": pl.Float64(),
    }
)


def open_in(hours: pl.Series, slots: Slots) -> tuple[Bools, Bools]:
    """For each of c counters, whether its hours are known (c,), and in which slots it is open (c, slots).

    A counter is open in a slot when it is, on one of its days, for `minutes_min` minutes or more, in some weeks at
    least: a monthly permanence is open on its morning.

    Args:
        hours: OSM `opening_hours`; null when unknown.
    """
    texts = hours.unique().drop_nulls().to_list()
    profile = {text: _slots_of(text, slots) for text in texts}
    known = np.array([bool(profile.get(text, (False, None))[0]) for text in hours], dtype=np.bool_)
    nothing = np.zeros(len(slots.liste), dtype=np.bool_)
    rows = [profile[text][1] if text in profile else nothing for text in hours]
    return known, np.array(rows, dtype=np.bool_).reshape(len(hours), len(slots.liste))


def _slots_of(text: str, slots: Slots) -> tuple[bool, Bools]:
    spans = intervals(text)
    opened = np.zeros(len(slots.liste), dtype=np.bool_)
    for rank, slot in enumerate(slots.liste):
        start, end = slot.minutes
        for day in slot.jours:
            total = sum(max(0, min(s.end, end) - max(s.start, start)) for s in spans if s.day == day)
            opened[rank] |= total >= slots.minutes_min
    return bool(spans), opened


def slots_table(territory: Territory, typologies: Sequence[str], settings: Settings) -> pl.DataFrame:
    """The rows of `access__temps_creneaux` of a territory: the nearest counter open in each slot, all kinds together.

    Only pairs (typology, slot) with a counter known to be open then have rows; `part_horaires_connus_pct` says how much
    of the typology that knowledge stands on.
    """
    usable = territory.counters["longitude"].is_not_null().to_numpy()
    known, opened = open_in(territory.counters["horaires"], settings.creneaux)
    names = territory.counters["typologie"].to_numpy()
    wanted = []
    for typology in typologies:
        mine = usable & (names == typology)
        for rank, slot in enumerate(settings.creneaux.liste):
            if len(rows := np.flatnonzero(mine & opened[:, rank])):
                wanted.append((typology, slot.code, round(100 * float(known[mine].mean()), 1), rows))
    if territory.graph is None or territory.homes is None or not wanted:
        return pl.DataFrame(schema=SLOT_SCHEMA)
    reporter().step("temps par la route selon le créneau")
    sets = [territory.counters_at(rows) for *_, rows in wanted]
    found_each = nearest_each(territory.graph, territory.homes, sets, done=reporter().advance)
    parts = []
    for (typology, code, share, rows), found in zip(wanted, found_each, strict=True):
        reached = np.flatnonzero(found.counter[:, 0] >= 0)
        chosen = counter_rows(rows, found.counter[reached, 0])
        those = territory.origins[reached].select("origine_id", "code_insee", "code_departement", "population")
        parts.append(
            those.with_columns(
                pl.lit(typology).alias("typologie"),
                pl.lit(code).alias("creneau"),
                pl.Series("temps_route_s", seconds_of(found.milliseconds[reached, 0])).cast(pl.Int64),
                territory.counters["point_accueil_id"].gather(chosen).alias("point_accueil_id"),
                pl.lit(share).alias("part_horaires_connus_pct"),
            )
        )
    return pl.concat(parts).select(SLOT_SCHEMA.names())
