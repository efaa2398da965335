"""A release published on a data.gouv.fr site: what was surveyed is sent, read back, then announced.

The order of the steps is what a reader sees of them: docs/publier.md. Each is remembered, and what was done is not done
again. What a request is belongs to `udata`, what changes to `plan`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from outputs.publish.archive import Archive
from outputs.publish.content import Content
from outputs.publish.multipart import OnSent
from outputs.publish.plan import Step, Wanted, described, differences, schema_of, undescribed
from outputs.publish.readback import check_files, check_words, other_bytes
from outputs.publish.state import Sent
from outputs.publish.survey import Job, Survey
from outputs.publish.udata import IDENTIFIER, VERSION, WITHDRAWN, Dataset, Resource, parts
from pipeline.foundations.progress import reporter


@dataclass
class Outcome:
    """What a publication did."""

    dataset: Dataset
    sent: list[str] = field(default_factory=list)  # parcels whose content, or address, was sent
    kept: list[Path] = field(default_factory=list)  # files of the site downloaded before they were replaced
    removed: list[str] = field(default_factory=list)  # titles of the resources deleted
    ids: dict[str, str | None] = field(default_factory=dict)  # of the resources, by parcel


class Publication:
    """The doing of one survey, in the folder and with the memory of its job."""

    def __init__(self, job: Job, seen: Survey, archive: Archive) -> None:
        self._job, self._seen, self._archive = job, seen, archive
        self._udata, self._plan, self._version = job.udata, seen.plan, job.version
        self._shown = {s.wanted.key: self._version_shown(s) for s in seen.plan.steps}

    def run(self) -> Outcome:
        """Do what was planned, then read everything back.

        Raises:
            TargetUnreachable, TargetRefused: it stopped half-way; what is live was told, and running again goes on.
            QualityRefused: what the site shows is not what was sent.
        """
        try:
            return self._run()
        except BaseException:
            self._tell_what_is_live()
            raise

    def _run(self) -> Outcome:
        state, file = self._job.file.state, self._job.file
        dataset = self._open()
        outcome = Outcome(dataset)
        state.jeu, state.en_cours = dataset.id, self._version
        file.save()
        for resource in self._plan.doubles:
            self._udata.delete_resource(dataset.id, resource.id)
        self._keep(outcome)
        staged = self._stage(dataset.id)
        self._send(dataset, staged, outcome)
        self._withdraw(dataset.id, outcome)
        outcome.ids = {s.wanted.key: state.ressources[s.wanted.key].id for s in self._plan.steps}
        self._order(dataset.id, outcome)
        check_files(self._udata.dataset(dataset.id), self._plan, outcome.ids)
        outcome.dataset = self._announce(dataset.id, outcome)
        there = {r.id for r in outcome.dataset.resources}
        state.ressources = {key: sent for key, sent in state.ressources.items() if sent.id in there}
        state.version, state.en_cours = self._version, None
        file.save()
        return outcome

    # --- before anything moves ----------------------------------------------------------------------------------------

    def _open(self) -> Dataset:
        """The dataset, created hidden when there is none."""
        if self._plan.dataset is not None:
            return self._plan.dataset
        reporter().step("création du jeu de données")
        owner = {"organization": self._job.organisation} if self._job.organisation else {}
        return self._udata.create({**self._seen.metadata, **owner, "private": True}, self._job.mark)

    def _keep(self, outcome: Outcome) -> None:
        """Hold the bytes that are about to go."""
        going: list[tuple[Resource, str | None]] = [
            (s.live, s.wanted.key) for s in self._plan.steps if s.live and s.moves and s.wanted.url is None
        ]
        if self._job.remove_old:
            going += [(r, None) for r in self._plan.withdrawn if r.filetype == "file"]
        if going:
            reporter().step("archive des fichiers à remplacer")
        for resource, key in going:
            if path := self._archive.keep(resource, key):
                outcome.kept.append(path)
                reporter().note(f"{resource.title} : aucune version d’ici n’a ce fichier du site, gardé dans {path}")

    def _stage(self, dataset: str) -> dict[str, str]:
        """Send large files, hidden until their turn: what readers see then changes in a short time."""
        large = [s.wanted for s in self._plan.steps if s.moves and s.wanted.url is None and parts(s.wanted.content) > 1]
        staged = {}
        for n, wanted in enumerate(large, 1):
            reporter().step(f"envoi préalable {n}/{len(large)} : {_name(wanted)}")
            staged[wanted.key] = self._udata.stage(
                dataset, wanted.content, wanted.parcel.name, _progress(wanted.content)
            )
        return staged

    # --- what readers see move ----------------------------------------------------------------------------------------

    def _send(self, dataset: Dataset, staged: Mapping[str, str], outcome: Outcome) -> None:
        """Send and describe each file; table schemas first, since other resources give their address."""
        matched = {s.wanted.key: s.live for s in self._plan.steps if s.live}
        models = {s.wanted.parcel.model for s in self._plan.steps}
        ids = {r.id for r in dataset.resources}
        moving = sum(s.moves for s in self._plan.steps)
        for step in sorted(self._plan.steps, key=lambda s: s.wanted.key not in models):
            wanted = step.wanted
            if step.live is None or step.moves:
                reporter().step(f"envoi {len(outcome.sent) + 1}/{moving} : {_name(wanted)}")
                live = self._move(step, dataset.id, ids, staged.get(wanted.key))
                ids.add(live.id)
                outcome.sent.append(wanted.key)
            else:
                live = step.live
            matched[wanted.key] = live
            self._shown[wanted.key] = self._version
            self._describe(wanted, live, dataset.id, schema_of(wanted, matched))
            self._remember(wanted, live.id)

    def _move(self, step: Step, dataset: str, ids: set[str], staged: str | None) -> Resource:
        wanted, content = step.wanted, step.wanted.content
        if wanted.url is not None:
            return self._point(step, dataset)
        if step.live is None:
            self._remember(wanted, None)
        live = self._udata.upload(
            dataset,
            content,
            wanted.parcel.name,
            replaces=step.live.id if step.live else None,
            known=ids,
            sent=_progress(content),
            staged=staged,
        )
        if live.sha1 != content.sha1:
            raise other_bytes(f"{wanted.key}, as the site received it", content.sha1, str(live.sha1))
        return live

    def _point(self, step: Step, dataset: str) -> Resource:
        """Make a resource lead to the address of the file."""
        wanted, content = step.wanted, step.wanted.content
        address = {
            "url": wanted.url,
            "filetype": "remote",
            "format": wanted.parcel.extension,
            "mime": wanted.parcel.rule.mime or "application/octet-stream",
            "filesize": content.size,
            "checksum": {"type": "sha256", "value": content.sha256},
        }
        words, extras = described(wanted, self._version, None, schemas=False)
        if step.live is not None:
            self._udata.describe(dataset, step.live.id, {**words, **address})
            return step.live
        marks = {name: value for name, value in extras.items() if value is not None}
        return self._udata.create_remote(dataset, {**words, **address, "extras": marks}, wanted.key)

    def _describe(self, wanted: Wanted, live: Resource, dataset: str, schema: str | None) -> None:
        words, extras = described(wanted, self._version, schema, schemas=self._seen.schemas)
        wrong = undescribed(live, words, extras)
        told = any(name in extras for name in wrong)
        if any(name in words for name in wrong):
            # Extras of somebody else would be lost this way: only where there are none.
            marks = {} if live.extras else {"extras": {n: v for n, v in extras.items() if v is not None}}
            self._udata.describe(dataset, live.id, {**words, **marks})
            told = told and not marks
        if told:
            self._udata.resource_extras(dataset, live.id, extras)

    def _withdraw(self, dataset: str, outcome: Outcome) -> None:
        """Delete the resources no longer in the release, or say once that they are no longer updated."""
        for resource in self._plan.withdrawn:
            if self._job.remove_old:
                self._udata.delete_resource(dataset, resource.id)
                outcome.removed.append(resource.title or resource.id)
            elif WITHDRAWN not in resource.extras:
                last = resource.extras.get(VERSION, "précédente")
                note = f"N’est plus mise à jour depuis la version {self._version} : fichier de la version {last}."
                words = {"description": f"{note} {resource.description or ''}".strip()}
                self._udata.describe(dataset, resource.id, words)
                self._udata.resource_extras(dataset, resource.id, {WITHDRAWN: self._version})

    def _order(self, dataset: str, outcome: Outcome) -> None:
        """Ours in the order declared, then the others as they are."""
        there = [r.id for r in self._udata.dataset(dataset).resources]
        wished = list(dict.fromkeys([*(i for i in outcome.ids.values() if i), *there]))
        if wished != there:
            self._udata.reorder(dataset, wished)

    def _announce(self, identifier: str, outcome: Outcome) -> Dataset:
        """Write the metadata of the dataset, show it when it is new, and compare all that can be read back."""
        reporter().step("description du jeu de données et relecture")
        wished = self._seen.metadata
        before = self._udata.dataset(identifier)
        if self._plan.first or differences(wished, before):
            tags = sorted({*wished["tags"], *before.tags})
            private = False if self._plan.first else bool(before.private)
            self._udata.update(identifier, {**wished, "tags": tags, "private": private})
        marks = {IDENTIFIER: self._job.mark, VERSION: self._version}
        if any(before.extras.get(name) != value for name, value in marks.items()):
            self._udata.dataset_extras(identifier, marks)
        after = self._udata.dataset(identifier)
        check_words(after, self._plan, outcome.ids, wished, marks, self._version, schemas=self._seen.schemas)
        return after

    # --- memory -------------------------------------------------------------------------------------------------------

    def _remember(self, wanted: Wanted, identifier: str | None) -> None:
        content = wanted.content
        sent = Sent(id=identifier, sha1=content.sha1, sha256=content.sha256, version=self._version)
        if self._job.file.state.ressources.get(wanted.key) != sent:
            self._job.file.state.ressources[wanted.key] = sent
            self._job.file.save()

    def _version_shown(self, step: Step) -> str | None:
        """The version of the file readers get for now; None when they get none."""
        if step.live is None:
            return None
        return str(step.live.extras.get(VERSION, "inconnue")) if step.moves else self._version

    def _tell_what_is_live(self) -> None:
        say, shown = reporter().note, list(self._shown.values())
        say(
            f"publication de {self._version} interrompue : {shown.count(self._version)} fichiers sur {len(shown)} "
            "sont en place sur le site"
        )
        if self._plan.first:
            say("le jeu de données n’est pas encore public : rien n’est visible")
        elif others := sorted({v for v in shown if v and v != self._version}):
            say(f"les autres fichiers du site sont ceux de la version {', '.join(others)}")
        say("relancer la même commande : elle reprend où elle s’est arrêtée")


def _progress(content: Content) -> OnSent:
    return lambda done: reporter().advance(done, content.size)


def _name(wanted: Wanted) -> str:
    return f"{wanted.key} ({wanted.content.weight})"
