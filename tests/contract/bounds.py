"""The numbers that "the same answer everywhere" means.

The tests hold to these bounds, and docs/measurements/parity.md prints them.
"""

from dataclasses import dataclass

STEP = 1 / 256  # of an int8 file's score


@dataclass(frozen=True)
class Bound:
    """How far two answers may differ.

    Args:
        compared: what with what.
        measure: what is compared, with its unit.
        limit: the bound.
        shown: the bound as the page prints it.
        at_least: the measure must be the limit or more; otherwise the limit or less.
    """

    compared: str
    measure: str
    limit: float
    shown: str
    at_least: bool = False

    def holds(self, value: float) -> bool:
        """Say whether a measured value stays within the bound."""
        return value >= self.limit if self.at_least else value <= self.limit


SCORE = "largest difference of a score"
VALUE = "largest difference of a tensor's value, 0-255"
MEAN_VALUE = "mean difference of a tensor's value, 0-255"
BOUNDS = {
    "float32": Bound("float32 file and Keras", SCORE, 1e-5, "1e-5"),
    "float16": Bound("float16 file and Keras", SCORE, 5e-3, "5e-3"),
    "dynamic": Bound("dynamic-range file and Keras", SCORE, 2e-2, "2e-2"),
    "int8": Bound("int8 file and Keras", SCORE, 5e-2, "5e-2"),
    "shipped int8": Bound("shipped int8 or dynamic-range file and Keras, drawings", SCORE, 0.1, "0.1"),
    "photographs float32": Bound("float32 file and Keras, 500 photographs", SCORE, 2e-5, "2e-5"),
    "photographs float16": Bound("float16 file and Keras, 500 photographs", SCORE, 1.5e-2, "1.5e-2"),
    "agreement": Bound(
        "any file and Keras", "same label, share of its test photographs", 0.99, "99 %", at_least=True
    ),
    "backend float32": Bound("one float32 file, two backends or releases", SCORE, 1e-5, "1e-5"),
    "backend float16": Bound("one float16 file, two backends or releases", SCORE, 1e-5, "1e-5"),
    "backend dynamic": Bound("one dynamic-range file, two releases", SCORE, 2e-2, "2e-2"),
    "backend int8": Bound("one int8 file, two backends or releases", SCORE, 2 * STEP, "2/256"),
    "old backend int8": Bound("one int8 file, LiteRT and tflite-runtime 2.14", SCORE, 16 * STEP, "16/256"),
    "arm float32": Bound("one float32 file, Raspberry Pi and x86-64", SCORE, 1e-5, "1e-5"),
    "arm float16": Bound("one float16 file, Raspberry Pi and x86-64", SCORE, 1e-5, "1e-5"),
    "arm dynamic": Bound("one dynamic-range file, Raspberry Pi and x86-64", SCORE, 2e-2, "2e-2"),
    "arm int8": Bound("one int8 file, Raspberry Pi and x86-64", SCORE, 0, "0"),
    "avx2 int8": Bound("one int8 ONNX file, emulated Haswell and the host", SCORE, 0, "0"),
    "jpeg": Bound("picture as JPEG of quality 95 and as array", VALUE, 4, "4"),
    "jpeg smaller": Bound(
        "picture as JPEG decoded at 1/2 or 1/4 scale, 1.8 times the target, and as array", VALUE, 12, "12"
    ),
    "jpeg smallest": Bound(
        "picture as JPEG decoded at 1/2, 1/4 or 1/8 scale, just above the target, and as array", MEAN_VALUE, 4, "4"
    ),
    "lossless frame": Bound("picture as frame of a lossless video and as array", VALUE, 0, "0"),
    "video frame": Bound("picture as frame of MPEG-4 and as array", VALUE, 40, "40"),
    "video colours": Bound("flat colours as frame of MPEG-4 and as array", VALUE, 6, "6"),
}
