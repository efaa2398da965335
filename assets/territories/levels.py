"""The levels territories are of, from communes up. Nothing heavy is imported."""

from collections.abc import Mapping

COMMUNE, FRANCE = "commune", "france"
#: Code of the country, at level `france`.
COUNTRY = "FR"
#: Column of `territories__appartenance` that names the territory of each level; the country holds every commune.
LEVELS: Mapping[str, str] = {
    COMMUNE: "code",
    "epci": "epci",
    "departement": "departement",
    "region": "region",
    "arrondissement": "arrondissement",
    "bassin_vie": "bassin_vie",
}
