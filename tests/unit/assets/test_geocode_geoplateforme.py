"""The geocoding service, as a local server plays it: batches, faults, answers kept, answers judged."""

import csv
import io
import threading
from datetime import date
from email.parser import BytesParser
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import polars as pl
import pytest

from assets.referentiel.geocode.answers import ANSWER_SCHEMA
from assets.referentiel.geocode.geoplateforme import AnswerStore, answers, ask
from assets.referentiel.geocode.settings import settings
from pipeline.foundations.errors import SourceUnreadable, WrongUse
from pipeline.foundations.paths import DataRoot
from pipeline.foundations.workspace import Workspace

DAY = date(2026, 3, 1)
DISTRICTS = {"75120": "75056"}


class _Service(ThreadingHTTPServer):
    """Answers every address with `reply`; `faults` are the statuses of the first requests."""

    def __init__(self):
        self.batches, self.fields, self.faults, self.body = [], [], [], None
        self.reply = {}
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/geocodage/search/csv"


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        service = self.server
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if service.faults and (status := service.faults.pop(0)) != 200:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        parts = list(BytesParser(policy=default).parsebytes(head + data).iter_parts())
        named = [
            (p.get_param("name", header="content-disposition"), p.get_payload(decode=True).decode()) for p in parts
        ]
        rows = list(csv.DictReader(io.StringIO(next(text for name, text in named if name == "data"))))
        service.batches.append(rows)
        service.fields.append([(name, text) for name, text in named if name != "data"])
        out = io.StringIO()
        result = [f"result_{n}" for n in ("score", "type", "label", "id", "citycode", "status")]
        writer = csv.DictWriter(out, [*rows[0], "longitude", "latitude", *result])
        writer.writeheader()
        for row in rows:
            writer.writerow({**row, **service.reply(row)})
        body = service.body or out.getvalue().encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/csv")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _reply(row, **values):
    return {
        "longitude": "6.08",
        "latitude": "44.56",
        "result_score": "0.95",
        "result_type": "housenumber",
        "result_label": "12 Rue des Jardins 05000 Gap",
        "result_id": "05061_0210_00012",
        "result_citycode": row["citycode"],
        "result_status": "ok",
        **values,
    }


@pytest.fixture
def service():
    server = _Service()
    server.reply = _reply
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def rules(service):
    return settings().geoplateforme.model_copy(update={"url": service.url, "lot": 2, "essais": 2, "delai_s": 5.0})


@pytest.fixture
def store(tmp_path):
    return AnswerStore(tmp_path / "geocodage" / "reponses.jsonl")


def _wanted(*addresses):
    rows = [(code, address, "Gap") for code, address in addresses]
    return pl.DataFrame(rows, schema=dict.fromkeys(("code_lieu", "cle_adresse", "commune"), pl.String), orient="row")


THREE = _wanted(("05061", "12 rue des jardins"), ("05061", "13 rue des jardins"), ("05170", "1 rue haute"))


def _ask(wanted, store, rules, pauses=None):
    sleep = (lambda _: None) if pauses is None else pauses.append
    return ask(wanted, store, rules, today=DAY, districts=DISTRICTS, sleep=sleep)


def test_addresses_are_asked_by_batches_within_their_commune(service, rules, store):
    pauses = []
    assert _ask(THREE, store, rules, pauses) == 3
    assert [[row["adresse"] for row in batch] for batch in service.batches] == [
        ["12 rue des jardins Gap", "13 rue des jardins Gap"],
        ["1 rue haute Gap"],
    ]
    assert service.batches[0][0]["citycode"] == "05061"
    assert ("citycode", "citycode") in service.fields[0]
    assert ("index", "address") in service.fields[0]
    assert pauses == [rules.pause_s]


def test_what_is_held_is_never_asked_again(service, rules, store):
    _ask(THREE.head(2), store, rules)
    digest = store.digest()
    assert _ask(THREE.head(2), store, rules) == 0
    assert store.digest() == digest
    assert _ask(THREE, store, rules) == 1
    assert len(service.batches) == 2


def test_a_service_that_stumbles_is_asked_again(service, rules, store):
    service.faults = [429]
    assert _ask(THREE.head(2), store, rules) == 2


def test_a_service_that_falls_leaves_what_was_answered(service, rules, store):
    service.faults = [200, 503, 503, 503]
    with pytest.raises(SourceUnreadable, match="HTTP 503"):
        _ask(THREE, store, rules)
    assert len(store.lines()) == 2
    assert _ask(THREE, store, rules) == 1


