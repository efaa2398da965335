"""An XLSX workbook is opened only once it is known to fit in memory.

Which sheet is read, and what its columns mean, belongs to the readers.
"""

import io
import re
import zipfile

from pipeline.foundations.errors import SourceUnreadable

#: How many times its size on disk a workbook may unpack to.
MAX_INFLATION = 200
#: Cells of the rectangle that holds a sheet.
MAX_CELLS = 5_000_000
_CELL_PLACE = re.compile(rb"""\br\s*=\s*["']([A-Z]{0,3})(\d{1,7})["']""")


def refuse_oversized(data: bytes, subject: str) -> None:
    """Refuse a workbook packed to excess, or with a cell lost far from the others.

    Calamine holds a sheet as the full rectangle of its cells: two cells in opposite corners ask for 500 GB.

    Raises:
        SourceUnreadable: one of these two reasons.
        zipfile.BadZipFile: the bytes are not a whole archive.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > len(data) * MAX_INFLATION:
            raise SourceUnreadable(
                subject,
                expected=f"a workbook that unpacks to at most {MAX_INFLATION} times its size",
                found=f"{unpacked} bytes out of {len(data)}",
                remedy="do not open the file; report it to the producer",
            )
        for name in archive.namelist():
            if not name.endswith(".xml") or "sheet" not in name.lower():
                continue
            places = _CELL_PLACE.findall(archive.read(name))
            rows = max((int(row) for _, row in places), default=0)
            columns = max((_column_number(letters) for letters, _ in places), default=0)
            if rows * columns > MAX_CELLS:
                raise SourceUnreadable(
                    f"{subject}, {name}",
                    expected=f"a sheet of at most {MAX_CELLS} cells",
                    found=f"{rows} rows of {columns} columns",
                    remedy="clear the cells lost far below or beside the table, or ask the producer to",
                )


def _column_number(letters: bytes) -> int:
    """`A` -> 1, `AB` -> 28; a row's own number (no letter) -> 0."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number
