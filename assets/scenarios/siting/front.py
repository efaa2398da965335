"""What each opening (or closing) more is worth: the best choice for 0, 1, 2… up to what is asked (Pareto front)."""

from dataclasses import dataclass, replace

from assets.scenarios.siting.exact import Limits
from assets.scenarios.siting.problem import Problem
from assets.scenarios.siting.solve import Ask, Solution, attempt, solve


@dataclass(frozen=True)
class Step:
    """The best choice of a number of openings and closings; None when none respects the worst time asked."""

    opened: int
    closed: int
    solution: Solution | None


def front(problem: Problem, ask: Ask, limits: Limits) -> list[Step]:
    """From no opening to those asked, with the closings asked; without any opening, from no closing to those asked.

    The time of the limits is for all steps together: what one leaves, the next have. The last step is the answer.

    Raises:
        Impossible: no choice of the last step respects the worst time asked.
        WrongUse: as `solve`.
    """
    sizes = [(k, ask.closed) for k in range(ask.opened + 1)] if ask.opened else [(0, k) for k in range(ask.closed + 1)]
    steps: list[Step] = []
    before: Solution | None = None
    for number, (opened, closed) in enumerate(sizes):
        asked = replace(ask, opened=opened, closed=closed)
        share = limits.share(1 / (len(sizes) - number))
        last = number == len(sizes) - 1
        found = (solve if last else attempt)(problem, asked, share, before)
        before = found if isinstance(found, Solution) else None
        steps.append(Step(opened, closed, before))
    return steps
