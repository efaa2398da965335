"""The main job, from feeds to release: whole France from the real mirror, again with nothing new, again with one feed
changed, and the demo."""

import shutil
import tempfile
from pathlib import Path

from tests.benchmarks.measure import REAL_DATA, csp, row
from tests.real_feeds import lay_out

_FRANCE_SERVICES = "www.data.gouv.fr/fr/datasets/r/31576dff-fd61-4de9-819f-32c2f880b142"


def main() -> None:
    """Print one row per scenario: wall seconds, processor seconds, peak memory in gigabytes, exit code."""
    row("scenario", "seconds", "processor", "peak GB", "exit")
    row("---", "---:", "---:", "---:", "---:")
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        row("demo", *csp("demo", "--data", str(data / "demo")))
        if not REAL_DATA.is_dir():
            print("(real data folder absent: the other scenarios are not run)")
            return
        mirror = data / "mirror"
        shutil.copytree(REAL_DATA / "mirror", mirror)
        build = ("build", "--data", str(data / "france"), "--mirror", str(mirror), "--departements")
        row("whole France, from feeds to release", *csp(*build, "all"))
        row("again, nothing new upstream", *csp(*build, "all"))
        feed = mirror / _FRANCE_SERVICES
        feed.chmod(0o644)
        lines = feed.read_text(encoding="utf-8").splitlines(keepends=True)
        feed.write_text("".join(lines[:-1]), encoding="utf-8")
        row("again, only France services changed", *csp(*build, "all"))
        three = ("build", "--data", str(data / "pilots"), "--mirror", str(mirror), "--departements", "05,36,59")
        row("05, 36 and 59, from feeds to release", *csp(*three))
        every = lay_out(REAL_DATA, data / "every-feed")
        row(
            "whole France, every real feed",
            *csp("build", "--data", str(data / "all"), "--mirror", str(every), "--departements", "all"),
        )
