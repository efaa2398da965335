"""Why a counter came, left, changed its id, or changed: the first rule that holds decides.

The rules in words, for those who read the figures, are in docs/methode.md, « Ce qui change »; the names of columns and
sources they speak of are in `raisons.yml`.
"""

import polars as pl

from assets.referentiel.decide import precedence
from assets.referentiel.identity import ACTIVE, GONE, SERVICE, Memory
from assets.release.changes.compare import ADDED, CHANGED, REMOVED, RENAMED
from assets.release.changes.continuity import LIKENESS
from assets.release.changes.counters import HOSTED
from assets.release.changes.evidence import CAME, LEFT, SAME, Evidence
from assets.release.changes.lines import Lines
from assets.release.changes.rules import BETWEEN, Rule, decide, judged, link_rules, listed, other_input, with_witness
from assets.release.changes.settings import CORRECTION, GEOGRAPHY, METHOD, OFFRE, PERIMETER, SOURCE
from assets.release.changes.touched import COUNTER, SERVICE_ID, cell_of, column_or_row, refer

_FIELD = "remontees_terrain"
_MINUTES = 60  # in an hour: minutes read as hours, or the reverse


def explain_counters(lines: Lines, evidence: Evidence, things: pl.DataFrame) -> pl.DataFrame:
    """The rows of `lines`, of a table of counters, with `raison` and `detail`.

    Args:
        things: what the tables of counters explained before touch, in `touched.TOUCHED_SCHEMA`: a permanence shows
            columns of its host.
    """
    rows = lines.rows.with_columns(
        lines.cell(lines.rows, COUNTER, "_b").alias("_id_b"), lines.cell(lines.rows, COUNTER, "_a").alias("_id_a")
    )
    parts = [
        _left_or_came(rows.filter(pl.col("changement") == REMOVED), evidence, gone=True),
        _left_or_came(rows.filter(pl.col("changement") == ADDED), evidence, gone=False),
        _followed(rows.filter(pl.col("changement") == RENAMED), evidence),
        _cells(_with_host(rows.filter(pl.col("changement") == CHANGED), lines, things), lines, evidence),
    ]
    return pl.concat(part.select(*lines.rows.columns, "raison", "detail") for part in parts)


def _left_or_came(rows: pl.DataFrame, evidence: Evidence, *, gone: bool) -> pl.DataFrame:
    """Counters of one edition that the other, `there`, does not have."""
    there = evidence.after if gone else evidence.before
    kin = evidence.links.select(_id="avant" if gone else "apres", _kin="apres" if gone else "avant")
    registry = there.side.memory.registry.filter(pl.col("nature") == SERVICE)
    rows = rows.with_columns(_id="_id_b" if gone else "_id_a")
    for facts in (
        _feeds_of(evidence, gone=gone),
        there.side.counters.select(_id=COUNTER, _elsewhere="type_structure"),
        kin.unique("_id", keep="first", maintain_order=True),
        registry.select(_id="id", _state="etat", _first=pl.col("premiere_vue").dt.to_string("%d/%m/%Y")),
        _closed_by_hand(there.side.memory),
    ):
        rows = rows.join(facts, on="_id", how="left", maintain_order="left")
    now, outside = ("désormais", "n'est plus couvert") if gone else ("jusque-là", "n'était pas couvert")
    rules: list[Rule] = [
        (
            ~pl.col("departement").is_in(list(there.perimetre)),
            PERIMETER,
            pl.format("le département {} " + outside, "departement"),
        ),
        (pl.col("_elsewhere").is_not_null(), CORRECTION, pl.format(now + " de type {}", "_elsewhere")),
        (pl.col("_kin").is_not_null(), CORRECTION, pl.format(now + " {}, dans une autre table", "_kin")),
        (pl.col("_state") == ACTIVE, PERIMETER, f"{now} hors des départements couverts"),
        (
            pl.col("_closed") & (CORRECTION in evidence.moved),
            CORRECTION,
            "fermé par une correction de terrain" if gone else "une correction de terrain le disait fermé",
        ),
        (
            pl.col("_whole"),
            SOURCE,
            pl.format("source absente : {}" if gone else "source nouvelle : {}", "_feeds"),
        ),
        (pl.col("_still"), other_input(evidence), pl.format("fichiers inchangés : {}", "_feeds")),
        (
            pl.col("_bulk").is_not_null(),
            listed([SOURCE, METHOD]) if evidence.code_changed else SOURCE,
            pl.format("mouvement en bloc : {}", "_bulk"),
        ),
        (
            pl.lit(not gone) & (pl.col("_state") == GONE),
            OFFRE,
            pl.format("réapparaît dans {} ; connu depuis le {}", "_feeds", "_first"),
        ),
    ]
    return decide(rows, rules, OFFRE, pl.format("ne figure plus dans {}" if gone else "nouveau dans {}", "_feeds"))


