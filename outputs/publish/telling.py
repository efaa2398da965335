"""A plan and its outcome, in French for the person at the terminal. Only sentences."""

from collections import Counter

from outputs.publish.criteres import LABELS, score
from outputs.publish.datagouv import Outcome
from outputs.publish.survey import Job, Survey
from outputs.publish.udata import VERSION, WITHDRAWN

_SIGNS = {"créée": "+", "remplacée": "~", "à décrire": "·", "inchangée": "="}
_MAX = len(LABELS)


def of_survey(job: Job, seen: Survey) -> list[str]:
    """What would change, file by file."""
    planned = seen.plan
    lines = []
    if planned.dataset is None:
        lines.append(f"jeu de données « {seen.metadata['title']} » : à créer, caché jusqu’à ce qu’il soit complet")
    else:
        shown = planned.dataset.extras.get(VERSION, "aucune version annoncée")
        lines.append(f"jeu de données {planned.dataset.id} : {shown} → {job.version}")
        if planned.changes:
            lines.append(f"  métadonnées à écrire : {', '.join(planned.changes)}")
    for step in planned.steps:
        where = f", à {step.wanted.url}" if step.wanted.url else ""
        what = f" ({', '.join(step.fields)})" if step.word == "à décrire" else ""
        lines.append(
            f"  {_SIGNS[step.word]} {step.wanted.key} : {step.word}{what}, {step.wanted.content.weight}{where}"
        )
    return [*lines, *of_the_rest(job, seen), _criteria(seen)]


def of_the_rest(job: Job, seen: Survey) -> list[str]:
    """What is on the site or in the release and is not published by this version."""
    planned = seen.plan
    lines = []
    for resource in planned.withdrawn:
        fate = "supprimée" if job.remove_old else "gardée, et dite n’être plus mise à jour"
        if not job.remove_old and WITHDRAWN in resource.extras:
            fate = "gardée comme avant (--remove-old la supprime)"
        lines.append(f"  - {resource.title} : n’est plus dans la version, {fate}")
    lines += [f"  - {r.title} : double d’un envoi interrompu, supprimé" for r in planned.doubles]
    lines += [f"    {r.title} : ajoutée sur le site par quelqu’un, laissée telle quelle" for r in planned.foreign]
    by_reason: dict[str, list[str]] = {}
    for key, why in planned.skipped:
        by_reason.setdefault(why, []).append(key)
    lines += [f"  ! non publiés, {why} : {', '.join(keys)}" for why, keys in by_reason.items()]
    if planned.unlisted:
        lines.append(f"  ! non publiés, aucune règle de ressources.yml : {', '.join(planned.unlisted)}")
    if planned.dataset is not None and planned.dataset.private and not planned.first:
        lines.append("  ! le jeu de données est privé sur le site, et le reste")
    if not seen.schemas:
        lines.append("  ! le catalogue de schémas du site ne répond pas : schémas de tables non indiqués")
    return lines


def of_outcome(job: Job, seen: Survey, done: Outcome) -> list[str]:
    """What was done, and where to find it."""
    dataset, planned = done.dataset, seen.plan
    counts = Counter(s.word for s in planned.steps)
    lines = [
        f"{job.version} est en ligne : {len(planned.steps)} ressources ("
        + ", ".join(f"{word} : {counts[word]}" for word in _SIGNS if counts[word])
        + "), tout relu et identique",
        f"  {dataset.page or dataset.uri or dataset.id}",
        *of_the_rest(job, seen),
    ]
    answered = dataset.quality.get("score")
    if isinstance(answered, int | float):
        judged = {n: v for n, v in dataset.quality.items() if n in LABELS and isinstance(v, bool)}
        otherwise = [LABELS[n] for n, holds in seen.criteria.items() if judged.get(n, holds) != holds]
        lines.append(
            f"  qualité selon le site : {round(answered * _MAX)}/{_MAX}"
            + (f" ; il juge autrement : {', '.join(otherwise)}" if otherwise else "")
        )
    lines.append("  liens permanents :")
    live = {r.id: r for r in dataset.resources}
    for step in planned.steps:
        resource = live.get(done.ids.get(step.wanted.key) or "")
        if resource is not None and step.wanted.parcel.rule.type == "main":
            lines.append(f"    {step.wanted.key} {resource.latest}")
    return lines


def _criteria(seen: Survey) -> str:
    missing = [LABELS[name] for name, holds in seen.criteria.items() if not holds]
    return f"critères de qualité : {round(score(seen.criteria) * _MAX)}/{_MAX}" + (
        f", manque : {', '.join(missing)}" if missing else ""
    )
