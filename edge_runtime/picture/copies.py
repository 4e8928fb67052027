"""Find files with the same bytes: each counts once, and under two classes not at all."""

from __future__ import annotations

from collections.abc import Sequence

from edge_runtime.picture.left_out import Cause, LeftOut


def find_copies(
    names: Sequence[str], hashes: Sequence[str], classes: Sequence[int], labels: tuple[str, ...]
) -> list[LeftOut | None]:
    """Return for each file why it is left out; None for a file that counts.

    Of several files with the same bytes the first one counts. If they are filed under two classes, none does.

    Args:
        names: the path of each file inside its folder.
        hashes: the SHA-256 of each file, hex; empty for one that was not read.
        classes: the index of each file's label; -1 when unknown.
        labels: the names of the labels.
    """
    classes_of: dict[str, set[int]] = {}
    for sha256, label in zip(hashes, classes, strict=True):
        classes_of.setdefault(sha256, set()).add(label)
    first: dict[str, str] = {}
    found: list[LeftOut | None] = []
    for name, sha256 in zip(names, hashes, strict=True):
        known = sorted(classes_of[sha256] - {-1})
        if not sha256:
            found.append(None)
        elif len(known) > 1:
            words = " and ".join(labels[index] for index in known)
            found.append(LeftOut(name, Cause.TWO_CLASSES, f"the same file is filed under {words}"))
        elif sha256 in first:
            found.append(LeftOut(name, Cause.COPY, f"exact copy of {first[sha256]}"))
        else:
            first[sha256] = name
            found.append(None)
    return found
