"""The download, proof and unpacking of the Microsoft archive, against a faulty server on the loopback."""

import contextlib
import hashlib
import http.server
import io
import json
import random
import signal
import stat
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from PIL import Image

from trainer.data.microsoft import MICROSOFT, Archive, fetch
from trainer.errors import DataError

PICTURES = {"Cat/0.jpg", "Cat/1.jpg", "Cat/666.jpg", "Dog/0.jpg", "Dog/1.jpg"}
NAME = "pets.zip"
ROOT = Path(__file__).parents[3]
FAST = {"backoff_s": 0.001}


@dataclass
class Faults:
    """What the server serves, how it misbehaves and what it was asked for."""

    body: bytes
    port: int = 0
    drops: int = 0
    busy: int = 0
    status: int = 200
    resumes: bool = True
    satisfies: bool = True
    declares_size: bool = True
    stalls: bool = False
    trickles: bool = False
    length: str = ""
    shift: int = 0
    location: str = ""
    ranges: list[str | None] = field(default_factory=list)
    sent_bytes: int = 0
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def archive(self) -> Archive:
        """Return the archive that the server has, with its right size and checksum."""
        url = f"http://127.0.0.1:{self.port}/folder/{NAME}"
        return Archive(url, hashlib.sha256(self.body).hexdigest(), len(self.body))


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers GET as `server.faults` says."""

    def do_GET(self) -> None:
        faults = self.server.faults
        faults.ranges.append(self.headers["Range"])
        if faults.busy:
            faults.busy -= 1
            self.send_error(503)
        elif faults.location:
            self.send_response(302)
            self.send_header("Location", faults.location)
            self.end_headers()
        elif faults.status != 200:
            self.send_error(faults.status)
        else:
            self.send_body(faults, self.first_byte(faults))

    def first_byte(self, faults: Faults) -> int:
        asked = self.headers["Range"]
        return int(asked.removeprefix("bytes=").removesuffix("-")) if asked and faults.resumes else 0

    def send_body(self, faults: Faults, first: int) -> None:
        if first and (first >= len(faults.body) or not faults.satisfies):
            self.send_error(416)
            return
        rest = faults.body[first:]
        self.send_response(206 if first else 200)
        if first:
            begins = first + faults.shift
            self.send_header("Content-Range", f"bytes {begins}-{len(faults.body) - 1}/{len(faults.body)}")
        if faults.declares_size:
            self.send_header("Content-Length", faults.length or str(len(rest)))
        self.end_headers()
        if faults.drops or faults.stalls:
            faults.drops = max(0, faults.drops - 1)
            rest = rest[: len(rest) // 2]
        faults.sent_bytes += len(rest)
        if faults.trickles:
            self.trickle(rest)
            return
        self.wfile.write(rest)
        if faults.stalls:
            faults.released.wait(10)

    def trickle(self, rest: bytes) -> None:
        with contextlib.suppress(OSError):  # the client has had enough
            for byte in rest:
                self.wfile.write(bytes([byte]))
                time.sleep(0.005)

    def log_message(self, *args: object) -> None:
        pass


def jpeg(seed: int) -> bytes:
    """Return a small picture of noise, which a zip cannot make smaller."""
    noise = Image.frombytes("RGB", (16, 16), random.Random(seed).randbytes(16 * 16 * 3))
    buffer = io.BytesIO()
    noise.save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def layout() -> dict[str, bytes]:
    """Return the members of the real archive in small: pictures, an empty one, and what is not a picture."""
    pictures = {f"PetImages/{name}": jpeg(seed) for seed, name in enumerate(sorted(PICTURES))}
    others = {
        "PetImages/Cat/Thumbs.db": b"thumbs",
        "readme[1].txt": b"read",
        "MSR-LA - 3467.docx": b"licence",
    }
    return {"PetImages/Cat/": b""} | pictures | {"PetImages/Cat/666.jpg": b""} | others


def zipped(members: dict[str | zipfile.ZipInfo, bytes]) -> bytes:
    """Return a zip of the members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in members.items():
            opened.writestr(name, data)
    return buffer.getvalue()


