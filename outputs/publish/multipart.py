"""A form with a file, as HTTP sends it: read from disk as it goes, whatever the size of the file. No network here."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

#: Called with the bytes of the file gone so far.
OnSent = Callable[[int], None]


class Multipart:
    """The body of one request, to be read once.

    Args:
        fields: the plain fields.
        file: path, name given to the server (letters, digits, `.`, `-`, `_`), first byte and number of bytes to send.
        sent: told as bytes go.
    """

    def __init__(
        self, fields: Mapping[str, str | int], file: tuple[Path, str, int, int] | None, sent: OnSent | None = None
    ) -> None:
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        head = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ]
        self._left, self._gone, self._sent = 0, 0, sent
        self._file: BinaryIO | None = None
        closing = f"--{boundary}--\r\n"
        if file is not None:
            path, name, start, self._left = file
            head.append(
                f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
                "Content-Type: application/octet-stream\r\n\r\n"
            )
            closing = "\r\n" + closing
            self._file = path.open("rb")
            self._file.seek(start)
        self._before, self._after = "".join(head).encode(), closing.encode()
        self._length = len(self._before) + self._left + len(self._after)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        while piece := self.read(1 << 16):
            yield piece

    def close(self) -> None:
        """Let the file go, read whole or not."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at most `size`; all of them when it is negative."""
        if size < 0:
            return b"".join(self)
        if self._before:
            piece, self._before = self._before[:size], self._before[size:]
        elif self._file is not None:
            piece = self._file.read(min(size, self._left))
            self._left -= len(piece)
            self._gone += len(piece)
            if self._sent:
                self._sent(self._gone)
            if not self._left or not piece:
                self.close()
            if not piece:
                return self.read(size)
        else:
            piece, self._after = self._after[:size], self._after[size:]
        return piece
