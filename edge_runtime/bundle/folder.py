"""A bundle: a folder with model files, self-test pictures and the `manifest.json` that says how to use them."""

from __future__ import annotations

import hashlib
import json
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from edge_runtime.bundle.manifest import MANIFEST, Manifest, ModelFile, SelfTestPicture
from edge_runtime.errors import BundleError
from edge_runtime.folders import BUNDLES, RUN, newest_folder

if TYPE_CHECKING:
    from edge_runtime.picture.contract import Preprocessing

PRETRAINED = Path(__file__).parents[1] / "pretrained"
MAX_MANIFEST_BYTES = 10_000_000


class Bundle(NamedTuple):
    """A bundle's folder and what its manifest says.

    Attributes:
        folder: where its files lie.
        manifest: what `manifest.json` says.
    """

    folder: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        """The bundle's name."""
        return self.manifest.name

    @property
    def labels(self) -> tuple[str, ...]:
        """The label of each score, in order."""
        return self.manifest.labels

    @property
    def preprocessing(self) -> Preprocessing:
        """How a picture becomes the models' input."""
        return self.manifest.preprocessing

    @property
    def files(self) -> tuple[ModelFile, ...]:
        """The model files."""
        return self.manifest.files

    @property
    def selftest(self) -> tuple[SelfTestPicture, ...]:
        """The pictures that the bundle checks itself with."""
        return self.manifest.selftest

    @property
    def training(self) -> dict[str, Any]:
        """Where the model comes from."""
        return self.manifest.training

    @property
    def confidence_threshold(self) -> float:
        """A prediction of less confidence is unsure, 0-1; 0 means that none is."""
        return self.manifest.confidence_threshold

    def path_of(self, file: ModelFile) -> Path:
        """Return where a model file lies."""
        return self.folder / file.path

    def read(self, file: ModelFile) -> bytes:
        """Return the bytes of a model file after checking its size and hash.

        Raises:
            BundleError: the file is missing or is not the one that was exported.
        """
        path = self.path_of(file)
        try:
            size_bytes = _file_size(path)
            # Read no further than the size that is expected: the file may be anything.
            content = path.read_bytes() if size_bytes == file.size_bytes else b""
        except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
            raise BundleError(f"{path}: cannot be read ({error}). Export the bundle again.") from error
        if size_bytes != file.size_bytes:
            raise BundleError(
                f"{path}: not the file that was exported: expected {file.size_bytes:,} bytes, "
                f"received {size_bytes:,}. Copy or export the bundle again."
            )
        received = hashlib.sha256(content).hexdigest()
        if received != file.sha256:
            raise BundleError(
                f"{path}: not the file that was exported: expected SHA-256 {file.sha256[:12]}..., "
                f"received {received[:12]}.... Copy or export the bundle again."
            )
        return content


def default_bundle() -> Path:
    """Return the newest bundle below `bundles/`, or where there is none, the one that comes with the package."""
    return newest_folder(BUNDLES, MANIFEST) or PRETRAINED


def read_bundle(folder: Path) -> Bundle:
    """Read and check the manifest of a bundle folder; the model files are checked when one is opened.

    Raises:
        BundleError: no manifest there, or it is damaged or of an unknown version.
    """
    path = folder / MANIFEST
    try:
        if _file_size(path) > MAX_MANIFEST_BYTES:
            raise ValueError(f"more than {MAX_MANIFEST_BYTES:,} bytes")
        values = json.loads(path.read_text(encoding="utf-8"), parse_int=_whole_number)
        json.dumps(values, ensure_ascii=False).encode()  # refuses half a character, which nothing could print
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BundleError(f"{folder}: no {MANIFEST} there. {_what_instead(folder)}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"{path}: cannot be read ({error}). Export the bundle again.") from error
    try:
        return Bundle(folder, Manifest.from_dict(values))
    except BundleError as error:
        raise BundleError(f"{folder}: {error}") from error


def _what_instead(folder: Path) -> str:
    """Return what to do about a folder that is no bundle: often it is next to one."""
    near = folder.parent if (folder.parent / MANIFEST).exists() else newest_folder(folder, MANIFEST)
    if near:
        return f"The bundle is {near}"
    run = f" --run {folder}" if (folder / RUN).exists() else ""
    return f"Make a bundle with: catdog-export{run}"


def _whole_number(digits: str) -> int:
    """Return the number, if it fits 64 bits: larger ones fail where they become a float."""
    number = int(digits)
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"the whole number {digits[:20]}... does not fit 64 bits")
    return number


def _file_size(path: Path) -> int:
    """Return the size in bytes of a regular file: a pipe or device in its place could block for ever."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError("not a regular file")
    return status.st_size
