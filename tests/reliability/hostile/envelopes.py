"""Requests whose headers contradict their body: encodings, charsets, lengths. None may be accepted."""

import gzip
import socket
import zlib
from typing import NamedTuple
from urllib.parse import urlsplit

ROWS = b'{"mutations": [{"op": "ADD", "frame": {"frame_id": "smuggled"}}]}'
JSON = b"content-type: application/json"
PATIENCE = 15.0
"""Seconds to wait for a response."""


class Envelope(NamedTuple):
    """A request without its first line."""

    headers: tuple[bytes, ...]
    body: bytes
    counted: bool = True
    """Whether to add the true content length."""


def _encoded(encoding: bytes, body: bytes = ROWS) -> Envelope:
    return Envelope((JSON, b"content-encoding: " + encoding), body)


def _typed(media_type: bytes, body: bytes = ROWS) -> Envelope:
    return Envelope((b"content-type: " + media_type,), body)


ENVELOPES = {
    "gzip": _encoded(b"gzip", gzip.compress(ROWS)),
    "gzip that is not gzip": _encoded(b"gzip"),
    "undeclared gzip": Envelope((JSON,), gzip.compress(ROWS)),
    "gzip twice": _encoded(b"gzip, gzip", gzip.compress(gzip.compress(ROWS))),
    "gzip inside gzip, to a gigabyte": _encoded(b"gzip", gzip.compress(gzip.compress(bytes(2**20)))),
    "deflate": _encoded(b"deflate", zlib.compress(ROWS)),
    "br": _encoded(b"br"),
    "zstd": _encoded(b"zstd"),
    "an unknown encoding": _encoded(b"x" * 500),
    "two encoding headers": Envelope((JSON, b"content-encoding: identity", b"content-encoding: gzip"), ROWS),
    "another type": _typed(b"text/plain"),
    "a form": _typed(b"application/x-www-form-urlencoded"),
    "a multipart type": _typed(b"multipart/form-data; boundary=x"),
    "charset Latin-1": _typed(b"application/json; charset=latin-1"),
    "charset UTF-16": _typed(b"application/json; charset=utf-16", ROWS.decode().encode("utf-16")),
    "undeclared UTF-16": _typed(b"application/json", ROWS.decode().encode("utf-16")),
    "a byte order mark": _typed(b"application/json", b"\xef\xbb\xbf" + ROWS),
    "overlong UTF-8": _typed(b"application/json", ROWS.replace(b"smuggled", b"\xc0\xae\xc0\xae")),
    "no type": Envelope((), ROWS),
    "an invalid length": Envelope((JSON, b"content-length: 1e2"), ROWS, counted=False),
    "two lengths": Envelope((JSON, b"content-length: 2", b"content-length: 65"), ROWS, counted=False),
    "a negative length": Envelope((JSON, b"content-length: -1"), ROWS, counted=False),
    "a length and chunks": Envelope(
        (JSON, b"content-length: 5", b"transfer-encoding: chunked"), b"0\r\n\r\n" + ROWS, counted=False
    ),
    "a chunk without a size": Envelope((JSON, b"transfer-encoding: chunked"), b"zz\r\n" + ROWS, counted=False),
    "an unknown transfer encoding": Envelope((JSON, b"transfer-encoding: xchunked"), ROWS, counted=False),
    "a line break in a header": Envelope((JSON + b"\r\n folded",), ROWS),
}
"""The requests, by what is wrong with them."""


def status_of(origin: str, path: str, key: str, envelope: Envelope) -> int | None:
    """Sends a request as it is, over a connection of its own. Returns the status; None if the connection closes
    without a response."""
    where = urlsplit(origin)
    length = (b"content-length: %d" % len(envelope.body),) if envelope.counted else ()
    first = f"POST {path} HTTP/1.1\r\nhost: {where.netloc}\r\nx-api-key: {key}\r\nconnection: close".encode()
    request = b"\r\n".join([first, *envelope.headers, *length, b"", envelope.body])
    with socket.create_connection((where.hostname or "", where.port or 80), timeout=PATIENCE) as connection:
        connection.sendall(request)
        try:
            line = connection.makefile("rb").readline()
        except ConnectionResetError:
            return None
    return int(line.split()[1]) if line.startswith(b"HTTP/") else None
