"""Finding the sources, and completing lists by what their family shares."""

from pathlib import Path

import pytest
import yaml

from pipeline.foundations.errors import WrongUse
from sources import registry

DEFAULTS = {
    "kind": "counters",
    "reader": "sources.ccas.read:read",
    "cadence": "irrégulière",
    "max_age_days": 400,
    "bounds": {"min": 1, "max": 50},
    "licence": {"id": "lov2", "title": "Licence Ouverte", "url": "https://exemple.fr/licence"},
    "options": {"format": "csv", "separator": ","},
    "resources": [{"id": "liste", "max_mb": 20}],
}
OWN = {
    "id": "liste_05",
    "title": "Liste",
    "producer": "Essai",
    "dataset_page": "https://exemple.fr",
    "format": "CSV",
    "licence": {"attribution": "Essai"},
    "options": {"separator": ";"},
    "resources": [{"url": "https://exemple.fr/a.csv", "filename": "a.csv"}],
}


def family(root: Path, **lists: object) -> Path:
    folder = root / "famille" / "listes"
    folder.mkdir(parents=True)
    (root / "famille" / "defaut.yml").write_text(yaml.safe_dump(DEFAULTS), encoding="utf-8")
    for name, content in lists.items():
        (folder / f"{name}.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return folder


def test_a_list_is_completed_by_the_defaults_of_its_family(tmp_path: Path) -> None:
    folder = family(tmp_path, a={**OWN, "max_age_days": 30})
    spec = registry.load_list(folder / "a.yml")
    assert (spec.licence.id, spec.licence.attribution) == ("lov2", "Essai")
    assert spec.options == {"format": "csv", "separator": ";"}
    assert (spec.resources[0].id, spec.resources[0].max_mb, spec.resources[0].filename) == ("liste", 20, "a.csv")
    assert (spec.max_age_days, spec.bounds.max) == (30, 50)


def test_several_files_of_a_list_are_told_apart(tmp_path: Path) -> None:
    pages = [{"id": f"page_{n}", "url": f"https://exemple.fr/{n}", "filename": f"{n}.csv"} for n in (1, 2)]
    spec = registry.load_list(family(tmp_path, a={**OWN, "resources": pages}) / "a.yml")
    assert [(r.id, r.max_mb) for r in spec.resources] == [("page_1", 20), ("page_2", 20)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "expected a YAML mapping; found a list"),
        ({**OWN, "licence": {"attribution": "Essai", "titre": "x"}}, "licence.titre: Extra inputs are not permitted"),
        ({k: v for k, v in OWN.items() if k != "producer"}, "producer: Field required"),
        ({k: v for k, v in OWN.items() if k != "resources"}, "resources: Tuple should have at least 1 item"),
    ],
)
def test_a_wrong_list_is_explained(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(WrongUse) as error:
        registry.load_list(family(tmp_path, a=content) / "a.yml")
    assert message in str(error.value)
    assert "a.yml" in error.value.subject


def test_a_list_without_defaults_is_explained(tmp_path: Path) -> None:
    folder = family(tmp_path, a=OWN)
    (tmp_path / "famille" / "defaut.yml").unlink()
    with pytest.raises(WrongUse, match=r"defaut\.yml: expected a readable YAML file"):
        registry.load_list(folder / "a.yml")


def test_two_sources_may_not_share_an_id(tmp_path: Path) -> None:
    family(tmp_path, a=OWN, b=OWN)
    with pytest.raises(WrongUse, match="found id 'liste_05' twice"):
        registry.discover(tmp_path)


def test_references_come_first_and_disabled_sources_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    family(
        tmp_path,
        a={**OWN, "id": "a_guichets"},
        b={**OWN, "id": "b_guichets", "enabled": False},
        z={**OWN, "id": "z_reference", "kind": "reference"},
    )
    assert list(registry.discover(tmp_path)) == ["z_reference", "a_guichets", "b_guichets"]
    monkeypatch.setattr(registry, "_ROOT", tmp_path)
    registry.all_sources.cache_clear()
    try:
        assert list(registry.all_sources()) == ["z_reference", "a_guichets"]
        with pytest.raises(WrongUse, match="expected one of z_reference, a_guichets"):
            registry.get_source("b_guichets")
    finally:
        registry.all_sources.cache_clear()


def test_every_source_of_the_project_declares_a_reader_that_exists() -> None:
    for spec in registry.discover(Path(registry.__file__).parent).values():
        assert callable(registry.reader_of(spec)), spec.id
