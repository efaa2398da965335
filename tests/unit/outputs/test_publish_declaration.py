"""What is declared of a publication: the sorting of a release into resources, the words of a dataset, its criteria."""

import hashlib
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outputs.publish.criteres import FREQUENCIES, LABELS, Described, criteria, score
from outputs.publish.presentation import About, apart, identifier, metadata
from outputs.publish.ressources import Declaration, Rule, TableText, declaration, load, parcels
from pipeline.foundations.errors import WrongUse

TABLES = {
    "implantations": TableText("Implantations", "Locaux tenus en permanence.", 61234),
    "communes": TableText("Communes", "Contours.", 2),
}
NOW = datetime(2026, 11, 26, tzinfo=UTC)
DAY = date(2026, 11, 1)
ABOUT = About(
    "2026.11.01", False, date(2026, 1, 2), DAY, ("05", "36"), (), ((1, 2, 3, 4),), "accepté", TABLES, ("Insee",)
)


class TestTheDeclaration:
    def test_of_the_project_is_valid(self):
        assert declaration().jeu.licence == "lov2"

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("bad_champ", "jeu.titre: Value error, unknown field auteur"),
            ("bad_frequence", "jeu.frequence: Value error, one of daily"),
            ("bad_type", "ressources.0.type: Input should be 'main'"),
            ("bad_nom", "`nom` is for one file"),
            ("bad_chemin", "ressources.0.nom: String should match pattern"),
            ("bad_archive", "an archive is made when publishing"),
            ("bad_vide", "ressources: Tuple should have at least 1 item"),
            ("bad_yaml", "expected readable YAML"),
        ],
    )
    def test_that_is_wrong_says_where(self, fixtures, name, message):
        with pytest.raises(WrongUse) as caught:
            load(fixtures / "publication" / f"{name}.yml")
        assert message in str(caught.value)

    def test_every_title_and_description_is_short_enough_for_the_site(self):
        text = declaration().jeu
        assert len(text.description_courte) + len(" (DONNÉES FICTIVES)") < 200
        for rule in declaration().ressources:
            assert len(rule.titre) < 200
            assert rule.description.endswith(".")
        assert all(3 <= len(tag) <= 96 for tag in text.mots_cles)


class TestParcels:
    def test_are_in_the_order_declared_then_of_the_tables(self):
        paths = [
            "csv/communes.csv",
            "csv/autre.csv",
            "csv/implantations.csv",
            "NOTES.md",
            "carto-services-publics.gpkg",
        ]
        found, left = parcels(paths, declaration(), TABLES)
        assert [p.key for p in found] == [
            "carto-services-publics.gpkg",
            "csv/implantations.csv",
            "csv/communes.csv",
            "csv/autre.csv",
            "NOTES.md",
        ]
        assert left == []
        table, other, notes = found[1], found[3], found[4]
        assert table.title == "Implantations (CSV)"
        assert table.description.startswith("Locaux tenus en permanence. 61\u202f234 lignes.")
        assert table.model == "csv/implantations.schema.json"
        assert other.title == "autre (CSV)"
        assert (notes.name, notes.extension) == ("NOTES.txt", "txt")

    def test_a_table_schema_is_no_table(self):
        found, _ = parcels(["csv/implantations.csv", "csv/implantations.schema.json"], declaration(), TABLES)
        assert [p.rule.type for p in found] == ["main", "documentation"]

    def test_files_of_an_archive_go_together_the_same_bytes_each_time(self, tmp_path):
        for name in ("index.html", "regles/a.html"):
            path = tmp_path / "qualite" / "data_docs" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
        paths = ["qualite/data_docs/regles/a.html", "qualite/data_docs/index.html"]
        ((parcel,), _) = parcels(paths, declaration(), TABLES)
        digests = set()
        for scratch in (tmp_path / "1", tmp_path / "2"):
            scratch.mkdir()
            file = parcel.pack(tmp_path, scratch)
            digests.add(hashlib.sha256(file.read_bytes()).hexdigest())
            (tmp_path / "qualite/data_docs/index.html").touch()
        assert len(digests) == 1
        with zipfile.ZipFile(file) as archive:
            assert archive.namelist() == sorted(paths)
            assert archive.read("qualite/data_docs/index.html") == b"index.html"

    def test_two_rules_for_one_archive_are_refused(self):
        rules = [Rule(motif=f"{x}/*", archive="x.zip", titre="T", description="D.", type="other") for x in ("a", "b")]
        with pytest.raises(WrongUse, match=r"x\.zip made by several"):
            parcels(["a/1", "b/1"], Declaration(jeu=declaration().jeu, ressources=tuple(rules)), {})

    @settings(deadline=None)
    @given(st.lists(st.text("abc./{}*[csv_é ", min_size=1, max_size=20), unique=True))
    def test_every_file_is_published_once_or_left(self, paths):
        found, left = parcels(paths, declaration(), TABLES)
        members = [m for p in found for m in p.members]
        assert sorted(members + left) == sorted(paths)

    @settings(deadline=None)
    @given(st.text(max_size=40))
    def test_what_a_table_says_is_never_a_template(self, text):
        said = text.strip()
        found, _ = parcels(["csv/x.csv"], declaration(), {"x": TableText("{version}" + said, "{0.__class__}", 1)})
        assert found[0].title == f"{{version}}{said} (CSV)".strip()
        assert found[0].description.startswith("{0.__class__}")


