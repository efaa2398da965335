"""`NOTES.md`: the release told in French to the person who opens its folder. Only what the manifest says, and the
changes as they were told."""

from assets.release.manifest import Manifest, Source

_FILES = """\
- `index.html` : la page de la version, à ouvrir dans un navigateur ; elle mène à tout le reste.
- `geoparquet/` : une table par fichier, GeoParquet 1.1 (Parquet simple sans géométrie), WGS84, trié dans l'espace.
- `carto-services-publics.gpkg` : les mêmes tables en un GeoPackage, à ouvrir dans QGIS : libellés français des
  colonnes, styles, couches d'accès, et un projet prêt à l'emploi (« Projet », « Ouvrir depuis », « GeoPackage »).
- `csv/` : les mêmes tables sans géométrie ; UTF-8, virgule, codes en texte, listes séparées par `|`. Une cellule de
  texte qui commence comme une formule (`=`, `+`, `-`, `@`) y est précédée d'une apostrophe, numéros de téléphone
  compris.
  `csv/<table>.schema.json` décrit chaque table (Table Schema), même celles qui, trop longues pour un tableur, ne sont
  que dans `geoparquet/`.
- `xlsx/` : l'essentiel en un classeur, pour la lecture dans un tableur ; commencer par la feuille « Lisez-moi ».
- `tuiles/` : points d'accueil, communes et départements en tuiles vectorielles (PMTiles), pour une carte web.
- `carte/apercu.png` : la version en une image.
- `metadonnees/` : le dictionnaire de chaque colonne de chaque table (`dictionnaire.html`, `dictionnaire.md`), la
  méthode (`methode.html`), l'origine de chaque fichier source (`provenance.json`), les fiches pour les
  catalogues (DCAT-AP, ISO 19139, STAC). `datapackage.json` : les tables pour les outils Frictionless.
- `changements/` : ce qui change depuis la version précédente, en phrases (`notes.md`) et ligne à ligne
  (`diff.parquet`) ; les identifiants jamais donnés (`registre.parquet`) et les enregistrements qu'ils désignent
  (`ponts.parquet`).
- `qualite/` : le verdict des contrôles et la liste des anomalies.
- `manifest.json` : tout ce qui précède, pour les machines. `SHA256SUMS` : `sha256sum --check SHA256SUMS` dit si la
  copie est intacte.
"""

_STATES = {
    "à jour": "dernier fichier du producteur",
    "gelée": "fichier gardé, producteur non interrogé",
    "dernière bonne version": "dernière bonne version",
    "absente": "absente",
}


def notes(manifest: Manifest, changes: str) -> str:
    """Markdown text; the same manifest and changes give the same text.

    Args:
        changes: what changed since the release before, in Markdown (`changes.write`).
    """
    lines = [f"# {manifest.titre}, version {manifest.version}", ""]
    if manifest.fictif:
        lines += ["> **Données fictives.** Jeu de démonstration : ni les lieux ni les services n'existent.", ""]
    lines += [
        f"Données au {manifest.date_reference:%d/%m/%Y}. Départements : {', '.join(manifest.perimetre)}. "
        f"Licence : {manifest.licence}.",
        "",
        f"Verdict des contrôles : **{manifest.verdict.statut}**"
        + "".join(f", {name} : {count}" for name, count in sorted(manifest.verdict.comptes.items()))
        + ".",
        "",
        "## Ce qui change",
        "",
        changes,
        "## Tables",
        "",
        "| table | contenu | lignes |",
        "|---|---|---:|",
        *(f"| `{t.layer}` | {_cell(t.titre)} | {_number(t.lignes)} |" for t in manifest.tables),
        "",
    ]
    if long := [f"`{t.layer}`" for t in manifest.tables if not t.csv]:
        lines += [f"Trop longues pour un tableur, en Parquet seul (dossier `geoparquet/`) : {', '.join(long)}.", ""]
    lines += ["## Sources", "", "| source | producteur | millésime ou date | licence | état |", "|---|---|---|---|---|"]
    lines += [_source(s) for s in manifest.sources]
    lines += ["", "Mentions à reprendre :", "", *(f"- {credit(s)}" for s in manifest.sources if s.fichiers), ""]
    lines += ["## Fichiers", "", _FILES]
    lines += [f"Code {manifest.code.version} ({manifest.code.empreinte[:12]}), entrées {manifest.empreinte[:12]}.", ""]
    return "\n".join(lines)


def credit(source: Source) -> str:
    """The credit line the licence asks for, with the vintage and the date of last update."""
    dates = [f"{min(f.date_fichier for f in source.fichiers):%d/%m/%Y}"] if source.fichiers else []
    return ", ".join([source.attribution, *([source.millesime] if source.millesime else []), *dates])


def _source(source: Source) -> str:
    when = source.millesime or (f"{min(f.date_fichier for f in source.fichiers):%d/%m/%Y}" if source.fichiers else "—")
    state = _STATES[source.etat]
    if source.age_jours is not None and source.etat != "absente":
        state += f", vieux de {source.age_jours} jours" if source.age_jours else ", du jour"
    if source.motif and source.etat != "absente":
        state += " ; la cause est dans `manifest.json`"  # it quotes errors as they came
    cells = (source.titre, source.producteur, when, source.licence.titre, state)
    return "| " + " | ".join(_cell(c) for c in cells) + " |"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _number(value: int) -> str:
    return f"{value:,}".replace(",", "\u202f")  # narrow no-break space, the French thousands separator