def test_an_answer_cut_by_a_crash_is_asked_again(rules, store):
    _ask(THREE.head(2), store, rules)
    store.path.write_bytes(store.path.read_bytes()[:-20])
    assert _ask(THREE.head(2), store, rules) == 1
    assert len(store.lines()) == 2


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html>maintenance</html>", "expected column"),
        (
            b"cle,longitude,latitude,result_score\n0,6,44,0.9\n",
            "one row for each of the 2 addresses sent; found 1 rows",
        ),
        (b"cle,longitude,latitude,result_score\n0,6,44,0.9\n0,6,44,0.9\n", "one row for each of the 2"),
        (b"cle,longitude,latitude,result_score\n0,6,44,0.9\n7,6,44,0.9\n", "one row for each of the 2"),
        (b"\xff\xfe\x00", "UTF-8"),
    ],
)
def test_an_answer_of_another_shape_is_refused(service, rules, store, body, message):
    service.body = body
    with pytest.raises(SourceUnreadable, match=message):
        _ask(THREE.head(2), store, rules)
    assert store.lines() == {}


def test_a_huge_answer_is_refused(rules, store):
    with pytest.raises(SourceUnreadable, match="at most 50 bytes"):
        _ask(THREE, store, rules.model_copy(update={"octets_max": 50}))


def test_nobody_there(rules, store):
    with pytest.raises(SourceUnreadable, match="expected an answer"):
        _ask(THREE, store, rules.model_copy(update={"url": "http://127.0.0.1:9/x", "essais": 1}))


@pytest.mark.parametrize(
    ("code", "values", "method", "reason"),
    [
        ("05061", {}, "Géoplateforme numéro", None),
        ("05061", {"result_type": "street"}, "Géoplateforme voie", None),
        ("05061", {"result_type": "municipality"}, None, "réponse trop vague (municipality)"),
        ("05061", {"result_type": "locality"}, None, "réponse trop vague (locality)"),
        ("05061", {"result_score": "0.41"}, None, "score trop bas (0.41)"),
        ("05061", {"result_citycode": "05170"}, None, "autre commune (05170)"),
        ("05061", {"result_score": "", "longitude": "", "latitude": ""}, None, "adresse inconnue du service"),
        ("05061", {"longitude": "nan"}, None, "adresse inconnue du service"),
        ("05061", {"longitude": "1e9"}, None, "adresse inconnue du service"),
        ("75056", {"result_citycode": "75120"}, "Géoplateforme numéro", None),
        ("75120", {"result_citycode": "75120"}, "Géoplateforme numéro", None),
        ("75120", {"result_citycode": "75056"}, None, "autre commune (75056)"),
    ],
)
def test_an_answer_is_judged(service, rules, store, code, values, method, reason):
    service.reply = lambda row: _reply(row, **values)
    wanted = _wanted((code, "12 rue des jardins"))
    _ask(wanted, store, rules)
    assert service.batches[0][0]["citycode"] == ("" if code == "75056" else code)
    frame = answers(wanted, store, rules, DISTRICTS)
    assert frame.schema == ANSWER_SCHEMA
    row = frame.row(0, named=True)
    assert (row["geocodage_methode"], row["motif"]) == (method, reason)
    assert (row["longitude"] is None) == (method is None)
    assert row["geocodage_date"] == DAY
    assert (row["id_ban"] is not None) == (method == "Géoplateforme numéro")


def test_a_threshold_changed_later_judges_the_answers_held_anew(rules, store):
    _ask(THREE, store, rules)
    strict = rules.model_copy(update={"score_min": 0.99})
    assert answers(THREE, store, rules, DISTRICTS)["longitude"].null_count() == 0
    assert answers(THREE, store, strict, DISTRICTS)["longitude"].null_count() == 3
    assert answers(_wanted(("05061", "9 rue jamais demandee")), store, rules, DISTRICTS).is_empty()


@pytest.mark.parametrize("offline", ["mirror", "frozen"])
def test_an_offline_run_never_asks(tmp_path, offline):
    options = {"mirror": tmp_path} if offline == "mirror" else {"frozen": True}
    with pytest.raises(WrongUse, match=f"found --{offline}"):
        Workspace(DataRoot(tmp_path), geocode=True, **options)
