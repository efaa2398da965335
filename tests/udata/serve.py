"""Start udata on this machine with its data in memory. Run by the interpreter of its own environment, never imported.

Usage: serve.py PORT CONTROL_PORT STATE_FILE. When the server is ready, the state file holds the keys.
A JSON object posted to the control port changes settings of the running server; null puts a setting back.
"""

import json
import os
import sys
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def control(app, port):
    """Settings changed while the server runs."""
    before = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            for name, value in json.loads(self.rfile.read(int(self.headers["Content-Length"]))).items():
                before.setdefault(name, app.config.get(name))
                app.config[name] = before[name] if value is None else value
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def seed(app):
    """People and their keys, licences, one zone."""
    from udata.core.api_token.models import ApiToken
    from udata.core.spatial.models import GeoLevel, GeoZone
    from udata.models import License, datastore

    with app.test_request_context():
        for licence, title in (("notspecified", "Non précisée"), ("lov2", "Licence Ouverte 2.0"), ("odc-odbl", "ODbL")):
            License.objects.create(id=licence, title=title, active=True)
        GeoLevel.objects.create(id="country", name="country", admin_level=10)
        GeoZone.objects.create(id="country:fr", slug="france", name="France", code="fr", level="country")

        def user(name):
            return datastore.create_user(
                first_name=name,
                last_name="Test",
                email=f"{name}@example.org",
                confirmed_at=datetime.now(UTC),
                active=True,
            )

        editor, outsider = user("editor"), user("outsider")
        revoked, revoked_key = ApiToken.generate(editor, name="revoked")
        revoked.revoke()
        _, expired_key = ApiToken.generate(editor, name="expired", expires_at=datetime.now(UTC) - timedelta(days=1))
        keys = {u.first_name: ApiToken.generate(u, name="tests")[1] for u in (editor, outsider)}
        return {**keys, "revoked": revoked_key, "expired": expired_key}


def main():
    """Serve until killed."""
    port, control_port, state = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    os.environ["UDATA_SETTINGS"] = str(Path(__file__).with_name("settings.py"))
    from werkzeug.serving import make_server

    from udata.app import create_app, standalone

    app = standalone(create_app())
    # Without a catalogue the schemas are not known; an empty one answers, as a site's does.
    app.config["SCHEMA_CATALOG_URL"] = None
    keys = seed(app)
    control(app, control_port)
    server = make_server("127.0.0.1", port, app, threaded=True)
    temporary = state.with_suffix(".tmp")
    temporary.write_text(json.dumps(keys))
    temporary.rename(state)
    server.serve_forever()


if __name__ == "__main__":
    main()
