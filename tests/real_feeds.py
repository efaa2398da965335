"""A mirror of every real feed held in the real data folder, for tests and benchmarks that need them all.

The folder's own mirror holds four of them by URL; the others lie as plain files and are laid out here under the URL of
their declaration. Nothing is copied into the repository.
"""

import shutil
from pathlib import Path

from pipeline.foundations.urls import mirror_file
from sources.registry import all_sources

#: (source, resource) -> file of the real data folder.
FILES = {
    ("la_poste", "points_contact"): "services/laposte-2020-12/laposte_poincont2.csv",
    ("france_travail", "agences"): "services/poleemploi-2019-11/pole_emploi_agencies.csv",
    ("mediation_numerique", "lieux"): "services/mednum-standard/lieux-cnfs-national-2022-07.json",
    ("mediation_numerique", "lieux_paca"): "services/mednum-standard/20230517-hub-du-sud-paca_schema2023.json",
    ("conseillers_numeriques", "permanences"): "services/cnfs-2022-12/lieux-conseillers-numeriques.json",
    ("aidants_connect", "organisations"): "services/aidants-connect-2023-01/aidants-connect.json",
    ("cartosp", "implantations_05"): "cartosp/BD_CartoSP_Implantations_05.xlsx",
    ("cartosp", "permanences_05"): "cartosp/BD_CartoSP_Permanences_05.xlsx",
    ("cartosp", "itinerances_05"): "cartosp/BD_CartoSP_Itinérances_05.xlsx",
    ("cartosp", "permanences_36"): "cartosp/BD_CartoSP_Permanences_36.xlsx",
}


def lay_out(real_data: Path, mirror: Path) -> Path:
    """Fill `mirror` with copies of the real feeds, under the URL each source declares; returns `mirror`."""
    for file in (real_data / "mirror").rglob("*"):
        if file.is_file():
            _put(file, mirror / file.relative_to(real_data / "mirror"))
    sources = all_sources()
    for (source, resource), name in FILES.items():
        _put(real_data / name, mirror_file(mirror, sources[source].resource(resource).url))
    return mirror


def _put(file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, target)
