"""The two generated documents, in French Markdown: the dictionary of the tables and the cards of the sources.

Both are read from declarations (contracts, `source.yml`) and say nothing of their own; where they are written is the
caller's business.
"""

from collections.abc import Iterable, Mapping
from textwrap import fill

from outputs.metadata.publication import publication
from quality.contract import Column, Contract
from sources.spec import SourceSpec

_GENERATED = "<!-- Page écrite par `csp docs` : modifier {origin}, puis relancer la commande. -->"
#: Types of columns in the words of the reader.
TYPES = {
    "texte": "texte",
    "entier": "entier",
    "reel": "décimal",
    "booleen": "booléen",
    "date": "date",
    "liste_texte": "liste de textes",
    "geometrie": "géométrie",
}
_SEVERITIES = {"blocage": "", "alerte": " (alerte)"}
INLINE_VALUES = 6  # a longer closed list is written under the table


def dictionary(contracts: Mapping[str, Contract]) -> str:
    """Every table and column of a release, with types, units, constraints and closed lists.

    Args:
        contracts: by table name; those that are not published are left out.
    """
    published = [c for c in contracts.values() if c.published]
    lines = [
        "# Dictionnaire des tables",
        "",
        _GENERATED.format(origin="les contrats de `quality/contracts/`"),
        "",
        "Une table porte le même nom partout : fichiers `geoparquet/<couche>.parquet` et `csv/<couche>.csv`, couche du",
        "GeoPackage (sauf mention contraire) ; dans l’entrepôt DuckDB, son nom complet. ● : toujours rempli.",
        "Une table de plus d’un million de lignes n’est qu’en Parquet : aucun tableur n’ouvrirait son CSV.",
        "Une case vide veut dire « inconnu », jamais zéro. Une contrainte arrête la publication, sauf « (alerte) ».",
        "",
        "| couche | contenu | clé | géométrie | licence |",
        "|---|---|---|---|---|",
    ]
    for contract in published:
        shape = f"{contract.geometry.type}, WGS84" if contract.geometry else ""
        key = ", ".join(f"`{k}`" for k in contract.key)
        licence = publication().licences[contract.licence].titre
        cells = (f"[`{contract.layer}`](#{contract.layer})", _cell(contract.title), key, shape, licence)
        lines.append("| " + " | ".join(cells) + " |")
    for contract in published:
        lines += ["", *_table(contract)]
    return "\n".join(lines) + "\n"


def _table(contract: Contract) -> list[str]:
    lines = [f"## {contract.layer}", "", f"**{contract.title}** (`{contract.table}`). {contract.description}", ""]
    if not contract.geopackage:
        lines += ["Cette table n’est pas dans le GeoPackage.", ""]
    for link in contract.foreign_keys:
        target = link.references.split("__", 1)[1]
        lines.append(f"- `{link.column}` renvoie à `{target}.{link.to}`{_SEVERITIES[link.severity]}.")
    if contract.foreign_keys:
        lines.append("")
    lines += ["| colonne | libellé | type | | description | contrainte |", "|---|---|---|---|---|---|"]
    for column in contract.columns:
        kind = TYPES[column.type] + (f" ({column.unit})" if column.unit else "")
        cells = (
            f"`{column.name}`",
            column.title,
            kind,
            "●" if column.required else "",
            column.description + (f" Exemple : {column.example}." if column.example else ""),
            constraint(column) + (_SEVERITIES[column.severity] if constraint(column) else ""),
        )
        lines.append("| " + " | ".join(map(_cell, cells)) + " |")
    for column in contract.columns:
        if column.values and len(column.values) > INLINE_VALUES:
            lines += ["", f"<details><summary>Valeurs de <code>{column.name}</code></summary>", ""]
            lines += [*(f"- {value}" for value in column.values), "", "</details>"]
    return lines


