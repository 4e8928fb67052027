"""Errors of the whole project; each package adds its own few in its `errors.py`.

    CatdogError
    ├── PictureError                    a picture cannot be decoded or is refused
    ├── BundleError                     a bundle or its manifest is missing, damaged or unknown
    ├── RunFolderError                  a run folder is missing, damaged or of an unknown version
    ├── BackendError                    no installed runtime can load a model file, or it failed on a picture
    ├── CameraError                     a camera, video file or stream cannot be opened or read
    ├── OutputError                     a place for results cannot be used, or holds something that is not ours
    ├── trainer.errors.DataError        a data folder, download or cache cannot be used
    ├── trainer.errors.ConfigError      a training option is unknown or out of range
    ├── trainer.errors.RunError         a run cannot be begun, continued or learnt from
    ├── exporter.errors.SourceError     the run or pictures an export needs cannot be used
    ├── exporter.errors.ConversionError a converter failed
    └── benchmarks.errors.BenchmarkError what was to be measured is missing or cannot be run

A message says what happened, what was expected, what was received and what to do, and names the file.
"""


class CatdogError(Exception):
    """Anything the user can put right; its text is the one line that the command line prints."""


class PictureError(CatdogError):
    """A picture cannot be decoded or is refused.

    Args:
        name: the file's path, or a word for a picture that has none.
        reason: what is wrong with its content; the same for every copy of the file.
    """

    def __init__(self, name: str, reason: str) -> None:
        """Keep the reason apart from the name, so that a cache can store it by content."""
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


class BundleError(CatdogError):
    """A bundle is missing, damaged or of an unknown version."""


class RunFolderError(CatdogError):
    """A run folder is missing, damaged or of an unknown version."""


class BackendError(CatdogError):
    """No installed runtime can load the model file, or it failed on a picture."""


class CameraError(CatdogError):
    """A camera, video file or stream cannot be opened or read."""


class OutputError(CatdogError):
    """A place for results cannot be used, or holds something that is not ours."""
