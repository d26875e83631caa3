"""How one image lies in a packed store: a header that describes it, and its bytes."""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from refsr.core.errors import StoreError
from refsr.data.images import DTYPES, Array, ImageInfo

CODECS = ("raw", "deflate")


@dataclass(frozen=True)
class Header:
    """Everything about a stored image but its pixels."""

    shape: tuple[int, int, int]
    dtype: str
    codec: str
    digest: str
    source: str
    """What identifies the file that it was packed from, so that a rerun knows what is done."""

    @property
    def info(self) -> ImageInfo:
        return ImageInfo(*self.shape, self.dtype)

    @property
    def size(self) -> int:
        """Bytes of the decoded image."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize

    def encode(self) -> bytes:
        return json.dumps(asdict(self), sort_keys=True).encode()

    @staticmethod
    def decode(text: bytes) -> Header:
        """The header in `text`; a ValueError says what is wrong with it."""
        fields = json.loads(bytes(text))
        if not isinstance(fields, dict) or set(fields) != {"shape", "dtype", "codec", "digest", "source"}:
            raise ValueError("the header has other fields")
        header = Header(tuple(fields["shape"]), *(fields[name] for name in ("dtype", "codec", "digest", "source")))
        if len(header.shape) != 3 or not all(isinstance(side, int) and side > 0 for side in header.shape):
            raise ValueError(f"the header's shape is {header.shape}")
        if header.dtype not in DTYPES or header.codec not in CODECS:
            raise ValueError(f"the header names type {header.dtype!r} and codec {header.codec!r}")
        return header


def pack(image: Array, codec: str, source: str) -> tuple[Header, bytes]:
    """(H, W, C) as header and bytes."""
    plain = np.ascontiguousarray(image)
    data = plain.tobytes() if codec == "raw" else _deflate(plain)
    blank = Header((image.shape[0], image.shape[1], image.shape[2]), str(image.dtype), codec, "", source)
    return Header(blank.shape, blank.dtype, codec, digest(blank, data), source), data


def unpack(header: Header, data: Any) -> Array:
    """The image; of a raw record a read-only view into `data`, no copy."""
    if header.codec == "raw":
        if len(data) != header.size:
            raise StoreError(f"{len(data)} bytes are stored where {header.info} needs {header.size}")
        return np.frombuffer(data, dtype=header.dtype).reshape(header.shape)
    return _inflate(header, data)


def digest(header: Header, data: Any) -> str:
    """What the header's digest must be: it covers the pixels and the fields that give them meaning."""
    meaning = json.dumps([header.shape, header.dtype, header.codec, header.source]).encode()
    return hashlib.blake2b(data, digest_size=16, key=hashlib.blake2b(meaning, digest_size=16).digest()).hexdigest()


def _deflate(image: Array) -> bytes:
    """Differences along rows deflate far better than pixels; integers of the same width wrap without loss."""
    words = image.view(f"u{image.dtype.itemsize}")
    difference = words.copy()
    difference[:, 1:] -= words[:, :-1]
    return zlib.compress(difference.tobytes(), 6)


def _inflate(header: Header, data: Any) -> Array:
    try:
        # The bound keeps a forged record from filling the memory.
        plain = zlib.decompressobj().decompress(data, header.size + 1)
    except zlib.error as error:
        raise StoreError(f"the record does not inflate: {error}") from error
    if len(plain) != header.size:
        raise StoreError(f"the record inflates to another size than {header.info} needs")
    words = np.frombuffer(plain, dtype=f"u{np.dtype(header.dtype).itemsize}").reshape(header.shape)
    return np.cumsum(words, axis=1, dtype=words.dtype).view(header.dtype)
