"""Whatever upstream serves, one source at a time: the last good version stays in use, the run says which and why."""

import bz2
import gzip
import io
import json
import tarfile

import pytest

from assets.raw.ingest import ingest, issues_table, table_names
from pipeline.foundations.http import Timeouts
from pipeline.foundations.snapshots import SnapshotStore
from pipeline.foundations.tables import TableStore
from pipeline.foundations.urls import mirror_file
from sources.registry import get_source

IMPATIENT = Timeouts(connect=0.5, read=0.4, total=2, window=0.5, min_rate=2000, pause=0.1, backoff=0)


class Hurried(SnapshotStore):
    """Waits for servers as long as a test can."""

    def fetch(self, *args, **options):
        return super().fetch(*args, **{**options, "timeouts": IMPATIENT, "attempts": 2})


class Bench:
    """A source whose good version is in use, about to be asked again."""

    def __init__(self, folder, edition, name):
        self.spec = get_source(name).imagined()
        self.mirror = edition(0).copy(folder / "miroir")
        self.file = mirror_file(self.mirror, self.spec.resources[0].url)
        self.snapshots, self.root = Hurried(folder / "snapshots"), folder / "tables"
        self.good = self(self.spec, self.mirror)
        assert self.good.etat == "à jour"
        self.before = self.stored()

    def __call__(self, spec, mirror):
        self.tables = TableStore(self.root)
        return ingest(spec, snapshots=self.snapshots, tables=self.tables, mirror=mirror)

    def stored(self):
        names = [*table_names(self.spec).values(), issues_table(self.spec)]
        return {n: (self.tables.path(n).stat().st_mtime_ns, self.tables.content(n)) for n in names}

    def with_resource(self, **changes):
        """The declaration with another first resource."""
        first, *others = self.spec.resources
        return self.spec.model_copy(update={"resources": (first.model_copy(update=changes), *others)})

    def keeps_the_last_good(self, said, because, *, spec=None, mirror="own"):
        """Ask again: the fault is told, nothing else moves, and the next good version is taken."""
        state = self(spec or self.spec, self.mirror if mirror == "own" else mirror)
        assert state.etat == "dernière bonne version"
        assert because in state.refus
        assert state.empreinte == self.good.empreinte
        assert state.lignes_utilisables == self.good.lignes_utilisables
        assert any(n.startswith(f"{self.spec.id} (dernière bonne version)") and because in n for n in said.notes)
        return state


@pytest.fixture
def bench(tmp_path, edition):
    return lambda name: Bench(tmp_path, edition, name)


def tar_of(*members, mode="w:bz2"):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:
        for name, content in members:
            header = tarfile.TarInfo(name)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return packed.getvalue()


def local_json(archive):
    with tarfile.open(archive) as members:
        name = next(n for n in members.getnames() if n.endswith("data.gouv_local.json"))
        return name, members.extractfile(name).read()


PAGE = b"<!DOCTYPE html>\n<html lang='fr'><body>Site en maintenance</body></html>"

#: What may take the place of any file, and what the message then speaks of.
ANYWHERE = {
    "no file": (None, "no such file"),
    "an empty file": (lambda _: b"", "an empty body"),
    "a web page": (lambda _: PAGE, "a web page (HTML)"),
    "a JSON error": (lambda _: b'{"error": "quota exceeded"}', ""),
    "an XML error": (lambda _: b"<?xml version='1.0'?><error>quota exceeded</error>", ""),
    "a disk hole": (lambda _: bytes(5000), ""),
    "bytes that are no text": (lambda good: good[:3000] + b"\xff\xfe\xe9" + good[3000:], ""),
}


@pytest.mark.parametrize("name", ["dila", "france_services", "caf", "ccas_92_hauts_de_seine", "cog", "contours"])
@pytest.mark.parametrize("fault", ANYWHERE)
def test_whatever_takes_the_place_of_the_file(bench, said, name, fault):
    bench = bench(name)
    damage, because = ANYWHERE[fault]
    good = bench.file.read_bytes()
    if damage is None:
        bench.file.unlink()
    else:
        bench.file.write_bytes(damage(good))
    bench.keeps_the_last_good(said, because)
    assert bench.stored() == bench.before
    bench.file.write_bytes(good)
    assert bench(bench.spec, bench.mirror).etat == "à jour"
    assert bench.stored() == bench.before


