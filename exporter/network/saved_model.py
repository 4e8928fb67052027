"""Load a SavedModel folder of TensorFlow as a Keras model of one layer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_runtime.bounded_file import read_bounded, reason_of
from exporter.errors import SourceError

if TYPE_CHECKING:
    import keras

_MAX_GRAPH_BYTES = 2**31 - 1  # of a protocol buffer
# A SavedModel is a program. These operators reach beyond it, and no classifier of pictures needs them.
_REACHING = (
    "ReadFile", "WriteFile", "MatchingFiles", "PyFunc", "PyFuncStateless", "EagerPyFunc", "WholeFileReader",
    "WholeFileReaderV2", "TextLineReader", "TextLineReaderV2", "TFRecordReader", "TFRecordReaderV2", "LMDBReader",
    "FixedLengthRecordReader", "FixedLengthRecordReaderV2", "LoadLibrary", "TextLineDataset", "TFRecordDataset",
    "FixedLengthRecordDataset", "FixedLengthRecordDatasetV2", "SaveDataset", "SaveDatasetV2", "LoadDataset",
    "PrintV2", "WriteScalarSummary", "CreateSummaryFileWriter", "RpcCall", "RpcClient", "DebugIdentityV3",
)  # fmt: skip
_SAVING = ("Save", "SaveV2", "SaveSlices", "Restore", "RestoreV2", "MergeV2Checkpoints")
_PREFERRED = ("serving_default", "serve")


def load_saved_model(path: Path) -> keras.Model:
    """Return a Keras model that computes what the signature for serving does.

    Raises:
        SourceError: it cannot be loaded, takes no picture, gives several outputs, or reaches beyond itself.
    """
    _refuse_reaching(path)
    import keras
    import tensorflow as tf

    try:
        loaded = tf.saved_model.load(str(path))
    except MemoryError:
        raise
    except Exception as error:  # almost anything, of damaged folders
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise SourceError(
            f"{path}: TensorFlow cannot load it ({reason:.300}). Copy the folder again, or export the model again."
        ) from error
    signature = _signature(loaded, path)
    given = signature.structured_input_signature[1]
    if len(given) != 1 or len(signature.structured_outputs) != 1:
        raise SourceError(
            f"{path}: expected one input and one output, received the inputs {', '.join(sorted(given))} and the "
            "outputs "
            f"{', '.join(sorted(signature.structured_outputs))}. Export a model of one picture and its scores."
        )
    [(name, spec)], [output] = given.items(), signature.structured_outputs
    if spec.dtype not in (tf.float32, tf.float16, tf.uint8) or spec.shape.rank != 4:
        raise SourceError(
            f"{path}: expected pictures as numbers (N, height, width, channels), received {spec.dtype.name} "
            f"{spec.shape}. Export the model without a step that decodes files."
        )

    class SavedModelLayer(keras.layers.Layer):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(trainable=False)
            self.function, self.program = signature, loaded  # the program owns the variables

        def call(self, image: Any) -> Any:
            return self.function(**{name: tf.cast(image, spec.dtype)})[output]

        def compute_output_spec(self, image: Any) -> Any:
            known = signature.structured_outputs[output].shape
            return keras.KerasTensor((image.shape[0], *known[1:]), "float32")

    batch = spec.shape[0]
    image = keras.Input(batch_shape=(batch, *spec.shape[1:]), name="image")
    return keras.Model(image, SavedModelLayer()(image))


def _signature(loaded: Any, path: Path) -> Any:
    names = list(loaded.signatures)
    name = next((name for name in (*_PREFERRED, *names) if name in names), None)
    if name is None:
        raise SourceError(f"{path}: has no signature, so it says no input. Export it with model.export('folder').")
    return loaded.signatures[name]


def _refuse_reaching(path: Path) -> None:
    """Refuse a program that reads or writes files, or runs Python.

    Raises:
        SourceError: it does, or its graph cannot be read.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    graph = saved_model_pb2.SavedModel()
    try:
        graph.ParseFromString(read_bounded(path / "saved_model.pb", _MAX_GRAPH_BYTES))
    except (OSError, DecodeError) as error:
        raise SourceError(f"{path}: saved_model.pb cannot be read ({reason_of(error)}). Copy it again.") from error
    for meta in graph.meta_graphs:
        everywhere = {node.op for nodes in _all_nodes(meta.graph_def) for node in nodes}
        found = sorted(everywhere.intersection(_REACHING)) + sorted(_served(meta).intersection(_SAVING))
        if found:
            raise SourceError(
                f"{path}: has the operator {found[0]}, which reaches beyond the model. Export a model without it."
            )


def _all_nodes(graph: Any) -> Iterator[Any]:
    yield graph.node
    for function in graph.library.function:
        yield function.node_def


def _served(meta: Any) -> set[str]:
    """Return the operators that the signatures use."""
    functions = {function.signature.name: function.node_def for function in meta.graph_def.library.function}
    nodes = {node.name: node for node in meta.graph_def.node}
    outputs = [info.name for item in meta.signature_def.values() for info in item.outputs.values()]
    waiting = [nodes[name.partition(":")[0]] for name in outputs if name.partition(":")[0] in nodes]
    found: set[str] = set()
    seen: set[str] = set()
    while waiting:
        node = waiting.pop()
        found.add(node.op)
        called = {node.op, *_functions(node)}
        inputs = {name.lstrip("^").partition(":")[0] for name in node.input}
        waiting += [nodes.pop(name) for name in inputs & nodes.keys()]
        for name in (called & functions.keys()) - seen:
            seen.add(name)
            waiting += list(functions[name])
    return found


def _functions(node: Any) -> Iterator[str]:
    for value in node.attr.values():
        yield value.func.name
        yield from (function.name for function in value.list.func)