def _feeds_of(evidence: Evidence, *, gone: bool) -> pl.DataFrame:
    """By counter of the edition that has it (`_id`): the feeds that know it (`_feeds`), whether all of them left or
    came as a whole (`_whole`), whether none moved (`_still`), and the group that moved in bulk with it (`_bulk`)."""
    here = evidence.before if gone else evidence.after
    bulk = evidence.bulk.filter(pl.col("sens") == (-1 if gone else 1))
    by_code = bulk.drop_nulls("typologie").select("source", "typologie", _by_code="bloc")
    by_departement = bulk.drop_nulls("departement").select("source", "departement", _by_departement="bloc")
    return (
        here.side.counters.select(COUNTER, "typologie", "departement", source=pl.col("sources").str.split("|"))
        .explode("source")
        .join(evidence.sources, on="source", how="left")
        .join(by_code, on=["source", "typologie"], how="left")
        .join(by_departement, on=["source", "departement"], how="left")
        .group_by(_id=COUNTER)
        .agg(
            _feeds=pl.col("source").sort().str.join(BETWEEN),
            _whole=(pl.col("mouvement") == (LEFT if gone else CAME)).all(),
            _still=(pl.col("mouvement") == SAME).all(),
            _bulk=pl.coalesce("_by_code", "_by_departement").drop_nulls().sort().first(),
        )
    )


def _closed_by_hand(memory: Memory) -> pl.DataFrame:
    """`_id, _closed`: ids not published although their records were seen: somebody in the field closed them."""
    published = memory.registry.select("id", _published="derniere_vue")
    seen = memory.bridges.filter(
        (pl.col("nature") == SERVICE) & (pl.col("derniere_vue") == pl.col("derniere_vue").max())
    )
    closed = seen.join(published, on="id").filter(pl.col("derniere_vue") > pl.col("_published"))
    return closed.select(_id="id", _closed=pl.lit(value=True)).unique()


def _followed(rows: pl.DataFrame, evidence: Evidence) -> pl.DataFrame:
    """Ids that follow one another: nobody opened nor closed."""
    rows = with_witness(rows, evidence)
    split = (pl.col("identifiant") == pl.col("apres"), judged(evidence), pl.format("séparé de {}", "avant"))
    return decide(rows, [split, *link_rules(evidence)], judged(evidence), "")


def _with_host(rows: pl.DataFrame, lines: Lines, things: pl.DataFrame) -> pl.DataFrame:
    """Add `_host`: for a column that a permanence shows of its host, why that one changed."""
    if lines.table != HOSTED:
        return rows.with_columns(_host=pl.lit(None, dtype=pl.String))
    rows = refer(rows, lines, things, [(SERVICE_ID, cell_of(COUNTER))], "_host", suffix=column_or_row())
    shown = pl.col("colonne").str.starts_with("service_")
    return rows.with_columns(_host=pl.when(shown).then(pl.col("_host").fill_null(CORRECTION)))