@pytest.mark.parametrize("name", ["dila", "ccas_92_hauts_de_seine", "cog", "contours"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_a_file_cut_short(bench, said, name, share):
    """Formats that say where they end; a CSV does not: see the next test, and the bounds."""
    bench = bench(name)
    good = bench.file.read_bytes()
    bench.file.write_bytes(good[: int(len(good) * share)])
    bench.keeps_the_last_good(said, "")
    assert bench.stored() == bench.before


def test_a_csv_cut_inside_a_cell(bench, said):
    bench = bench("france_services")
    good = bench.file.read_bytes()
    bench.file.write_bytes(good[: good.rindex(b'";"')])
    bench.keeps_the_last_good(said, "each quote closed")


# --- archives -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["../../data.gouv_local.json", "/etc/data.gouv_local.json", "a/../../data.gouv_local.json"]
)
def test_an_archive_that_climbs_out_writes_nothing(bench, tmp_path, name):
    bench = bench("dila")
    _, services = local_json(bench.file)
    bench.file.write_bytes(tar_of((name, services)))
    before = sorted(tmp_path.parent.rglob("data.gouv_local.json"))
    state = bench(bench.spec, bench.mirror)
    # Members are read in place, never unpacked: such a name is either refused or harmless.
    assert state.etat in {"à jour", "dernière bonne version"}
    assert sorted(tmp_path.parent.rglob("data.gouv_local.json")) == before


def test_an_archive_bomb(bench, said):
    bench = bench("dila")
    bomb = bz2.compress(tar_of(("data.gouv_local.json", b'{"service": [' + b" " * 8_000_000), mode="w"))
    bench.file.write_bytes(bomb)
    assert len(bomb) < 10_000
    spec = bench.with_resource(max_unpacked_mb=2)
    bench.keeps_the_last_good(said, "unpack", spec=spec)


def test_a_packed_bomb(bench, said):
    bench = bench("contours")
    bench.file.write_bytes(gzip.compress(b'{"type": "FeatureCollection", "features": [' + b" " * 20_000_000))
    bench.keeps_the_last_good(said, "", spec=bench.with_resource(max_unpacked_mb=1))


def test_an_archive_without_the_file(bench, said):
    bench = bench("dila")
    bench.file.write_bytes(tar_of(("lisez-moi.txt", b"ailleurs")))
    bench.keeps_the_last_good(said, "data.gouv_local.json")


ENTITIES = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">
<!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;"><!ENTITY file SYSTEM "file:///etc/passwd">]>
<Service><Organisme id="a-01004-01" codeInsee="01004" dateMiseAJour="2017-09-11" pivotLocal="mairie">
<Nom>%s</Nom><Adresse/></Organisme></Service>"""


@pytest.mark.parametrize("use", [b"&lol2;", b"&file;", b"rien"])
@pytest.mark.parametrize("packed", [True, False])
def test_xml_with_entities(bench, said, use, packed):
    bench = bench("dila")
    text = ENTITIES % use
    bench.file.write_bytes(tar_of(("organismes/01/a-01004-01.xml", text)) if packed else text)
    state = bench.keeps_the_last_good(said, "")
    assert "root:" not in state.refus
    assert "lollollol" not in state.refus


# --- columns ------------------------------------------------------------------------------------------------------


def test_a_renamed_column_is_named_with_what_could_replace_it(bench, said):
    bench = bench("france_services")
    bench.file.write_bytes(bench.file.read_bytes().replace(b'"insee_com"', b'"code_commune"', 1))
    state = bench.keeps_the_last_good(said, "insee_com")
    assert "code_commune" in state.refus
    assert "update columns" in state.refus


def test_a_missing_column(bench, said):
    bench = bench("caf")
    header, _, rows = bench.file.read_bytes().partition(b"\n")
    bench.file.write_bytes(header.replace(b";TOPACCPH", b"").replace(b"TOPACCPH;", b"") + b"\n" + rows)
    bench.keeps_the_last_good(said, "TOPACCPH")


def test_a_field_that_no_service_has_any_more(bench, said):
    bench = bench("dila")
    name, services = local_json(bench.file)
    bench.file.write_bytes(tar_of((name, services.replace(b'"plage_ouverture"', b'"ouvertures"'))))
    state = bench.keeps_the_last_good(said, "plage_ouverture")
    assert "ouvertures" in state.refus


@pytest.mark.parametrize("name", ["france_services", "dila"])
def test_an_extra_column_is_only_an_issue(bench, said, name):
    bench = bench(name)
    if name == "dila":
        member, services = local_json(bench.file)
        listed = json.loads(services)
        listed["service"] = [{**s, "nouveau": "x"} for s in listed["service"]]
        bench.file.write_bytes(tar_of((member, json.dumps(listed).encode())))
    else:
        lines = bench.file.read_text(encoding="utf-8").split("\n")
        # The rows say one cell less than the header, as when a column is added to the header first.
        lines = [lines[0] + ';"nouveau"', *(line + ';"x"' if line.endswith('"') else line for line in lines[1:])]
        bench.file.write_text("\n".join(lines), encoding="utf-8")
    state = bench(bench.spec, bench.mirror)
    assert (state.etat, state.refus) == ("à jour", None)
    issues = bench.tables.read(f"raw__{name}_issues")
    assert ("nouveau", "colonne-inconnue") in issues.select("colonne", "regle").rows()
    assert said.notes == []


def test_a_hostile_header_does_not_drive_the_terminal(bench, said):
    bench = bench("caf")
    rows = bench.file.read_bytes().partition(b"\n")[2]
    bench.file.write_bytes(b"\x1b[2J\x1b]0;pwned\x07" + b";".join(b"c%d" % i for i in range(5000)) + b"\n" + rows)
    state = bench.keeps_the_last_good(said, "unknown column")
    assert "\x1b" not in state.refus
    assert "\x07" not in "".join(said.notes)
    assert len(state.refus) < 10_000


# --- servers ------------------------------------------------------------------------------------------------------


def ask(bench, said, url, because, **changes):
    return bench.keeps_the_last_good(said, because, spec=bench.with_resource(url=url, **changes), mirror=None)


def test_a_server_that_is_down(bench, said, server):
    bench = bench("caf")
    url = server.url + "/f"
    server.close()
    ask(bench, said, url, "a failed connection")


@pytest.mark.parametrize(
    ("status", "because"), [(404, "HTTP 404"), (403, "HTTP 403"), (500, "HTTP 500"), (503, "HTTP 503")]
)
def test_a_server_that_answers_with_an_error(bench, said, server, status, because):
    bench = bench("caf")
    ask(bench, said, server.serve("/f", b"sorry", status=status), because)


def test_a_server_that_stays_silent(bench, said, server):
    bench = bench("caf")
    server.routes["/f"] = lambda _: server.stopping.wait(5)
    ask(bench, said, server.url + "/f", "nothing received for 0.4 s")


def test_a_server_that_drips(bench, said, server):
    bench = bench("caf")

    def drip(handler):
        handler.send_response_only(200)
        handler.end_headers()
        for _ in range(50):
            handler.wfile.write(b"NUMCOMSI")
            handler.wfile.flush()
            if server.stopping.wait(0.1):
                return

    server.routes["/f"] = drip
    ask(bench, said, server.url + "/f", "bytes/s over 0.5 s")


def test_a_body_shorter_than_announced(bench, said, server):
    bench = bench("france_services")
    body = bench.file.read_bytes()
    url = server.serve("/f", body[: body.rindex(b"\n", 0, -1) + 1], Content_Length=str(len(body)))
    ask(bench, said, url, "cut short")


@pytest.mark.parametrize(("kind", "because"), [("text/html; charset=utf-8", "web page"), ("image/png", "'image/png'")])
def test_a_type_that_is_not_the_declared_one(bench, said, server, kind, because):
    bench = bench("caf")
    url = server.serve("/f", bench.file.read_bytes(), Content_Type=kind)
    ask(bench, said, url, because, content_types=("text/csv",))


@pytest.mark.parametrize("declared", [True, False])
def test_a_file_larger_than_declared_possible(bench, said, server, declared):
    bench = bench("caf")
    url = server.serve("/f", bytes(1_200_000), declare=declared)
    ask(bench, said, url, "at most 1000000 bytes", max_mb=1)


def test_a_login_page_after_a_redirection(bench, said, server):
    bench = bench("caf")
    server.serve("/login", PAGE, Content_Type="text/html")
    url = server.serve("/f", b"", status=302, Location=server.url + "/login")
    ask(bench, said, url, "/login")


def test_a_good_server_is_asked_only_for_news(bench, said, server):
    bench = bench("caf")
    body = bench.file.read_bytes()

    def answer(handler):
        if handler.headers.get("If-None-Match") == '"v1"':
            server.send(handler, status=304, declare=False)
        else:
            server.send(handler, body, ETag='"v1"', Last_Modified="Wed, 21 Oct 2015 07:28:00 GMT")

    server.routes["/f"] = answer
    spec = bench.with_resource(url=server.url + "/f")
    assert bench(spec, None).etat == bench(spec, None).etat == "à jour"
    assert [h.get("If-None-Match") for _, h in server.asked] == [None, '"v1"']
    assert said.notes == []