def damaged(body: bytes) -> bytes:
    """Return the zip with zeros in the middle of its first picture."""
    start = body.index(b"0.jpg") + 100
    return body[:start] + bytes(50) + body[start + 50 :]


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Iterator[Faults]:
    """Serve a small archive on the loopback; the test sets the faults."""
    monkeypatch.setenv("no_proxy", "*")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.faults = Faults(zipped(layout()), port=server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.faults
        server.faults.released.set()
        server.shutdown()
        thread.join()


def files_under(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def part_of(target: Path) -> Path:
    return target / f"{NAME}.part"


def test_address_of_the_real_archive():
    """The pinned archive is the published one: address, size and checksum."""
    assert MICROSOFT.file_name == "kagglecatsanddogs_5340.zip"
    assert MICROSOFT.size_bytes == 824_887_076
    assert MICROSOFT.sha256.startswith("b7974bd00a84")
    assert MICROSOFT.url.startswith("https://download.microsoft.com/")


@pytest.mark.parametrize(
    "change",
    [
        {"url": "file:///etc/pets.zip"},
        {"url": "ftp://example.org/pets.zip"},
        {"url": "http:///pets.zip"},
        {"url": "https://example.org/.."},
        {"url": "https://example.org/a\\..\\pets.zip"},
        {"sha256": "b797"},
        {"size_bytes": 0},
    ],
)
def test_impossible_archives_are_refused(change):
    """An address that is not http, names no zip, or a pin that cannot be right never reaches the network."""
    with pytest.raises(DataError, match="expected"):
        replace(MICROSOFT, **change)


def test_pictures_arrive_and_nothing_else_stays(tmp_path, faults):
    """Every picture, an empty one too, is unpacked byte for byte; nothing else is kept."""
    pictures = fetch(tmp_path / "new" / "cache", archive=faults.archive)
    assert pictures == tmp_path / "new" / "cache" / "PetImages"
    assert files_under(pictures) == PICTURES
    assert all((pictures / name).read_bytes() == layout()[f"PetImages/{name}"] for name in PICTURES)
    assert {path.name for path in pictures.parent.iterdir()} == {"PetImages", "archive.json"}


def test_marker_names_the_archive(tmp_path, faults):
    """The marker beside the pictures says where they came from and how many there are."""
    fetch(tmp_path, archive=faults.archive)
    assert json.loads((tmp_path / "archive.json").read_text()) == {
        "url": faults.archive.url,
        "sha256": faults.archive.sha256,
        "size_bytes": len(faults.body),
        "pictures": len(PICTURES),
    }


def test_second_call_makes_no_request(tmp_path, faults):
    """Once whole, the folder is returned with no network, and a zip left behind by a kill is removed."""
    first = fetch(tmp_path, archive=faults.archive)
    (tmp_path / NAME).write_bytes(faults.body)
    assert fetch(tmp_path, archive=faults.archive) == first
    assert len(faults.ranges) == 1
    assert not (tmp_path / NAME).exists()


def test_progress_rises_to_the_whole(tmp_path, faults):
    """The report runs from zero to the whole size over a broken connection without falling."""
    reports = []
    faults.drops = 2
    fetch(tmp_path, archive=faults.archive, report=lambda *seen: reports.append(seen), **FAST)
    done = [seen[0] for seen in reports]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, len(faults.body))
    assert {seen[1] for seen in reports} == {len(faults.body)}


@pytest.mark.parametrize("declares_size", [True, False])
def test_dropped_connections_are_resumed(tmp_path, faults, declares_size):
    """After each drop the next request asks for the missing bytes only, and no byte is sent twice."""
    faults.drops, faults.declares_size = 3, declares_size
    pictures = fetch(tmp_path, archive=faults.archive, **FAST)
    assert files_under(pictures) == PICTURES
    starts = [int(asked.removeprefix("bytes=").removesuffix("-")) for asked in faults.ranges[1:]]
    assert faults.ranges[0] is None
    assert len(starts) == 3
    assert 0 < starts[0] < starts[1] < starts[2] < len(faults.body)
    assert faults.sent_bytes == len(faults.body)


def test_next_call_goes_on_from_the_part(tmp_path, faults):
    """A call that runs out of attempts keeps what it received, and the next call fetches the rest."""
    faults.drops = 2
    with pytest.raises(DataError, match="gave up after 2 attempts") as caught:
        fetch(tmp_path, archive=faults.archive, attempts=2, **FAST)
    received = part_of(tmp_path).stat().st_size
    assert f"received {received:,} bytes, expected {len(faults.body):,}" in str(caught.value)
    assert str(part_of(tmp_path)) in str(caught.value)
    assert files_under(fetch(tmp_path, archive=faults.archive)) == PICTURES
    assert faults.ranges[-1] == f"bytes={received}-"
    assert faults.sent_bytes == len(faults.body)


def test_killed_download_is_resumed(tmp_path, faults):
    """A process killed in the middle of the body leaves a part file that the next call goes on from."""
    faults.stalls = True
    script = "import pathlib, sys; from trainer.data.microsoft import *; "
    script += "fetch(pathlib.Path(sys.argv[1]), archive=Archive(sys.argv[2], sys.argv[3], int(sys.argv[4])))"
    archive = faults.archive
    arguments = [str(tmp_path), archive.url, archive.sha256, str(archive.size_bytes)]
    half = len(faults.body) // 2
    with subprocess.Popen([sys.executable, "-c", script, *arguments], cwd=ROOT) as process:
        give_up = time.monotonic() + 30
        while not (part_of(tmp_path).exists() and part_of(tmp_path).stat().st_size == half):
            assert process.poll() is None
            assert time.monotonic() < give_up
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    faults.stalls = False
    assert files_under(fetch(tmp_path, archive=archive)) == PICTURES
    assert faults.ranges == [None, f"bytes={half}-"]


def test_silent_server_is_given_up(tmp_path, faults, monkeypatch):
    """A connection that stays open and brings nothing counts as broken, and what came before it is kept."""
    monkeypatch.setattr("trainer.data.microsoft.TIMEOUT_S", 0.1)
    faults.stalls = True
    with pytest.raises(DataError, match=r"gave up after 1 attempts .*timed out"):
        fetch(tmp_path, archive=faults.archive, attempts=1)
    assert part_of(tmp_path).read_bytes() == faults.body[: len(faults.body) // 2]


def test_server_that_trickles_is_given_up(tmp_path, faults, monkeypatch):
    """Proves that a byte now and then, which no time-out of a read notices, does not hold the download for ever."""
    monkeypatch.setattr("trainer.data.microsoft.SLOW_AFTER_S", 0.1)
    faults.trickles = True
    with pytest.raises(DataError, match=r"gave up after 1 attempts \([0-9]+ bytes in 0 s\)"):
        fetch(tmp_path, archive=faults.archive, attempts=1)


def test_size_of_thousands_of_digits_is_no_size(tmp_path, faults):
    """Proves that a Content-Length which Python refuses to read counts as none, and the pictures still come."""
    faults.length = "9" * 5000
    assert files_under(fetch(tmp_path, archive=faults.archive, attempts=1)) == PICTURES


def test_waits_grow(tmp_path, faults):
    """Each further attempt waits twice as long as the one before."""
    faults.busy = 3
    began = time.monotonic()
    fetch(tmp_path, archive=faults.archive, backoff_s=0.02)
    assert time.monotonic() - began >= 0.02 + 0.04 + 0.08
    assert len(faults.ranges) == 4


def test_server_without_ranges_begins_again(tmp_path, faults):
    """A server that answers 200 to a range request is read from zero, not appended to the part."""
    faults.drops, faults.resumes = 1, False
    seen = []
    pictures = fetch(tmp_path, archive=faults.archive, report=lambda done, _: seen.append(done), **FAST)
    assert files_under(pictures) == PICTURES
    assert faults.ranges == [None, f"bytes={len(faults.body) // 2}-"]
    assert seen.count(0) == 2


def test_wrong_range_begins_again(tmp_path, faults):
    """A server that sends other bytes than those asked for is asked again for the whole file."""
    part_of(tmp_path).write_bytes(faults.body[:100])
    faults.shift = 7
    assert files_under(fetch(tmp_path, archive=faults.archive, **FAST)) == PICTURES
    assert faults.ranges == ["bytes=100-", None]


def test_range_not_satisfiable_begins_again(tmp_path, faults):
    """A server that answers 416 to the range is asked for the whole file, which replaces the part."""
    part_of(tmp_path).write_bytes(faults.body[:100])
    faults.satisfies = False
    assert files_under(fetch(tmp_path, archive=faults.archive, attempts=1)) == PICTURES
    assert faults.ranges == ["bytes=100-", None]


def test_part_that_is_too_large_begins_again(tmp_path, faults):
    """A part file larger than the archive is replaced by a download from zero."""
    part_of(tmp_path).write_bytes(bytes(len(faults.body) + 1))
    assert files_under(fetch(tmp_path, archive=faults.archive)) == PICTURES
    assert faults.ranges == [None]


def test_whole_part_needs_no_request(tmp_path, faults):
    """A kill between the last byte and the checksum costs no second download."""
    part_of(tmp_path).write_bytes(faults.body)
    assert files_under(fetch(tmp_path, archive=faults.archive)) == PICTURES
    assert faults.ranges == []


def test_truncated_file_on_the_server(tmp_path, faults):
    """A file cut short on the server is refused before its body is read, with both sizes in the message."""
    archive, whole = faults.archive, len(faults.body)
    faults.body = faults.body[: whole // 2]
    with pytest.raises(DataError, match=f"received {whole // 2:,} bytes as its size, expected {whole:,}"):
        fetch(tmp_path, archive=archive, **FAST)
    assert list(tmp_path.iterdir()) == []
    assert len(faults.ranges) == 1


def test_truncated_file_of_undeclared_size(tmp_path, faults):
    """A file cut short by a server that never says its size ends in an error too, not in a short archive."""
    archive, whole = faults.archive, len(faults.body)
    faults.body, faults.declares_size = faults.body[: whole // 2], False
    with pytest.raises(DataError, match=f"received {whole // 2:,} bytes, expected {whole:,}"):
        fetch(tmp_path, archive=archive, attempts=3, **FAST)
    assert files_under(tmp_path) == {f"{NAME}.part"}


def test_wrong_checksum(tmp_path, faults):
    """A download of the right size and the wrong content is deleted and both checksums are named."""
    archive, received = replace(faults.archive, sha256="0" * 64), faults.archive.sha256
    with pytest.raises(DataError, match=f"received SHA-256 {received}, expected {'0' * 64}"):
        fetch(tmp_path, archive=archive)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [403, 404, 410])
def test_refused_file_is_not_asked_for_again(tmp_path, faults, status):
    """A status that waiting cannot change ends at once and keeps the part."""
    part_of(tmp_path).write_bytes(faults.body[:10])
    faults.status = status
    with pytest.raises(DataError, match=f"received {status}"):
        fetch(tmp_path, archive=faults.archive, **FAST)
    assert len(faults.ranges) == 1
    assert part_of(tmp_path).read_bytes() == faults.body[:10]


def test_nobody_answers(tmp_path, faults):
    """A closed port is reported after all attempts, as an error of ours."""
    archive = replace(faults.archive, url=f"http://127.0.0.1:1/{NAME}")
    with pytest.raises(DataError, match=r"gave up after 3 attempts .*no answer"):
        fetch(tmp_path, archive=archive, attempts=3, **FAST)


@pytest.mark.parametrize("location", ["file:///etc/passwd", "data:text/plain,hello"])
def test_redirect_to_another_scheme_is_refused(tmp_path, faults, location):
    """A server cannot send the download to a local file or another scheme."""
    faults.location = location
    with pytest.raises(DataError, match="expected"):
        fetch(tmp_path, archive=faults.archive, attempts=1)
    assert list(tmp_path.iterdir()) == []


def test_full_disk_is_found_before_the_download(tmp_path, faults):
    """An archive that cannot fit is refused before the first request, with needed and free bytes."""
    with pytest.raises(DataError, match=r"too little disk space .* free bytes, found"):
        fetch(tmp_path, archive=replace(faults.archive, size_bytes=10**18))
    assert faults.ranges == []


def test_target_that_is_a_file(tmp_path, faults):
    """A target that cannot be a folder is an error of ours that names it."""
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(DataError, match="cache: cannot hold"):
        fetch(tmp_path / "cache", archive=faults.archive)


def test_interrupted_unpack_is_redone(tmp_path, faults):
    """A kill while unpacking costs no second download, and its half-written pictures do not survive."""
    (tmp_path / NAME).write_bytes(faults.body)
    half = tmp_path / "PetImages.unpacking" / "Cat"
    half.mkdir(parents=True)
    (half / "0.jpg").write_bytes(b"half")
    (half / "stray.jpg").write_bytes(b"stray")
    pictures = fetch(tmp_path, archive=faults.archive)
    assert files_under(pictures) == PICTURES
    assert (pictures / "Cat" / "0.jpg").read_bytes() == layout()["PetImages/Cat/0.jpg"]
    assert faults.ranges == []


def test_marker_without_pictures_is_not_whole(tmp_path, faults):
    """A kill between marker and rename is finished by the next call."""
    pictures = fetch(tmp_path, archive=faults.archive)
    pictures.rename(tmp_path / "PetImages.unpacking")
    assert files_under(fetch(tmp_path, archive=faults.archive)) == PICTURES
    assert len(faults.ranges) == 2


def test_wrong_zip_put_there_by_hand(tmp_path, faults):
    """A zip of the right name and the wrong content is neither unpacked nor deleted."""
    (tmp_path / NAME).write_bytes(b"mine")
    with pytest.raises(DataError, match=r"received 4 bytes, expected .* delete it"):
        fetch(tmp_path, archive=faults.archive)
    assert (tmp_path / NAME).read_bytes() == b"mine"


@pytest.mark.parametrize("marker", [None, "{", "[]", '{"sha256": "other", "pictures": 1}'])
def test_folder_of_somebody_else_is_left_alone(tmp_path, faults, marker):
    """A PetImages folder that was not unpacked here is neither trusted nor replaced."""
    own = tmp_path / "PetImages" / "Cat" / "own.jpg"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"own")
    if marker is not None:
        (tmp_path / "archive.json").write_text(marker)
    with pytest.raises(DataError, match="is not the folder unpacked from"):
        fetch(tmp_path, archive=faults.archive)
    assert own.read_bytes() == b"own"
    assert faults.ranges == []


def test_folder_that_lost_a_picture_is_not_whole(tmp_path, faults):
    """A picture missing from the folder is noticed, with both counts in the message."""
    pictures = fetch(tmp_path, archive=faults.archive)
    (pictures / "Dog" / "1.jpg").unlink()
    with pytest.raises(DataError, match=r"expected 5 pictures .* found 4"):
        fetch(tmp_path, archive=faults.archive)


def special(name: str, kind: int) -> zipfile.ZipInfo:
    """Return a member that is a link or a device."""
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (kind | 0o777) << 16
    return info


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        ("../escaped.jpg", "climbs out"),
        ("PetImages/Cat/../../../escaped.jpg", "climbs out"),
        ("PetImages\\..\\..\\escaped.jpg", "climbs out"),
        ("/escaped.jpg", "absolute path"),
        ("C:/escaped.jpg", "drive letter"),
        ("C:escaped.jpg", "drive letter"),
        ("PetImages\\Cat\\escaped.jpg", "backslash"),
        (special("PetImages/Cat/link.jpg", stat.S_IFLNK), "a link or a device"),
        (special("PetImages/Cat", stat.S_IFLNK), "a link or a device"),
        (special("PetImages/Cat/pipe.jpg", stat.S_IFIFO), "a link or a device"),
    ],
)
def test_unsafe_members_unpack_nothing(tmp_path, faults, member, reason):
    """One member that could leave the folder refuses the whole archive, and nothing is written anywhere."""
    faults.body = zipped(layout() | {member: b"../../escaped"})
    target = tmp_path / "deep" / "cache"
    with pytest.raises(DataError, match=reason):
        fetch(target, archive=faults.archive)
    assert files_under(tmp_path) == {f"deep/cache/{NAME}"}
    assert not (target / "PetImages").exists()


