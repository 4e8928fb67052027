"""A converter's words become one line."""

import pytest

from exporter.formats.reason import reason_of

MISSING = "'tf.Erfinv' op is neither a custom op nor a flex op"
CONVERTER = f"""Could not translate MLIR to FlatBuffer.<stdin>:1:1: error: {MISSING}
    x = f(x)
<unknown>:0: note: loc(fused["Erfinv:", "it"]): Error code: ERROR_NEEDS_CUSTOM_OPS
error: failed while converting: 'main': Ops that need custom implementation: {MISSING}
"""


def test_the_operator_that_tflite_lacks_is_named_once():
    """Proves that the one fact is found in what TFLiteConverter says of it in many lines."""
    assert reason_of(RuntimeError(CONVERTER)) == (
        "TFLite has no operator for Erfinv of TensorFlow. Replace the layer and train again."
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bad shape", "bad shape."),
        ("one\n  two\tthree.", "one two three."),
        ("\x1b[31mred\x1b[0m", "red."),
        ("", "ValueError."),
    ],
)
def test_other_words_are_one_sentence(text, expected):
    """Proves that line breaks and colours go, and that an error without words says what it is."""
    assert reason_of(ValueError(text)) == expected


def test_long_words_are_cut():
    """Proves that a wall of text does not fill the terminal."""
    assert len(reason_of(ValueError("word " * 1000))) < 310
