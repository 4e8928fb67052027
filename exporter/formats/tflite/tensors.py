"""What a TFLite file computes on the way from picture to scores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.picture.preprocessing import Pixels


def tensors_of(content: bytes, pictures: Pixels, names: list[str]) -> Iterator[list[NDArray[Any]]]:
    """Yield the named tensors for each picture, with quantised values as the `float64` numbers that they stand for.

    Args:
        content: a TFLite file that takes pictures as `uint8` or `float32`.
        pictures: `uint8 (N, H, W, 3) RGB 0-255`.
        names: names of tensors.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    details = {tensor["name"]: tensor for tensor in interpreter.get_tensor_details()}
    source = interpreter.get_input_details()[0]
    for picture in pictures:
        interpreter.set_tensor(source["index"], picture[None].astype(source["dtype"]))
        interpreter.invoke()
        wanted = [details[name] for name in names]
        yield [_real(interpreter.get_tensor(tensor["index"]), *tensor["quantization"]) for tensor in wanted]


def _real(values: NDArray[Any], scale: float, zero_point: int) -> NDArray[Any]:
    return (values.astype(np.float64) - zero_point) * scale if scale else values
