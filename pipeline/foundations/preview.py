"""A few rows of a table as Markdown, for people who watch a run."""

import polars as pl


def preview(frame: pl.DataFrame, rows: int = 5, width: int = 40) -> str:
    """The first rows as a Markdown table; long values are cut, binary and personal-looking columns are left out."""
    kept = [c for c, t in frame.schema.items() if t not in (pl.Binary(),) and c not in {"courriel"}]
    head = frame.select(kept).head(rows)
    lines = ["| " + " | ".join(kept) + " |", "|" + " --- |" * len(kept)]
    for row in head.iter_rows():
        cells = ("" if v is None else str(v).replace("|", "\\|").replace("\n", " ") for v in row)
        lines.append("| " + " | ".join(c if len(c) <= width else c[: width - 1] + "…" for c in cells) + " |")
    return "\n".join(lines)
