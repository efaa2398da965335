"""What goes wrong with a server that is published to, and when to ask it again.

Only the errors and the waiting; what each answer means is `client`.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pipeline.foundations.errors import CspError, ExitCode, WrongUse

_T = TypeVar("_T")


@dataclass(frozen=True)
class Patience:
    """How long a server is waited for. Seconds, except `attempts`."""

    connect: float = 10  # also the longest stall while sending
    read: float = 120  # longest silence
    total: float = 600  # to receive one whole answer
    attempts: int = 4
    pause: float = 1.5  # before the second attempt, then doubled; above one second: see `udata.upload`
    longest: float = 60  # pause


class TargetUnreachable(CspError):
    """The server does not answer, fails, or answers something else than its API.

    `passing` tells whether asking again may help; whether it did what it was asked is unknown.
    """

    exit_code = ExitCode.SOURCE_UNREADABLE

    def __init__(
        self,
        subject: str,
        *,
        expected: str,
        found: str,
        remedy: str,
        passing: bool = False,
        status: int | None = None,
        retry_after: float = 0,
    ) -> None:
        super().__init__(subject, expected=expected, found=found, remedy=remedy)
        self.passing, self.status, self.retry_after = passing, status, retry_after


class TargetRefused(WrongUse):
    """The server understood, and refuses: the key, the right, the dataset or what is sent is not what it takes."""

    def __init__(self, subject: str, *, expected: str, found: str, remedy: str, status: int | None = None) -> None:
        super().__init__(subject, expected=expected, found=found, remedy=remedy)
        self.status = status


def insist(attempt: Callable[[], _T], patience: Patience, already: Callable[[], _T | None] = lambda: None) -> _T:
    """The result of `attempt`, tried again after a pause when the fault may pass.

    Args:
        already: asked before trying again what must not be done twice: what the earlier attempt did all the same, or
            None when it did nothing.

    Raises:
        TargetUnreachable: the fault lasts, or cannot pass.
    """
    for n in range(1, patience.attempts):
        try:
            return attempt()
        except TargetUnreachable as error:
            if not error.passing or error.retry_after > patience.longest:
                raise
            time.sleep(min(max(patience.pause * 2 ** (n - 1), error.retry_after), patience.longest))
            if (done := already()) is not None:
                return done
    return attempt()
