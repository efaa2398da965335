"""Declarations of layers, styles and maps: faults are named, and the project's own suit its contracts."""

import shutil
from pathlib import Path

import pytest

from assets.referentiel.typology import typologies
from outputs import style
from outputs.style import LayerStyle, look, look_of
from pipeline.foundations.declared import load
from pipeline.foundations.errors import WrongUse
from quality.contract import all_contracts

HERE = Path(style.__file__).parent


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bad_limites", "limites must increase"),
        ("bad_couleur", "couleur"),
        ("bad_sans_titre", "needs titre and description"),
        ("bad_sans_cle", "needs cle and cle_donnees"),
        ("bad_filtre_seul", "filtre need geometrie"),
        ("bad_inconnu", "epaisseur"),
        ("bad_libelles", "libelles: 3 expected, one per class, 2 found"),
        ("bad_tailles", "tailles: 3 expected, one per class, 1 found"),
    ],
)
def test_a_wrong_declaration_is_explained(fixtures, name, message):
    path = fixtures / "style" / f"{name}.yml"
    with pytest.raises(WrongUse, match=message) as caught:
        load(LayerStyle, path)
    assert name in str(caught.value)


def copied(tmp_path: Path) -> Path:
    shutil.copytree(HERE / "styles", tmp_path / "styles")
    for name in ("palettes.yml", "cartes.yml"):
        shutil.copy(HERE / name, tmp_path)
    return tmp_path


def test_adding_a_file_adds_a_layer(tmp_path):
    folder = copied(tmp_path)
    (folder / "styles" / "essai.yml").write_text(
        "{couche: essai, titre: T, description: D, geometrie: territories__communes, groupe: Accès}"
    )
    assert "essai" in {c.couche for c in look_of(folder).couches}


_ONE = "couche: un, titre: Un, description: D, geometrie: territories__communes, groupe: Accès"


def test_a_variant_is_the_layer_with_other_values_of_some_fields(tmp_path):
    folder = copied(tmp_path)
    variant = "{couche: deux, titre: Deux, filtre: {departement: '36'}}"
    text = f"{{{_ONE}, filtre: {{departement: '05'}}, variantes: [{variant}]}}"
    (folder / "styles" / "essai.yml").write_text(text, encoding="utf-8")
    found = {c.couche: c for c in look_of(folder).couches}
    first, second = found["un"], found["deux"]
    assert (second.titre, second.filtre) == ("Deux", {"departement": "36"})
    assert (second.groupe, second.geometrie, second.description) == (first.groupe, first.geometrie, first.description)
    assert second.variantes == ()


@pytest.mark.parametrize(
    ("variant", "message"),
    [("{couche: un}", "couche un twice"), ("{couche: deux, fond: noir}", "fond: Extra inputs")],
)
def test_a_faulty_variant_is_explained(tmp_path, variant, message):
    folder = copied(tmp_path)
    (folder / "styles" / "essai.yml").write_text(f"{{{_ONE}, variantes: [{variant}]}}", encoding="utf-8")
    with pytest.raises(WrongUse, match=message):
        look_of(folder)


def test_every_kind_of_tension_has_a_colour():
    kinds = all_contracts()["tension__tension"].column("type_national").values
    assert set(look().palettes.valeurs["types_tension"]) == set(kinds)


def test_figures_of_two_measures_of_time_are_never_in_one_layer():
    measured = {c.table for c in all_contracts().values() if any(x.name == "mesure" for x in c.columns)}
    for layer in look().couches:
        if layer.donnees in measured:
            crow = layer.couche.endswith("_vol_oiseau")
            assert layer.filtre["mesure"] == ("vol d'oiseau" if crow else "route"), layer.couche
            assert ("vol d’oiseau" in layer.titre) == crow, layer.couche


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{couche: communes, groupe: Territoires}", "couche communes twice"),
        ("{couche: autre, groupe: Ailleurs}", "'Ailleurs' is not in cartes.yml"),
        ("{couche: x, groupe: Accès, style: {type: classes, colonne: a, limites: [1], palette: z}}", "no ramp 'z'"),
        ("{couche: x, groupe: Accès, style: {type: categories, colonne: a, palette: z}}", "no palette of values 'z'"),
    ],
)
def test_files_that_disagree_are_named(tmp_path, text, message):
    folder = copied(tmp_path)
    (folder / "styles" / "zz.yml").write_text(text, encoding="utf-8")
    with pytest.raises(WrongUse, match=message):
        look_of(folder)


def test_every_thematique_has_a_colour():
    assert set(look().palettes.valeurs["thematiques"]) == {t.thematique for t in typologies().typologies.values()}


def test_colours_of_a_palette_are_distinct_and_ramps_go_from_light_to_dark():
    for palette in look().palettes.valeurs.values():
        assert len(set(palette.values())) == len(palette)
    for name, ramp in look().palettes.degrades.items():
        light = [sum(w * int(c[i : i + 2], 16) for w, i in ((0.21, 1), (0.72, 3), (0.07, 5))) for c in ramp]
        assert light == sorted(light, reverse=True), name


def test_shades_start_and_end_with_the_ramp():
    palettes = look().palettes
    ramp = palettes.degrades["viridis"]
    assert palettes.shades("viridis", len(ramp)) == list(ramp)
    assert palettes.shades("viridis", 2) == [ramp[0], ramp[-1]]
    assert palettes.shades("viridis", 1) == [ramp[0]]
    assert len(set(palettes.shades("viridis", 6))) == 6


def test_styles_without_geometrie_are_of_layers_that_exist():
    layers = {c.layer: c for c in all_contracts().values() if c.published and c.geopackage}
    for declared in look().couches:
        if declared.geometrie is None:
            contract = layers[declared.couche]
            columns = [getattr(declared.style, "colonne", None), declared.affiche]
            columns += [declared.etiquettes.colonne, declared.etiquettes.poids] if declared.etiquettes else []
            for name in filter(None, columns):
                contract.column(name)
