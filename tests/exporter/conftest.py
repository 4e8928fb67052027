"""A small real training run that the exporter's tests share."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from exporter.source import Source, read_source
from trainer.config import TrainConfig
from trainer.run_folder import start_run
from trainer.sample import write_sample
from trainer.training import train


class Silent:
    """Watches a training run or an export and says nothing."""

    def on_download(self, done_bytes, total_bytes): ...
    def on_scan(self, done, total): ...
    def on_dataset(self, dataset): ...
    def on_step(self, number, step, steps, loss, accuracy): ...
    def on_epoch(self, number, epoch): ...


@dataclass
class Stages:
    """Notes the stages of an export."""

    names: list[str]

    def on_stage(self, name):
        self.names.append(name)

    def on_progress(self, done, total): ...


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory) -> Path:
    """A report network at 64 pixels, trained for two epochs on 2 x 40 drawings."""
    root = tmp_path_factory.mktemp("export")
    data = write_sample(root / "drawn", count_per_class=40)
    config = TrainConfig(data=str(data), image_size=64, epochs=2, batch_size=8, test_fraction=0.3)
    start_run(root / "runs", "small", config)
    folder, _ = train(config, "small", runs=root / "runs", observer=Silent(), cache=root / "cache")
    return folder


@pytest.fixture
def source(run_folder) -> Source:
    return read_source(run_folder)
