"""A server on loopback that speaks just enough RTMP for a real player, and sends an FLV file that FFmpeg wrote.

Source: Adobe's Real-Time Messaging Protocol 1.0, 5.2 (handshake), 5.3 (chunks), 5.4 and 7.2 (messages); Adobe Flash
Video File Format Specification 10.1, E.3 and E.4 (tags); AMF0.
"""

import io
import socket
import struct
import time
from typing import Any

from tests.edge_runtime.camera.stream_servers import Server
from tests.edge_runtime.camera.video_source import HEIGHT, WIDTH, picture

COMMAND, VIDEO, CHUNK_BYTES = 20, 9, 128


def flv_tags(colours: list[str]) -> list[tuple[int, int, bytes]]:
    """Return kind, time in milliseconds and content of each tag of an FLV video."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="flv") as container:
        stream: Any = container.add_stream("flv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for colour in colours:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(colour), format="rgb24")))
        container.mux(stream.encode())
    content, tags, place = file.getvalue(), [], 13
    while place < len(content):
        size = int.from_bytes(content[place + 1 : place + 4])
        milliseconds = int.from_bytes(content[place + 4 : place + 7])
        tags.append((content[place], milliseconds, content[place + 11 : place + 11 + size]))
        place += 11 + size + 4
    return tags


def message(kind: int, milliseconds: int, content: bytes, stream: int = 0) -> bytes:
    """Return a message in chunks."""
    head = b"\4" + milliseconds.to_bytes(3) + len(content).to_bytes(3) + bytes([kind]) + struct.pack("<I", stream)
    parts = [content[start : start + CHUNK_BYTES] for start in range(0, len(content), CHUNK_BYTES)]
    return head + b"\xc4".join(parts)


def text(value: str) -> bytes:
    """Return a text in AMF0."""
    return b"\2" + struct.pack(">H", len(value)) + value.encode()


def number(value: float) -> bytes:
    """Return a number in AMF0."""
    return b"\0" + struct.pack(">d", value)


def status(code: str) -> bytes:
    """Return an object in AMF0 that says how something went."""
    pairs = {"level": "status", "code": code}
    return b"\3" + b"".join(text(key)[1:] + text(value) for key, value in pairs.items()) + b"\0\0\x09"


def speak_rtmp(server: Server, reader: socket.socket) -> None:
    """Answer one player, and send it half a minute of red."""
    greeting = _received(reader, 1 + 1536)
    reader.sendall(b"\3" + bytes(1536) + greeting[1:])
    _received(reader, 1536)
    answers = {
        b"connect": lambda asked: text("_result") + asked + b"\5" + status("NetConnection.Connect.Success"),
        b"createStream": lambda asked: text("_result") + asked + b"\5" + number(1),
        b"play": lambda asked: text("onStatus") + number(0) + b"\5" + status("NetStream.Play.Start"),
    }
    came = b""
    for name, answer in answers.items():
        word = struct.pack(">H", len(name)) + name
        while word not in came or len(came.partition(word)[2]) < 9:
            came += reader.recv(4096)
        reader.sendall(message(COMMAND, 0, answer(came.partition(word)[2][:9])))
    for kind, milliseconds, content in flv_tags(["red"] * 500):
        reader.sendall(message(kind, milliseconds, content, 1))
        time.sleep(0.02 * (kind == VIDEO))


def _received(reader: socket.socket, size: int) -> bytes:
    content = b""
    while len(content) < size:
        content += reader.recv(size - len(content))
    return content
