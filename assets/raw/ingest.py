"""One source: ask upstream, read what came, keep the last good version when what came cannot be used.

A snapshot becomes current only after its reader has accepted it. What happened is a `SourceState`, stored beside the
snapshots: the release says from it how old each source is. The shape of files is the readers' business.
"""

import os
from collections.abc import Mapping
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Literal

import polars as pl
from pydantic import BaseModel, ConfigDict

from pipeline.foundations.errors import SourceUnreadable
from pipeline.foundations.issues import concat_issues
from pipeline.foundations.progress import reporter
from pipeline.foundations.snapshots import Candidate, Snapshot, SnapshotStore
from pipeline.foundations.tables import TableStore
from sources.reading import ReadResult
from sources.registry import all_sources, reader_of
from sources.spec import SourceSpec

#: à jour: upstream was asked and its version is the one used. gelée: upstream was not asked (`--frozen`).
#: dernière bonne version: what upstream gave (or did not give) cannot be used. absente: there is no version at all.
Status = Literal["à jour", "gelée", "dernière bonne version", "absente"]


class UsedFile(BaseModel):
    """The snapshot a run used for one resource of a source."""

    model_config = ConfigDict(frozen=True)

    ressource: str
    url: str
    url_finale: str
    sha256: str
    octets: int
    date_telechargement: datetime
    date_fichier: datetime  # Last-Modified when these bytes first came, when the server gave one, else the download


class SourceState(BaseModel):
    """What became of one source in the last run. `refus` says why a new version was not used."""

    model_config = ConfigDict(frozen=True)

    id: str
    etat: Status
    refus: str | None = None
    sous_minimum: int | None = None  # usable rows of a refused version below the declared minimum
    fichiers: tuple[UsedFile, ...] = ()
    lignes_lues: int | None = None
    lignes_utilisables: int | None = None
    generation: str | None = None
    millesime: str | None = None

    @property
    def empreinte(self) -> str:
        """What identifies the bytes used: the sha256 of each file, in the order of the resources."""
        return "+".join(f.sha256 for f in self.fichiers)

    @property
    def date_fichier(self) -> datetime | None:
        """Date of the oldest file used."""
        return min((f.date_fichier for f in self.fichiers), default=None)


def table_names(spec: SourceSpec) -> dict[str, str]:
    """Reader's table name -> stored table name: `raw__dila` for a counter feed, `raw__cog_communes`… for references."""
    if spec.kind == "counters":
        return {"records": f"raw__{spec.id}"}
    return {name: f"raw__{spec.id}_{name}" for name in spec.tables}


def issues_table(spec: SourceSpec) -> str:
    """Stored table of the issues the reader met."""
    return f"raw__{spec.id}_issues"


