"""A release in a bucket of a local S3 server: never other bytes under a version, the pointer last, resumable."""

import json
from datetime import date

import pytest

from outputs.publish.bucket import Bucket, BucketPublication, content_type
from outputs.publish.faults import Patience, TargetRefused, TargetUnreachable
from outputs.publish.presentation import About
from pipeline.foundations.errors import QualityRefused, WrongUse
from tests.publication import V1, V2, contract, make_release

SECRET = "a-secret-that-nobody-may-see"
QUICK = Patience(connect=1, read=5, attempts=2)


@pytest.fixture(scope="module")
def service():
    """An S3 server on this machine."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(service, monkeypatch, request):
    """An empty bucket, and credentials in the environment."""
    import s3fs

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    name = f"b-{abs(hash(request.node.nodeid))}"
    s3fs.S3FileSystem(endpoint_url=service, skip_instance_cache=True).mkdir(name)
    return Bucket.parse(f"s3://{name}/csp/", service)


@pytest.fixture
def store(service, bucket):  # noqa: ARG001 (made with its credentials)
    import s3fs

    return s3fs.S3FileSystem(endpoint_url=service, skip_instance_cache=True, use_listings_cache=False)


@pytest.fixture
def releases(tmp_path):
    """Two releases of few files."""
    left_out = ("interne/inconnu.bin", "qualite/data_docs/index.html", "qualite/data_docs/regles/a.html")
    left_out += ("qualite/issues.csv", "metadonnees/dictionnaire.md", "csv/implantations.schema.json")
    for version in (V1, V2):
        make_release(tmp_path, version, contracts=(contract("territories__communes"),), files=dict.fromkeys(left_out))
    return tmp_path


def publication(bucket, releases, version):
    day = date(2026, 11, 1)
    about = About(version, False, day, day, ("05",), (), (), "accepté", {}, ())
    return BucketPublication(bucket, releases / version, about, QUICK)


def publish(bucket, releases, version, **more):
    one = publication(bucket, releases, version)
    return one.run(one.survey(), **more)


def pointer(store, bucket):
    return json.loads(store.cat_file(bucket.path("latest.json")))


@pytest.mark.lent
def test_the_whole_release_is_there_and_the_pointer_leads_to_it(bucket, store, releases):
    sent = publish(bucket, releases, V1)
    files = {p.relative_to(releases / V1).as_posix(): p for p in (releases / V1).rglob("*") if p.is_file()}
    assert sent == len(files)
    for name, path in files.items():
        assert store.cat_file(bucket.path("versions", V1, name)) == path.read_bytes()
    told = pointer(store, bucket)
    assert (told["version"], told["chemin"]) == (V1, f"versions/{V1}/")


@pytest.mark.lent
def test_files_have_their_types_and_caches(bucket, store, releases):
    publish(bucket, releases, V1)

    def head(*names):
        key = bucket.path(*names).removeprefix(f"{bucket.name}/")
        return store.call_s3("head_object", Bucket=bucket.name, Key=key)

    table = head("versions", V1, "csv/communes.csv")
    assert table["ContentType"] == "text/csv; charset=utf-8"
    assert "immutable" in table["CacheControl"]
    assert head("versions", V1, "geoparquet/communes.parquet")["ContentType"] == "application/vnd.apache.parquet"
    assert head("latest.json")["CacheControl"] == "no-cache"
    assert content_type("SHA256SUMS").startswith("text/plain")
    assert content_type("x.unknown") == "application/octet-stream"


@pytest.mark.lent
def test_again_sends_nothing(bucket, releases):
    publish(bucket, releases, V1)
    assert publish(bucket, releases, V1) == 0


@pytest.mark.lent
def test_versions_stay_side_by_side(bucket, store, releases):
    publish(bucket, releases, V1)
    publish(bucket, releases, V2)
    assert store.cat_file(bucket.path("versions", V1, "NOTES.md")) == b"# Version 2026.09.01\n"
    assert pointer(store, bucket)["version"] == V2
    assert publication(bucket, releases, V1).current() == V2


@pytest.mark.lent
def test_other_bytes_under_the_same_version_are_never_overwritten(bucket, store, releases):
    publish(bucket, releases, V1)
    for content in (b"# Version 2026.09.02\n", b"longer than before\n\n\n\n"):
        (releases / V1 / "NOTES.md").write_bytes(content)
        with pytest.raises(QualityRefused, match="a version never changes"):
            publish(bucket, releases, V1)
    assert store.cat_file(bucket.path("versions", V1, "NOTES.md")) == b"# Version 2026.09.01\n"


@pytest.mark.lent
def test_an_object_put_by_another_tool_is_judged_by_its_bytes(bucket, store, releases):
    store.pipe_file(bucket.path("versions", V1, "NOTES.md"), b"# Version 2026.09.01\n")
    one = publication(bucket, releases, V1)
    items = one.survey()
    assert {i.path for i in items if i.state == "présent"} == {"NOTES.md"}
    assert one.run(items) == len(items) - 1


@pytest.mark.lent
def test_bytes_changed_on_the_way_are_seen_and_the_pointer_does_not_move(bucket, store, releases):
    publish(bucket, releases, V1)
    one = publication(bucket, releases, V2)
    items = one.survey()
    (releases / V2 / "NOTES.md").write_bytes(b"changed after it was measured")
    with pytest.raises(QualityRefused, match="the bytes of the release"):
        one.run(items)
    assert pointer(store, bucket)["version"] == V1


@pytest.mark.lent
def test_stopped_half_way_it_goes_on(bucket, store, releases, monkeypatch):
    one = publication(bucket, releases, V1)
    items, put = one.survey(), BucketPublication._put

    def stop(self, item, *rest):
        if item.path == "csv/communes.csv":
            raise KeyboardInterrupt
        put(self, item, *rest)

    monkeypatch.setattr(BucketPublication, "_put", stop)
    with pytest.raises(KeyboardInterrupt):
        one.run(items)
    monkeypatch.undo()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    there = len(store.find(bucket.path("versions", V1)))
    assert not store.exists(bucket.path("latest.json"))
    assert publish(bucket, releases, V1) == len(items) - there
    assert pointer(store, bucket)["version"] == V1


@pytest.mark.lent
def test_what_says_that_a_version_is_whole_is_sent_last(bucket, releases):
    items = publication(bucket, releases, V1).survey()
    assert [i.path for i in items[-2:]] == ["manifest.json", "SHA256SUMS"]


@pytest.mark.lent
def test_copies_of_the_current_version(bucket, store, releases):
    publish(bucket, releases, V1, copies=True)
    (releases / V2 / "carte/apercu.png").unlink()
    publish(bucket, releases, V2, copies=True)
    held = {p.removeprefix(bucket.path("latest") + "/") for p in store.find(bucket.path("latest"))}
    assert held == {p.relative_to(releases / V2).as_posix() for p in (releases / V2).rglob("*") if p.is_file()}
    assert store.cat_file(bucket.path("latest", "NOTES.md")) == b"# Version 2026.10.01\n"


@pytest.mark.lent
def test_a_large_file_goes_in_parts(bucket, store, releases, monkeypatch):
    monkeypatch.setattr("outputs.publish.bucket._PIECE", 5 << 20)
    content = b"0123456789abcdef" * (1 << 20)  # 16 MB
    (releases / V1 / "carto-services-publics.gpkg").write_bytes(content)
    publish(bucket, releases, V1)
    assert store.cat_file(bucket.path("versions", V1, "carto-services-publics.gpkg")) == content


@pytest.mark.lent
def test_a_pointer_that_cannot_be_read_is_none(bucket, store, releases):
    one = publication(bucket, releases, V1)
    assert one.current() is None
    store.pipe_file(bucket.path("latest.json"), b"[]")
    assert one.current() is None


@pytest.mark.usefixtures("bucket")
@pytest.mark.lent
def test_a_bucket_that_is_not_there(service, releases):
    absent = Bucket.parse("s3://nobody-made-it/x", service)
    with pytest.raises(TargetRefused) as caught:
        publish(absent, releases, V1)
    assert caught.value.exit_code == 2


@pytest.mark.lent
def test_no_credentials(bucket, releases, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(TargetRefused, match="AWS_ACCESS_KEY_ID"):
        publish(bucket, releases, V1)


@pytest.mark.usefixtures("bucket")
@pytest.mark.lent
def test_nobody_answers(releases):
    away = Bucket.parse("s3://b/x", "http://127.0.0.1:9")
    with pytest.raises(TargetUnreachable) as caught:
        publish(away, releases, V1)
    assert caught.value.exit_code == 3
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("bad", ["s3://", "s3://key:secret@bucket/x", "s3://bucket?x=1", "https://bucket/x"])
def test_an_address_of_another_form(bad):
    with pytest.raises(WrongUse) as caught:
        Bucket.parse(bad, None)
    assert "secret@" not in str(caught.value)


def test_a_service_without_https_elsewhere():
    with pytest.raises(WrongUse, match="https"):
        Bucket.parse("s3://bucket/x", "http://s3.example.org")


def test_only_this_machine_is_for_trials():
    assert Bucket.parse("s3://b/x", "http://localhost:9000").trial
    assert not Bucket.parse("s3://b/x", "https://s3.example.org").trial
    assert not Bucket.parse("s3://b/x", None).trial