def test_encrypted_member_is_refused(tmp_path, faults):
    """A member that would need a password is refused before anything is written."""
    body = bytearray(faults.body)
    body[body.index(b"PK\x01\x02") + 8] |= 1
    faults.body = bytes(body)
    with pytest.raises(DataError, match="is encrypted"):
        fetch(tmp_path, archive=faults.archive)
    assert files_under(tmp_path) == {NAME}


def test_zip_bomb_is_refused(tmp_path, faults):
    """An archive that would grow far beyond its size is refused before anything is written."""
    faults.body = zipped({"PetImages/Cat/0.jpg": bytes(1_000_000)})
    with pytest.raises(DataError, match="would unpack to 1,000,000 bytes"):
        fetch(tmp_path, archive=faults.archive)
    assert files_under(tmp_path) == {NAME}


@pytest.mark.parametrize(
    "body",
    [
        b"no zip at all",
        zipped({"readme.txt": b"no pictures", "Cat/0.jpg": b"too shallow", "PetImages/0.jpg": b"no class"}),
        damaged(zipped(layout())),
    ],
    ids=["not a zip", "no pictures", "damaged member"],
)
def test_unusable_archives(tmp_path, faults, body):
    """A genuine file that is no archive of pictures is an error that names it, and no folder appears."""
    faults.body = body
    with pytest.raises(DataError, match=f"{NAME}: .*expected"):
        fetch(tmp_path, archive=faults.archive)
    assert not (tmp_path / "PetImages").exists()
