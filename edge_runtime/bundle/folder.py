"""Read a bundle: a folder with model files, self-test pictures, and a `manifest.json` that describes them."""

from __future__ import annotations

import errno
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from edge_runtime.bounded_file import read_bounded, reason_of
from edge_runtime.bundle.manifest import MANIFEST, Manifest, ModelFile, SelfTestPicture
from edge_runtime.errors import BundleError
from edge_runtime.folders import BUNDLES, RUN, newest_folder
from edge_runtime.strict_json import read_json, refuse_obeyed_characters

if TYPE_CHECKING:
    from edge_runtime.picture.contract import Preprocessing

PRETRAINED = Path(__file__).parents[1] / "pretrained"
MAX_MANIFEST_BYTES = 10_000_000


class Bundle(NamedTuple):
    """A bundle: its folder and its manifest.

    Attributes:
        folder: the folder with its files.
        manifest: the content of its `manifest.json`.
    """

    folder: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        """The bundle's name."""
        return self.manifest.name

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of the scores."""
        return self.manifest.labels

    @property
    def preprocessing(self) -> Preprocessing:
        """The steps that turn a picture into the models' input."""
        return self.manifest.preprocessing

    @property
    def files(self) -> tuple[ModelFile, ...]:
        """The model files."""
        return self.manifest.files

    @property
    def selftest(self) -> tuple[SelfTestPicture, ...]:
        """The pictures of `catdog-edge selftest`, with their expected scores."""
        return self.manifest.selftest

    @property
    def training(self) -> dict[str, Any]:
        """The origin of the model: run name, data, seed and versions."""
        return self.manifest.training

    @property
    def confidence_threshold(self) -> float:
        """The confidence threshold, 0-1. A prediction with less confidence is unsure. With 0 none is unsure."""
        return self.manifest.confidence_threshold

    @property
    def label_thresholds(self) -> tuple[float, ...] | None:
        """For each label the score from which on a picture shows it; None if a picture shows one label."""
        return self.manifest.label_thresholds

    def file(self, path: str) -> ModelFile:
        """Return the model file of this name.

        Raises:
            BundleError: the bundle has none.
        """
        for file in self.files:
            if file.path == path:
                return file
        raise BundleError(
            f"{self.folder}: has no model file {path}, it has {', '.join(f.path for f in self.files)}"
        )

    def path_of(self, file: ModelFile) -> Path:
        """Return the path of a model file."""
        return self.folder / file.path

    def read(self, file: ModelFile) -> bytes:
        """Read a model file and check its size and hash.

        Args:
            file: one of `files`.

        Returns:
            The bytes of the file.

        Raises:
            BundleError: the file is missing, or it is not the one that was exported.
        """
        path = self.path_of(file)
        try:
            # No further than the size that is expected: the file may be anything.
            content = read_bounded(path, file.size_bytes)
        except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
            if not isinstance(error, OSError) or error.errno != errno.EFBIG:
                raise BundleError(
                    f"{path}: cannot be read ({reason_of(error)}). Export the bundle again."
                ) from error
            content = b""
        if len(content) != file.size_bytes:
            raise BundleError(
                f"{path}: not the file that was exported: expected {file.size_bytes:,} bytes, "
                f"received {path.stat().st_size:,}. Copy or export the bundle again."
            )
        received = hashlib.sha256(content).hexdigest()
        if received != file.sha256:
            raise BundleError(
                f"{path}: not the file that was exported: expected SHA-256 {file.sha256[:12]}..., "
                f"received {received[:12]}.... Copy or export the bundle again."
            )
        return content


def default_bundle() -> Path:
    """Return the newest bundle in `bundles/`, or the one that comes with the package if there is none.

    Raises:
        OutputError: `bundles/` itself has a manifest.
    """
    return newest_folder(BUNDLES, MANIFEST) or PRETRAINED


def read_bundle(folder: Path) -> Bundle:
    """Read and check the manifest of a bundle folder. The model files are not read: `Bundle.read` checks each.

    Args:
        folder: the bundle folder.

    Returns:
        The bundle.

    Raises:
        BundleError: the folder has no manifest, or the manifest is damaged, or its version is unknown.
    """
    path = folder / MANIFEST
    try:
        values = read_json(path, MAX_MANIFEST_BYTES)
        refuse_obeyed_characters(values)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BundleError(f"{folder}: no {MANIFEST} there. {_what_instead(folder)}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"{path}: cannot be read ({reason_of(error)}). Export the bundle again.") from error
    try:
        return Bundle(folder, Manifest.from_dict(values))
    except BundleError as error:
        raise BundleError(f"{folder}: {error}") from error


def _what_instead(folder: Path) -> str:
    """Return what to do about a folder that is no bundle. Often the bundle is right above or below it."""
    near = folder.parent if (folder.parent / MANIFEST).exists() else newest_folder(folder, MANIFEST)
    if near:
        return f"The bundle is {near}"
    run = f" --run {folder}" if (folder / RUN).exists() else ""
    return f"Make a bundle with: catdog-export{run}"