def _cells(rows: pl.DataFrame, lines: Lines, evidence: Evidence) -> pl.DataFrame:
    """Cells of counters that are in both editions."""
    settings, other = evidence.settings, other_input(evidence)
    rows = with_witness(_with_origins(rows, evidence), evidence)
    read = [lines.cell(rows, name, "_a").is_not_null() for name in settings.horaires.lus if lines.has(name)]
    rows = rows.with_columns(pl.any_horizontal(pl.lit(value=False), *read).alias("_hours_known"))
    renumbered = evidence.links.filter(pl.col("temoin") == LIKENESS)["apres"].implode()
    column, group = pl.col("colonne"), pl.col("_champ")

    def also(*columns: str) -> pl.Expr:
        return column.is_in(columns).any().over("identifiant")

    ratio = pl.col("apres").cast(pl.Float64, strict=False) / pl.col("avant").cast(pl.Float64, strict=False)
    both_known = pl.col("_source_b").is_not_null() & pl.col("_source_a").is_not_null()
    another = (pl.col("_source_b") != pl.col("_source_a")) | (
        (pl.col("_record_b") != pl.col("_record_a")) & ~pl.col("identifiant").is_in(renumbered)
    )
    together = pl.len().over("colonne")
    rules: list[Rule] = [
        *link_rules(evidence),
        (pl.col("_host").is_not_null(), pl.col("_host"), "colonne de l'hôte"),
        (column.is_in(settings.suivi), SOURCE, "suivi des éditions de la source"),
        (
            column.is_in(settings.codes_geographiques)
            & pl.lit(GEOGRAPHY in evidence.moved)
            & ~also(settings.adresse, "lieu_longitude", "lieu_latitude"),
            GEOGRAPHY,
            "le code du territoire a changé, pas le lieu",
        ),
        (pl.col("_source_a") == _FIELD, CORRECTION, "correction de terrain"),
        (pl.col("_source_b") == _FIELD, CORRECTION, "correction de terrain retirée"),
        (
            (column.is_in(settings.textes) & (_plain("avant") == _plain("apres")))
            | (column.is_in(settings.telephones) & (_digits("avant") == _digits("apres")))
            | ((column == settings.horaires.texte) & ~also(*settings.horaires.lus) & pl.col("_hours_known")),
            CORRECTION,
            "la même chose, écrite autrement",
        ),
        (pl.col("_moved_b") == LEFT, SOURCE, pl.format("source absente : {}", "_source_b")),
        (pl.col("_moved_a") == CAME, SOURCE, pl.format("source nouvelle : {}", "_source_a")),
        (
            both_known & another,
            CORRECTION,
            pl.when(pl.col("_source_b") == pl.col("_source_a"))
            .then(pl.format("autre fiche de {}", "_source_a"))
            .otherwise(pl.format("{} → {}", "_source_b", "_source_a")),
        ),
        (
            column.is_in(settings.horaires.mesures) & (pl.max_horizontal(ratio, 1 / ratio) - _MINUTES).abs().lt(0.01),
            CORRECTION,
            "unité des heures",
        ),
        (pl.col("_moved_a") == SAME, other, pl.format("{} : même fichier, lu autrement", "_source_a")),
        (
            (group == "horaires") & ~also(settings.horaires.texte) & both_known,
            METHOD if evidence.code_changed else CORRECTION,
            "même texte d'horaires, lu autrement",
        ),
        (
            together * 100 > settings.en_bloc_pct * lines.compared.after.height,
            listed([OFFRE, METHOD]) if evidence.code_changed else SOURCE,
            pl.format("mouvement en bloc : {} lignes", together),
        ),
        (pl.col("avant").is_null(), CORRECTION, "renseigné"),
        (pl.col("apres").is_null(), CORRECTION, "n'est plus renseigné"),
        ((group == "lieu") & ~also(settings.adresse), CORRECTION, "même adresse : position corrigée"),
        (both_known, OFFRE, pl.format("nouvelle édition de {}", "_source_a")),
        (pl.col("_any_moved"), OFFRE, "nouvelle édition des sources"),
    ]
    return decide(rows, rules, other, "sources inchangées")


def _with_origins(rows: pl.DataFrame, evidence: Evidence) -> pl.DataFrame:
    """The record each side of a cell comes from (`_source_`, `_record_`), what became of its feed (`_moved_`), and
    whether any feed that knows the counter moved (`_any_moved`)."""
    groups = {column: name for name, group in precedence().groupes.items() for column in group.colonnes}
    groups |= evidence.settings.groupes
    moved = evidence.sources.select("source", "mouvement")
    rows = rows.with_columns(_champ=pl.col("colonne").replace_strict(groups, default=None, return_dtype=pl.String))
    for side, edition in (("b", evidence.before), ("a", evidence.after)):
        names = {
            COUNTER: f"_id_{side}",
            "champ": "_champ",
            "source": f"_source_{side}",
            "id_source": f"_record_{side}",
            "mouvement": f"_moved_{side}",
        }
        origins = edition.provenance.join(moved, on="source", how="left").rename(names)
        rows = rows.join(origins, on=[f"_id_{side}", "_champ"], how="left", maintain_order="left")
    known = evidence.after.side.counters.select(_id_a=COUNTER, source=pl.col("sources").str.split("|"))
    any_moved = (
        known.explode("source")
        .join(moved, on="source")
        .group_by("_id_a")
        .agg(_any_moved=(pl.col("mouvement") != SAME).any())
    )
    return rows.join(any_moved, on="_id_a", how="left", maintain_order="left")


def _digits(name: str) -> pl.Expr:
    """The digits of a telephone number, its country left out when it is France."""
    return pl.col(name).str.replace(r"^\s*(\+|00)33\s*(\(0\))?", "0").str.replace_all(r"\D", "")


def _plain(name: str) -> pl.Expr:
    """A text without accents, case or punctuation."""
    return pl.col(name).str.normalize("NFKD").str.to_lowercase().str.replace_all(r"[^a-z0-9]+", "")
