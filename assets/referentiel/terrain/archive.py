"""The imported workbooks as one archive: the file whose snapshots make builds reproducible.

The same set of workbooks gives the same bytes, in whatever order they were imported.
"""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from datetime import date

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date a ZIP can hold: no clock in the bytes


def member_name(day: date, data: bytes) -> str:
    """Name of a workbook in the archive, from the day of the verification and the bytes: `2026-03-12-0a1b….xlsx`."""
    return f"{day.isoformat()}-{hashlib.sha256(data).hexdigest()[:12]}.xlsx"


def bundle(workbooks: Mapping[str, bytes]) -> bytes:
    """The archive of the workbooks given by name. They are stored as they are: an XLSX is already compressed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(workbooks):
            member = zipfile.ZipInfo(name, _EPOCH)
            member.create_system = 3
            archive.writestr(member, workbooks[name])
    return buffer.getvalue()