def constraint(column: Column, *, quote: str = "`") -> str:
    """What the values of a column hold, in words; empty when there is nothing to hold.

    Args:
        quote: what a pattern is put between.
    """
    parts = ["unique"] if column.unique else []
    if column.values:
        few = len(column.values) <= INLINE_VALUES
        parts.append(" ; ".join(column.values) if few else f"une des {len(column.values)} valeurs ci-dessous")
    if column.pattern:
        parts.append(f"forme {quote}{column.pattern}{quote}")
    if column.min is not None and column.max is not None:
        parts.append(f"de {_number(column.min)} à {_number(column.max)}")
    elif column.min is not None:
        parts.append(f"au moins {_number(column.min)}")
    elif column.max is not None:
        parts.append(f"au plus {_number(column.max)}")
    if parts and column.mostly < 1:
        parts.append(f"pour {_number(100 * column.mostly)} % des valeurs")
    return ", ".join(parts)


def sources_index(specs: Iterable[SourceSpec]) -> str:
    """The card of every source: what it is, where it is, its licence and its limits; those that are off come last."""
    declared = list(specs)
    active = [s for s in declared if s.enabled]
    off = [s for s in declared if not s.enabled]
    lines = [
        "# Sources",
        "",
        _GENERATED.format(origin="les `source.yml` de `sources/`"),
        "",
        "Ce que chaque lecteur garde, répare ou refuse est dans la fiche `sources/<source>/README.md`. Une source",
        "obligatoire (●) arrête la construction quand aucune bonne version n’en a jamais été lue ; les autres manquent",
        "sans l’arrêter, et le rapport de qualité le dit. Au-delà de l’âge indiqué, le rapport signale la source.",
        "",
        "| source | | titre | producteur | cadence | licence | âge signalé |",
        "|---|---|---|---|---|---|---:|",
    ]
    for spec in active:
        cells = (
            f"[`{spec.id}`](#{spec.id})",
            "●" if spec.required else "",
            spec.title,
            spec.producer,
            spec.cadence,
            spec.licence.title,
            f"{spec.max_age_days} j",
        )
        lines.append("| " + " | ".join(map(_cell, cells)) + " |")
    for spec in active:
        lines += ["", *_card(spec)]
    if off:
        lines += [
            "",
            "## Sources désactivées",
            "",
            "Déclarées, mais pas demandées : leur adresse ou leur âge l’interdit.",
        ]
        for spec in off:
            lines += ["", f"**{spec.title}** (`{spec.id}`, {spec.producer}). {' '.join(spec.notes.split())}".rstrip()]
    return "\n".join(lines) + "\n"


def _card(spec: SourceSpec) -> list[str]:
    bounds = f"{_number(spec.bounds.min)} à {_number(spec.bounds.max)} enregistrements attendus"
    lines = [
        f"## {spec.id}",
        "",
        f"**{spec.title}** — {spec.producer}",
        "",
        f"- Page : <{spec.dataset_page}>",
        f"- Licence : [{spec.licence.title}]({spec.licence.url})",
        f"- Mention : {' '.join(spec.licence.attribution.split())}",
        f"- Format : {spec.format} ; cadence {spec.cadence} ; {bounds}"
        + (f" ; millésime {spec.millesime}" if spec.millesime else ""),
    ]
    for resource in spec.resources:
        optional = ", facultatif" if resource.optional else ""
        lines.append(f"- Fichier `{resource.id}` ({resource.max_mb} Mo au plus{optional}) : <{resource.url}>")
    if spec.personal_data:
        lines.append(f"- Colonnes jamais lues, car elles nomment des personnes : {', '.join(spec.personal_data)}")
    if spec.notes.strip():
        lines += ["", fill(" ".join(spec.notes.split()), 120, break_long_words=False, break_on_hyphens=False)]
    return lines


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _number(value: float) -> str:
    whole = int(value)
    return (f"{whole:,}" if whole == value else f"{value:,.2f}").replace(",", "\u202f").replace(".", ",")
