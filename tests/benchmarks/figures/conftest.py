"""Pictures, and steps that a measurement reports."""

import pytest
from PIL import Image


@pytest.fixture
def pictures(tmp_path):
    """A folder with four pictures."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index in range(4):
        Image.new("RGB", (60, 40), (60 * index, 0, 90)).save(folder / f"{index}.jpg")
    return folder


class Steps(list):
    """What a measurement reports: pairs of steps done and the total."""

    def __call__(self, done, total):
        self.append((done, total))


@pytest.fixture
def steps():
    return Steps()
