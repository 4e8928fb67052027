"""The errors of the whole project. Each other package adds a few of its own in its `errors.py`.

    CatdogError
    ├── PictureError                    a picture cannot be decoded or is refused
    ├── BundleError                     a bundle or its manifest is missing, damaged or unknown
    ├── RunFolderError                  a run folder is missing or damaged, or its version is unknown
    ├── BackendError                    no installed backend loads a model file, or it failed on a picture
    ├── CameraError                     a camera, video file or stream cannot be opened or read
    ├── OutputError                     a place for results cannot be used, or holds other files
    ├── trainer.errors.DataError        a data folder, download or cache cannot be used
    ├── trainer.errors.ConfigError      a training option is unknown or out of range
    ├── trainer.errors.RunError         a run cannot be started, continued or used to start another
    ├── exporter.errors.SourceError     the run or the pictures of an export cannot be used
    ├── exporter.errors.ConversionError a converter failed
    │   └── FloatOperatorsError         an int8 file would compute in float
    └── benchmarks.errors.BenchmarkError something to measure is missing or cannot be run

Each message names the file. It says what happened, what was expected, what was received and what to do.
"""


class CatdogError(Exception):
    """An error that the user can put right. The command line prints its text as one line."""


class PictureError(CatdogError):
    """A picture cannot be decoded or is refused.

    Args:
        name: the file's path, or a word such as `bytes` for a picture without a path.
        reason: what is wrong with the content. It is the same for every copy of the file.
    """

    def __init__(self, name: str, reason: str) -> None:
        """Keep the name and the reason apart, so that a cache can store the reason by content."""
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


class BundleError(CatdogError):
    """A bundle is missing or damaged, or its version is unknown."""


class RunFolderError(CatdogError):
    """A run folder is missing or damaged, or its version is unknown."""


class BackendError(CatdogError):
    """No installed backend loads the model file, or the backend failed on a picture."""


class CameraError(CatdogError):
    """A camera, video file or stream cannot be opened or read."""


class OutputError(CatdogError):
    """A place for results cannot be used, or holds files that catdog did not write."""