def ingest(
    spec: SourceSpec,
    *,
    snapshots: SnapshotStore,
    tables: TableStore,
    mirror: Path | None = None,
    frozen: bool = False,
) -> SourceState:
    """Bring one source up to date: snapshots, then its tables, then its stored state.

    Args:
        mirror: read `mirror/<host>/<path>` instead of the network.
        frozen: do not ask upstream, use the last good snapshots.

    Raises:
        SourceUnreadable: the source is `required` and no good version of it exists.
    """
    faults: list[str] = []
    current = {r.id: _last_good(snapshots, spec.id, r.id, faults) for r in spec.resources}
    candidates: dict[str, Candidate] = {}
    below: int | None = None
    if not frozen and not spec.imported:
        for resource in spec.resources:
            reporter().step(f"{spec.id} : {resource.filename}")
            try:
                candidates[resource.id] = snapshots.fetch(
                    spec.id, resource, mirror=mirror, on_progress=reporter().advance
                )
            except SourceUnreadable as fault:
                faults.append(str(fault))
    new = {name: c for name, c in candidates.items() if c.status == "new"}
    current |= {name: c.snapshot for name, c in candidates.items() if c.status == "unchanged"}
    result: ReadResult | None = None
    if new:
        try:
            result = read_files(spec, {**_paths(current), **{name: c.snapshot.path for name, c in new.items()}})
            usable = _usable(spec, result)
            if usable < spec.bounds.min:
                below, result = usable, None
                raise SourceUnreadable(
                    f"source {spec.id}",
                    expected=f"at least {spec.bounds.min} usable rows (bounds.min)",
                    found=f"{usable}",
                    remedy="look at the refused snapshot; if the drop is real, lower bounds.min and say why",
                )
            for name, candidate in new.items():
                current[name] = snapshots.accept(candidate)
        except SourceUnreadable as fault:
            faults.append(str(fault))
            for candidate in new.values():
                snapshots.refuse(candidate, str(fault))
    state = _settle(spec, current, tables, result, faults=faults, below=below, frozen=frozen)
    if frozen:
        state = _still_refused(state, read_state(snapshots.root, spec.id))
    _write_state(snapshots.root / spec.id / "etat.json", state)
    if state.etat == "absente" and not spec.required and (faults or not spec.imported):
        reporter().note(f"{spec.id} : absente, continue sans elle ({_reasons(faults)})")
    else:
        for text in faults:
            reporter().note(f"{spec.id} ({state.etat}) : {text}")
    if state.etat == "absente" and spec.required:
        raise SourceUnreadable(
            f"source {spec.id}",
            expected="a version of this source: a build cannot start without it",
            found="; ".join(faults) or "no snapshot yet",
            remedy="check the address in its source.yml, the network, or give --mirror a folder that holds it",
        )
    return state


def read_state(snapshots_root: Path, source_id: str) -> SourceState:
    """The state stored by the last run of `ingest`; `absente` when there was none."""
    path = snapshots_root / source_id / "etat.json"
    if not path.is_file():
        return SourceState(id=source_id, etat="absente")
    return SourceState.model_validate_json(path.read_text(encoding="utf-8"))


def feeds_in_use(snapshots_root: Path) -> dict[str, tuple[SourceSpec, SourceState]]:
    """Feeds of counters that have a usable version, by id."""
    feeds = [spec for spec in all_sources().values() if spec.kind == "counters"]
    states = {spec.id: (spec, read_state(snapshots_root, spec.id)) for spec in feeds}
    return {name: (spec, state) for name, (spec, state) in states.items() if state.etat != "absente"}


def date_of_feeds(snapshots_root: Path) -> date:
    """The date the counters are of: when the newest file of a feed in use was downloaded."""
    states = [state for _, state in feeds_in_use(snapshots_root).values()]
    return max(f.date_telechargement for state in states for f in state.fichiers).date()


def _still_refused(state: SourceState, before: SourceState) -> SourceState:
    """A frozen state, with what was held against upstream's version when upstream was last asked.

    Not asking again must not be a way around a refusal: it is lifted by a better file, or by an acceptance.
    """
    if state.etat != "gelée" or before.refus is None or before.empreinte != state.empreinte:
        return state
    return state.model_copy(update={"refus": before.refus, "sous_minimum": before.sous_minimum})


def _last_good(snapshots: SnapshotStore, source_id: str, resource_id: str, faults: list[str]) -> Snapshot | None:
    try:
        return snapshots.current(source_id, resource_id)
    except SourceUnreadable as fault:
        faults.append(str(fault))
        return None


def _reasons(faults: list[str]) -> str:
    """What was found, once each: enough for a feed a build can do without."""
    found = (text.partition("; found ")[2].partition(". Remedy:")[0] or text for text in faults)
    return " ; ".join(dict.fromkeys(found)) or "jamais obtenue"


def _paths(current: Mapping[str, Snapshot | None]) -> dict[str, Path]:
    return {name: snapshot.path for name, snapshot in current.items() if snapshot is not None}