class TestTheWordsOfTheDataset:
    def test_say_what_a_reader_needs(self):
        words = metadata(declaration().jeu, ABOUT, zones_known=False)
        assert "**Version 2026.11.01**, données au 01/11/2026. Départements : 05, 36." in words["description"]
        assert "- **Communes** (`communes`) : Contours." in words["description"]
        assert words["description"].endswith("- Insee")
        assert words["temporal_coverage"] == {"start": "2026-01-02", "end": "2026-11-01"}
        assert "resources" not in words
        assert "fictives" not in words["description"].lower()

    def test_of_many_departements_count_them(self):
        many = replace(ABOUT, departements=tuple(f"{n:02}" for n in range(1, 95)))
        assert "Départements : 94." in metadata(declaration().jeu, many, zones_known=False)["description"]

    def test_of_invented_data_say_so_everywhere(self):
        words = metadata(declaration().jeu, replace(ABOUT, fictional=True), zones_known=False)
        assert words["title"].endswith("(DONNÉES FICTIVES)")
        assert words["description"].startswith("> **Données fictives.**")
        assert "DONNÉES FICTIVES" in words["description_short"]
        assert identifier(declaration().jeu, ABOUT) != identifier(declaration().jeu, replace(ABOUT, fictional=True))

    def test_give_zones_where_the_site_knows_them_else_boxes(self):
        about = replace(ABOUT, zones=("country:fr",))
        known = metadata(declaration().jeu, about, zones_known=True)["spatial"]
        assert known == {"granularity": "poi", "zones": ["country:fr"]}
        unknown = metadata(declaration().jeu, about, zones_known=False)["spatial"]
        assert unknown["geom"]["coordinates"] == [[[[1, 2], [3, 2], [3, 4], [1, 4], [1, 2]]]]
        assert "zones" not in unknown

    @settings(deadline=None)
    @given(st.lists(st.tuples(*[st.integers(0, 9)] * 4), max_size=8))
    def test_boxes_cover_the_same_and_do_not_touch(self, corners):
        boxes = [(min(a, c), min(b, d), max(a, c), max(b, d)) for a, b, c, d in corners]
        found = apart(boxes)
        for w, s, e, n in boxes:
            assert any(a <= w and b <= s and c >= e and d >= n for a, b, c, d in found)
        for i, (w, s, e, n) in enumerate(found):
            assert not any(w <= c and a <= e and s <= d and b <= n for a, b, c, d in found[i + 1 :])


class TestCriteria:
    WORDS = metadata(declaration().jeu, ABOUT, zones_known=False)
    FILES = (Described("csv", "main", "Une table."), Described("txt", "documentation", ""))

    def found(self, files=FILES, last=NOW, **changes):
        return criteria({**self.WORDS, **changes}, files, last_update=last, now=NOW)

    def test_nine_of_nine(self):
        found = self.found()
        assert list(found) == list(LABELS)
        assert score(found) == 1

    @pytest.mark.parametrize(
        ("name", "changes"),
        [
            ("license", {"license": "notspecified"}),
            ("license", {"license": None}),
            ("temporal_coverage", {"temporal_coverage": None}),
            ("spatial", {"spatial": {"granularity": "poi"}}),
            ("spatial", {"spatial": None}),
            ("dataset_description_quality", {"description": "x" * 100}),
            ("update_fulfilled_in_time", {"last": NOW - timedelta(days=33)}),
            ("has_open_format", {"files": (Described("xlsx", "documentation", "D"), Described("pdf", "main", ""))}),
            ("all_resources_available", {"files": (Described("csv", "documentation", "D", reachable=False),)}),
            ("resources_documentation", {"files": (Described("csv", "main", ""),)}),
        ],
    )
    def test_each_can_be_missed_alone(self, name, changes):
        found = self.found(**changes)
        assert [n for n, holds in found.items() if not holds] == [name]
        assert score(found) == pytest.approx(8 / 9)

    def test_without_frequency_two_are_missed(self):
        found = self.found(frequency=None)
        assert not found["update_frequency"]
        assert not found["update_fulfilled_in_time"]

    def test_a_day_late_is_forgiven(self):
        assert self.found(last=NOW - timedelta(days=32))["update_fulfilled_in_time"]
        assert self.found(last=NOW - timedelta(days=900), frequency="irregular")["update_fulfilled_in_time"]

    def test_frequencies_are_in_days(self):
        assert FREQUENCIES["weekly"] == 7
