"""The Microsoft Cats-and-Dogs archive: download with resume, check by checksum, unpack safely.

The files below appear in the target folder in this order. If the program is killed at any moment, the next call
continues.

    <name>.zip.part         the bytes received so far
    <name>.zip              all bytes; the checksum is right
    PetImages.unpacking/    half-unpacked pictures; the next call deletes them
    archive.json            which archive the pictures came from and how many there are
    PetImages/              the pictures; renamed into place after `archive.json`, so both together mean whole
"""

import hashlib
import http
import http.client
import json
import os
import re
import shutil
import stat
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from edge_runtime.atomic_file import replace_file, sync_file, write_whole
from trainer.errors import DataError

PICTURES_FOLDER = "PetImages"
MARKER_FILE = "archive.json"
PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png")
TIMEOUT_S = 30.0
SLOW_AFTER_S = 60.0  # of one connection; a server that sends a byte now and then is given up
SLOWEST_BYTES_PER_S = 1000
_SIZE = r"[0-9]{1,15}"  # Python takes seconds for thousands of digits, or refuses them
MAX_BACKOFF_S = 60.0
CHUNK_BYTES = 256 * 1024
# A zip hardly makes pictures smaller. The quarter is for disk blocks that they do not fill.
UNPACKED_TO_ARCHIVE = 1.25
MAX_UNPACKED_TO_ARCHIVE = 4
MAX_UNPACKED_BYTES = 8 * 1024**3

Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Archive:
    """A zip archive on the web, pinned by its content.

    Args:
        url: http or https address that ends in a plain `<name>.zip`.
        sha256: SHA-256 of the file, 64 lower-case hexadecimal digits.
        size_bytes: size of the file in bytes, above 0.
    """

    url: str
    sha256: str
    size_bytes: int

    def __post_init__(self) -> None:
        """Raise DataError if a field cannot be right."""
        address = urlsplit(self.url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise DataError(f"cannot download {self.url!r}: expected an http:// or https:// address")
        if not re.fullmatch(r"[\w.-]+\.zip", self.file_name):
            raise DataError(f"cannot download {self.url!r}: expected an address that ends in <name>.zip")
        if not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise DataError(f"{self.url}: expected a SHA-256 of 64 hexadecimal digits, received {self.sha256!r}")
        if self.size_bytes <= 0:
            raise DataError(f"{self.url}: expected a size above 0 bytes, received {self.size_bytes}")

    @property
    def file_name(self) -> str:
        """Return the last part of the address, such as `kagglecatsanddogs_5340.zip`."""
        return PurePosixPath(urlsplit(self.url).path).name


# Source: TensorFlow Datasets, url_checksums/cats_vs_dogs.txt.
MICROSOFT = Archive(
    url="https://download.microsoft.com/download/3/E/1/3E1C3F21-ECDB-4869-8368-6DEBA77B919F/"
    "kagglecatsanddogs_5340.zip",
    sha256="b7974bd00a84a99921f36ee4403f089853777b5ae8d151c76a86e64900334af9",
    size_bytes=824_887_076,
)


class _DroppedError(Exception):
    """The connection broke or the server is busy; another attempt may help."""


def fetch(
    target: Path,
    *,
    archive: Archive = MICROSOFT,
    attempts: int = 5,
    backoff_s: float = 1.0,
    report: Report | None = None,
) -> Path:
    """Return the folder of unpacked pictures. Download what is missing first.

    You may put the genuine `<name>.zip` into `target` yourself. Then nothing is downloaded. The zip is deleted at
    the end.

    Args:
        target: folder for everything; it is made if it is missing.
        archive: what to download; default: the Microsoft archive, 787 MiB.
        attempts: connections to try, 1 or more; default: 5. The next call continues where this one gave up.
        backoff_s: seconds to wait before the second attempt, then twice as long each time, up to 60; default: 1.
        report: called as `report(done_bytes, total_bytes)` during the download. Done falls to 0 if the server makes
            the download begin again.

    Returns:
        `target / "PetImages"`, with one folder of pictures per class.

    Raises:
        DataError: the archive cannot be downloaded, is not genuine or is unsafe to unpack, or the disk is full.
    """
    zip_file = target / archive.file_name
    try:
        if not _is_whole(target, archive):
            target.mkdir(parents=True, exist_ok=True)
            _require_space(target, archive)
            if zip_file.exists():
                _require_genuine(zip_file, archive, advice="delete it and run the same command again")
            else:
                _download(zip_file, archive, attempts=attempts, backoff_s=backoff_s, report=report or _ignore)
            _unpack(zip_file, archive)
        zip_file.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(
            f"{target}: cannot hold {archive.file_name}: {error}; make room or choose another folder"
        ) from error
    return target / PICTURES_FOLDER


def _ignore(done_bytes: int, total_bytes: int) -> None:
    """Do nothing."""


def _is_whole(target: Path, archive: Archive) -> bool:
    """Return whether the pictures are there. Raise DataError if the folder is another than was unpacked."""
    pictures = target / PICTURES_FOLDER
    if not pictures.exists():
        return False
    marker = _read_marker(target / MARKER_FILE)
    found = sum(path.suffix.lower() in PICTURE_SUFFIXES for path in pictures.glob("*/*"))
    if marker.get("sha256") == archive.sha256 and marker.get("pictures") == found:
        return True
    raise DataError(
        f"{pictures}: is not the folder unpacked from {archive.file_name}: "
        f"expected {marker.get('pictures', 'unknown')} pictures of archive {archive.sha256}, "
        f"found {found} of archive {marker.get('sha256', 'unknown')}; "
        f"move the folder away and run again, or train on it with --data {pictures}"
    )


def _read_marker(path: Path) -> dict[str, object]:
    """Return what `archive.json` says; nothing if it is missing or damaged."""
    try:
        marker = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return marker if isinstance(marker, dict) else {}


def _require_space(target: Path, archive: Archive) -> None:
    """Raise DataError unless the disk has room for the missing bytes and the pictures."""
    files = (target / archive.file_name, _part_of(target / archive.file_name))
    here = max((file.stat().st_size for file in files if file.exists()), default=0)
    needed = max(0, archive.size_bytes - here) + int(archive.size_bytes * UNPACKED_TO_ARCHIVE)
    free = shutil.disk_usage(target).free
    if free < needed:
        raise DataError(
            f"{target}: too little disk space for {archive.file_name} and its pictures: "
            f"expected {needed:,} free bytes, found {free:,}; free some space or choose another folder"
        )


def _require_genuine(file: Path, archive: Archive, *, advice: str) -> None:
    """Raise DataError unless the file has the size and the checksum of the archive."""
    size = file.stat().st_size
    if size != archive.size_bytes:
        raise DataError(f"{file}: received {size:,} bytes, expected {archive.size_bytes:,}; {advice}")
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    if digest != archive.sha256:
        raise DataError(f"{file}: wrong checksum: received SHA-256 {digest}, expected {archive.sha256}; {advice}")


def _part_of(zip_file: Path) -> Path:
    """Return the file of an unfinished download."""
    return zip_file.with_name(f"{zip_file.name}.part")


def _download(zip_file: Path, archive: Archive, *, attempts: int, backoff_s: float, report: Report) -> None:
    """Download the genuine archive to `zip_file`. Continue with what an earlier call received."""
    part = _part_of(zip_file)
    _receive(part, archive, attempts=attempts, backoff_s=backoff_s, report=report)
    try:
        _require_genuine(part, archive, advice="it was removed, run the same command again to begin afresh")
    except DataError:
        part.unlink()
        raise
    replace_file(part, zip_file)


def _receive(part: Path, archive: Archive, *, attempts: int, backoff_s: float, report: Report) -> None:
    """Fill the part file. When a connection breaks, wait, longer each time, and open another."""
    reason = "no attempt was allowed"
    for attempt in range(attempts):
        if attempt:
            time.sleep(min(backoff_s * 2 ** (attempt - 1), MAX_BACKOFF_S))
        try:
            return _transfer(part, archive, report)
        except _DroppedError as error:
            reason = str(error)
    received = part.stat().st_size if part.exists() else 0
    raise DataError(
        f"{archive.url}: gave up after {attempts} attempts ({reason}): "
        f"received {received:,} bytes, expected {archive.size_bytes:,}; "
        f"run the same command again to go on from {part}"
    )


def _transfer(part: Path, archive: Archive, report: Report) -> None:
    """Add what one connection brings to the part file. Raise _DroppedError if it ends too early."""
    done = part.stat().st_size if part.exists() else 0
    if done == archive.size_bytes:
        return
    response, done = _open_at(archive, done if done < archive.size_bytes else 0)
    start_s, start_bytes = time.monotonic(), done
    with response, part.open("ab" if done else "wb") as file:
        report(done, archive.size_bytes)
        while done < archive.size_bytes:
            chunk = _read(response, min(CHUNK_BYTES, archive.size_bytes - done))
            file.write(chunk)
            file.flush()  # a kill loses nothing that was reported
            done += len(chunk)
            report(done, archive.size_bytes)
            _require_pace(done - start_bytes, time.monotonic() - start_s)


def _require_pace(received_bytes: int, seconds: float) -> None:
    """Raise _DroppedError if a connection has been open for long and has brought next to nothing."""
    if seconds > SLOW_AFTER_S and received_bytes < SLOWEST_BYTES_PER_S * seconds:
        raise _DroppedError(f"{received_bytes:,} bytes in {seconds:.0f} s")


def _read(response: http.client.HTTPResponse, limit_bytes: int) -> bytes:
    """Return the next bytes as soon as there are some. Raise _DroppedError at the end of the body."""
    try:
        chunk = response.read1(limit_bytes)
    except (OSError, http.client.HTTPException) as error:
        raise _DroppedError(f"the connection broke: {error!r}") from error
    if not chunk:
        raise _DroppedError("the connection was closed before the end of the file")
    return chunk


def _open_at(archive: Archive, first_byte: int) -> tuple[http.client.HTTPResponse, int]:
    """Return a response and the byte where it begins: `first_byte`, or 0 if the server cannot resume."""
    response = _request(archive, first_byte)
    begins, total = _declared(response)
    if total not in (None, archive.size_bytes):
        response.close()
        raise DataError(
            f"{archive.url}: the server has another file, perhaps cut short or a log-in page: "
            f"received {total:,} bytes as its size, expected {archive.size_bytes:,}; "
            f"check the connection in a browser, then run again"
        )
    if begins in (0, first_byte):
        return response, begins
    response.close()
    if not first_byte:
        raise _DroppedError("the server did not begin at the first byte")
    return _open_at(archive, 0)


def _request(archive: Archive, first_byte: int) -> http.client.HTTPResponse:
    """Ask for the archive from `first_byte` on; from 0 if the server has no such byte."""
    headers = {"User-Agent": "catdog-train"} | ({"Range": f"bytes={first_byte}-"} if first_byte else {})
    try:
        request = urllib.request.Request(archive.url, headers=headers)
        # The addresses are constants of this module, all https.
        response = urllib.request.urlopen(request, timeout=TIMEOUT_S)  # nosec B310
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and first_byte:
            return _request(archive, 0)
        raise _refusal(archive, error) from error
    except (OSError, http.client.HTTPException) as error:
        raise _DroppedError(f"no answer: {error!r}") from error
    if not isinstance(response, http.client.HTTPResponse):
        raise DataError(f"{archive.url}: redirected: expected http(s), received {response.geturl()}")
    return response


def _declared(response: http.client.HTTPResponse) -> tuple[int, int | None]:
    """Return where the body begins (-1: not said) and the size of the whole file (None: not said)."""
    if response.status != http.HTTPStatus.PARTIAL_CONTENT:
        length = response.headers.get("Content-Length", "")
        return 0, int(length) if re.fullmatch(_SIZE, length) else None
    said = re.fullmatch(rf"bytes ({_SIZE})-{_SIZE}/({_SIZE}|\*)", response.headers.get("Content-Range", ""))
    if said is None:
        return -1, None
    return int(said[1]), None if said[2] == "*" else int(said[2])


def _refusal(archive: Archive, error: urllib.error.HTTPError) -> Exception:
    """Return the error for a status of 400 or more: _DroppedError if waiting may help, otherwise DataError."""
    if error.code in (408, 425, 429) or error.code >= 500:
        return _DroppedError(f"the server answered {error.code} {error.reason}")
    return DataError(
        f"{archive.url}: the server refuses the file: "
        f"expected status 200 or 206, received {error.code} {error.reason}; "
        f"check the connection in a browser, or put {archive.file_name} into the folder by hand"
    )


def _unpack(zip_file: Path, archive: Archive) -> None:
    """Unpack the pictures beside the zip under a temporary name. Rename them when they are whole."""
    unpacking = zip_file.with_name(f"{PICTURES_FOLDER}.unpacking")
    if unpacking.exists():
        shutil.rmtree(unpacking)
    try:
        with zipfile.ZipFile(zip_file) as opened:
            pictures = _pictures_in(opened.infolist(), zip_file)
            for member in pictures:
                _write_picture(opened, member, unpacking)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise DataError(
            f"{zip_file}: cannot be unpacked: expected a whole zip archive: {error}; delete it"
        ) from error
    marker = json.dumps(asdict(archive) | {"pictures": len(pictures)}, indent=2)
    os.sync()  # once, instead of once for each of 25,000 pictures
    write_whole(zip_file.with_name(MARKER_FILE), f"{marker}\n".encode())
    unpacking.rename(zip_file.with_name(PICTURES_FOLDER))
    sync_file(zip_file.parent)


def _write_picture(opened: zipfile.ZipFile, member: zipfile.ZipInfo, unpacking: Path) -> None:
    """Write one `PetImages/<class>/<name>` to `<unpacking>/<class>/<name>`."""
    path = unpacking.joinpath(*PurePosixPath(member.filename).parts[1:])
    path.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(member) as source, path.open("xb") as written:
        shutil.copyfileobj(source, written)


def _pictures_in(members: list[zipfile.ZipInfo], zip_file: Path) -> list[zipfile.ZipInfo]:
    """Return the members `PetImages/<class>/<picture>`. Raise DataError if any member is unsafe."""
    _require_safe(members, zip_file)
    pictures = {}
    for member in members:
        name = PurePosixPath(member.filename)
        if name.parts[0:-2] == (PICTURES_FOLDER,) and name.suffix.lower() in PICTURE_SUFFIXES:
            pictures[name] = member
    if not pictures:
        raise DataError(f"{zip_file}: expected pictures {PICTURES_FOLDER}/<class>/*.jpg, found none; delete it")
    return list(pictures.values())


def _require_safe(members: list[zipfile.ZipInfo], zip_file: Path) -> None:
    """Raise DataError if a member could be written outside the folder, or if all would fill the disk."""
    for member in members:
        if reason := _unsafe(member):
            raise DataError(
                f"{zip_file}: member {member.orig_filename!r} {reason}: "
                f"expected plain files inside the archive; nothing was unpacked, delete the archive"
            )
    unpacked = sum(member.file_size for member in members)
    limit = min(MAX_UNPACKED_BYTES, zip_file.stat().st_size * MAX_UNPACKED_TO_ARCHIVE)
    if unpacked > limit:
        raise DataError(
            f"{zip_file}: would unpack to {unpacked:,} bytes: expected at most {limit:,}; "
            f"nothing was unpacked, delete the archive"
        )


def _unsafe(member: zipfile.ZipInfo) -> str | None:
    """Return why a member must not be unpacked; None for a plain file or folder inside the archive."""
    name = member.orig_filename
    kind = stat.S_IFMT(member.external_attr >> 16)
    reasons = {
        "has an absolute path": name.startswith("/"),
        "climbs out of its folder": ".." in re.split(r"[/\\]", name),
        "has a drive letter or colon": ":" in name,
        "has a backslash or a null byte": "\\" in name or "\0" in name,
        "is a link or a device": kind not in (0, stat.S_IFREG, stat.S_IFDIR),
        "is encrypted": bool(member.flag_bits & 1),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)
