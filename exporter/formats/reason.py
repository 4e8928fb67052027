"""Say in one line why a converter failed. Converters say it in hundreds, with the answer somewhere within."""

from __future__ import annotations

import re
import textwrap

_LONGEST = 300  # characters
# Source: what TFLiteConverter of TensorFlow 2.21 says of an operator that TFLite lacks.
_MISSING = re.compile(r"'tf\.(\w+)' op is neither a custom op nor a flex op")


def reason_of(error: Exception) -> str:
    """Return the reason of an error in one line of at most some 300 characters, ending as a sentence does."""
    text = str(error)
    if missing := ", ".join(dict.fromkeys(_MISSING.findall(text))):
        return f"TFLite has no operator for {missing} of TensorFlow. Replace the layer and train again."
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    short = textwrap.shorten(plain, _LONGEST, placeholder=" ...") or type(error).__name__
    return short if short.endswith((".", "!", "?")) else f"{short}."
