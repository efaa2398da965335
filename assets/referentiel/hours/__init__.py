"""Opening hours: from what each feed writes to valid OSM `opening_hours` and weekly hours.

`interpret` reads one text, `harmonise_hours` a whole frame, `weekly_hours` and `intervals` measure a valid string,
`level` gives the official class, `REGLES` says in French what each rule id means.
"""

from assets.referentiel.hours.frame import harmonise_hours
from assets.referentiel.hours.interpret import interpret, level
from assets.referentiel.hours.measure import WeeklySlot, intervals, weekly_hours
from assets.referentiel.hours.model import Hours
from assets.referentiel.hours.rules import REGLES

__all__ = ["REGLES", "Hours", "WeeklySlot", "harmonise_hours", "interpret", "intervals", "level", "weekly_hours"]