def read_files(spec: SourceSpec, files: Mapping[str, Path]) -> ReadResult:
    """What the reader of a source makes of these files, by resource id.

    Raises:
        SourceUnreadable: a resource that is not optional is missing, or the reader refuses or stumbles.
    """
    missing = [r.id for r in spec.resources if r.id not in files and not r.optional]
    if missing:
        raise SourceUnreadable(
            f"source {spec.id}",
            expected="every resource of the source",
            found=f"no version of {', '.join(missing)}",
            remedy="fetch the source again when its server answers",
        )
    try:
        return reader_of(spec)(files, spec)
    except SourceUnreadable:
        raise
    except Exception as error:
        # A reader that stumbles on bytes nobody foresaw must cost this source its refresh, not the whole run.
        raise SourceUnreadable(
            f"source {spec.id}",
            expected="a file its reader understands",
            found=f"{type(error).__name__}: {error}",
            remedy="look at the refused snapshot, then mend the reader",
        ) from error


def _usable(spec: SourceSpec, result: ReadResult) -> int:
    return result.tables[next(iter(table_names(spec)))].height


def _settle(
    spec: SourceSpec,
    current: Mapping[str, Snapshot | None],
    tables: TableStore,
    result: ReadResult | None,
    *,
    faults: list[str],
    below: int | None,
    frozen: bool,
) -> SourceState:
    """Make sure the tables are those of the current snapshots, and say what is used.

    `result` is what the reader just made of them, when it had to be asked. What goes wrong here is added to `faults`.
    """
    absent = SourceState(id=spec.id, etat="absente", refus=" ; ".join(faults) or None, sous_minimum=below)
    if any(current[r.id] is None for r in spec.resources if not r.optional) or not any(current.values()):
        return absent
    read = [result] if result else []

    def compute() -> dict[str, pl.DataFrame]:
        if not read:
            reporter().step(f"{spec.id} : lecture")
            read.append(read_files(spec, _paths(current)))
        frames = {stored: read[0].tables[name] for name, stored in table_names(spec).items()}
        return {**frames, issues_table(spec): concat_issues([read[0].issues])}

    def facts() -> dict[str, object]:
        return {
            "lignes_lues": read[0].read,
            "lignes_utilisables": _usable(spec, read[0]),
            "generation": read[0].generation,
            "millesime": read[0].millesime or spec.millesime,
        }

    try:
        made = tables.make(
            [*table_names(spec).values(), issues_table(spec)],
            inputs={name: s.sha256 for name, s in current.items() if s is not None},
            parameters=spec.model_dump(mode="json"),
            compute=compute,
            facts=facts,
        )
    except SourceUnreadable as fault:
        # The code changed and no longer reads the snapshot it once accepted.
        faults.append(str(fault))
        return absent.model_copy(update={"refus": " ; ".join(faults)})
    known = made[issues_table(spec)][0].facts
    return SourceState(
        id=spec.id,
        etat="dernière bonne version" if faults else "gelée" if frozen else "à jour",
        refus=absent.refus,
        sous_minimum=below,
        fichiers=tuple(_used(s) for s in current.values() if s is not None),
        **known,
    )


def _used(snapshot: Snapshot) -> UsedFile:
    return UsedFile(
        ressource=snapshot.resource,
        url=snapshot.url,
        url_finale=snapshot.final_url,
        sha256=snapshot.sha256,
        octets=snapshot.size,
        date_telechargement=snapshot.fetched_at,
        date_fichier=_http_date(snapshot.dated) or snapshot.fetched_at,
    )


def _http_date(text: str | None) -> datetime | None:
    """`Last-Modified` as a moment; None when the server gave none, or not a date."""
    try:
        return parsedate_to_datetime(text).astimezone(UTC) if text else None
    except ValueError:
        return None


def _write_state(path: Path, state: SourceState) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".etat.{os.getpid()}.tmp")
    temporary.write_text(state.model_dump_json(indent=1), encoding="utf-8")
    temporary.replace(path)
