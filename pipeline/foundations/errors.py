"""The errors a person reads, and the exit code each one means.

Every error names the object, what was expected, what was found and the remedy; nothing else belongs here.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of `csp`, the contract with schedulers and shell scripts."""

    DONE = 0
    REFUSED = 1
    WRONG_USE = 2
    SOURCE_UNREADABLE = 3


class CspError(Exception):
    """Base of the project's errors.

    Args:
        subject: the object concerned (a file, a source, a column, a département…).
        expected: what was expected of it.
        found: what was found instead.
        remedy: what the reader of the message can do about it.
    """

    exit_code = ExitCode.REFUSED

    def __init__(self, subject: str, *, expected: str, found: str, remedy: str) -> None:
        self.subject, self.expected, self.found, self.remedy = map(_readable, (subject, expected, found, remedy))
        super().__init__(f"{self.subject}: expected {self.expected}; found {self.found}. Remedy: {self.remedy}")

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions cross process boundaries (Dagster step workers): rebuild from the four parts.
        return (_rebuild, (type(self), self.subject, self.expected, self.found, self.remedy))


_LONGEST = 2000  # characters of one part


def _readable(text: str) -> str:
    """Messages quote what feeds say, which may be megabytes long or hold codes that drive a terminal."""
    text = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text)


def _rebuild(cls: type[CspError], subject: str, expected: str, found: str, remedy: str) -> CspError:
    return cls(subject, expected=expected, found=found, remedy=remedy)


class WrongUse(CspError):
    """The command, the configuration or an argument is wrong."""

    exit_code = ExitCode.WRONG_USE


class SourceUnreadable(CspError):
    """A feed could not be downloaded, or its bytes are not what its `source.yml` declares."""

    exit_code = ExitCode.SOURCE_UNREADABLE


class QualityRefused(CspError):
    """A check refuses a table or a release."""

    exit_code = ExitCode.REFUSED
