"""Pictures of 128 x 128 pixels that no script needs to resize, and scripts that run in this process."""

import io
import json
import sys

import numpy as np
import pytest
from PIL import Image

SIDE = 128  # of the shipped bundle's input


@pytest.fixture(scope="session")
def squares(tmp_path_factory):
    """Three RGB pictures and a grey one, of the size of the shipped bundle's input."""
    folder = tmp_path_factory.mktemp("squares")
    noise = np.random.default_rng(0)
    for number in range(3):
        pixels = noise.integers(0, 256, (SIDE // 8, SIDE // 8, 3)).astype(np.uint8)
        Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(folder / f"{number}.png")
    Image.new("L", (SIDE, SIDE), 90).save(folder / "grey.png")
    return folder


@pytest.fixture
def answers(monkeypatch, capsys):
    """Return a function that runs a peer's `main` on pictures and gives what it answers once it is ready."""

    def run(main, *arguments, pictures):
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{picture}\n" for picture in pictures)))
        main(*arguments)
        ready, *lines = map(json.loads, capsys.readouterr().out.splitlines())
        assert ready is True
        return lines

    return run
