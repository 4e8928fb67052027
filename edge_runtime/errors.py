"""The errors of the whole project. Each other package adds a few of its own in its `errors.py`.

    CatdogError
    ├── PictureError                    a picture cannot be decoded or is refused
    ├── PictureFolderError              a folder of pictures is missing, or its sub-folders are no classes
    ├── BundleError                     a bundle or its manifest is missing, damaged or unknown
    ├── RunFolderError                  a run folder is missing or damaged, or its version is unknown
    ├── BackendError                    no installed backend loads a model file, or it failed on a picture
    ├── CameraError                     a camera, video file or stream cannot be opened or read
    ├── TeachingError                   pictures cannot be taught: too few, or in folders of another layout
    ├── OutputError                     a place for results cannot be used, or holds other files
    ├── trainer.errors.DataError        a data folder, download or cache cannot be used
    ├── trainer.errors.ConfigError      a training option is unknown or out of range
    ├── trainer.errors.RunError         a run cannot be started, continued or used to start another
    ├── trainer.errors.DivergedError    the loss of a training became infinite or no number
    ├── trainer.errors.WeightsError     pretrained weights are missing, damaged or not what they should be
    ├── exporter.errors.SourceError     the run or the pictures of an export cannot be used
    ├── exporter.errors.ConversionError a converter failed
    ├── exporter.errors.FloatOperatorsError an int8 file would compute in float
    └── benchmarks.errors.BenchmarkError something to measure is missing or cannot be run

Each message names the file. It says what happened, what was expected, what was received and what to do.
"""

from __future__ import annotations

import errno
import os

_MEMORY = "not enough memory. Close other programs, raise the limit (ulimit -v), or take a larger machine."
_FILES = "too many files are open. Raise the limit: ulimit -n 1024."
_PROCESSES = "no further process or thread may start. End other programs, or raise the limit: ulimit -u."
_FILE_SIZE = "a file became larger than this process may write. Raise the limit: ulimit -f unlimited."
# What a process may take no more of, by the number of the error.
_BY_NUMBER = {
    errno.ENOMEM: _MEMORY,
    errno.EMFILE: _FILES,
    errno.ENFILE: _FILES,
    errno.EAGAIN: _PROCESSES,
    errno.EFBIG: _FILE_SIZE,
}
# What the loader of libraries, Python's threads and C++ say, in small letters, where they give no number.
_BY_WORDS = {
    "failed to map segment": _MEMORY,
    "cannot allocate memory": _MEMORY,
    "bad_alloc": _MEMORY,
    "bad allocation": _MEMORY,
    "start new thread": _PROCESSES,
    "resource temporarily unavailable": _PROCESSES,
    "too many open files": _FILES,
}


class CatdogError(Exception):
    """An error that the user can put right. The command line prints its text as one line."""


class PictureError(CatdogError):
    """A picture cannot be decoded or is refused.

    Args:
        name: the file's path, or a word such as `bytes` for a picture without a path.
        reason: what is wrong with the content. It is the same for every copy of the file.
        lasting: whether the reason stays true. It does not when this installation lacks a decoder. Default yes.
    """

    def __init__(self, name: str, reason: str, *, lasting: bool = True) -> None:
        """Keep the name and the reason apart, so that a cache can store a lasting reason by content."""
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason
        self.lasting = lasting


class PictureFolderError(CatdogError):
    """A folder of pictures is missing, or its sub-folders cannot be classes."""


class BundleError(CatdogError):
    """A bundle is missing or damaged, or its version is unknown."""


class RunFolderError(CatdogError):
    """A run folder is missing or damaged, or its version is unknown."""


class BackendError(CatdogError):
    """No installed backend loads the model file, or the backend failed on a picture."""


class CameraError(CatdogError):
    """A camera, video file or stream cannot be opened or read."""


class TeachingError(CatdogError):
    """Pictures cannot be taught: too few labels, too few pictures, or a folder of another layout."""


class OutputError(CatdogError):
    """A place for results cannot be used, or holds files that catdog did not write."""


def shortage_of(error: BaseException) -> str | None:
    """Return what a process may take no more of, and what to do; None when an error is of another kind."""
    number = getattr(error, "errno", None) or 0
    known = _BY_NUMBER.get(number)
    if known and getattr(error, "strerror", None) == os.strerror(number):  # else it is an error of our own
        return known
    text = str(error).lower()
    return next((sentence for words, sentence in _BY_WORDS.items() if words in text), None)
