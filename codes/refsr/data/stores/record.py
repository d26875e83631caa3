"""How one image lies in a packed store: a header that describes it, and its bytes."""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from refsr.core.errors import StoreError
from refsr.data.images import DTYPES, Array, ImageInfo

CODECS = ("raw", "deflate")
STORED = (*DTYPES, "int16")
"""Types that records may have: those of images, and one more of cubes."""
CHANGED = "the bytes are not those that were packed"
FIELDS = {"shape", "dtype", "codec", "digest", "source"}


@dataclass(frozen=True)
class Header:
    """Everything about a stored image but its pixels."""

    shape: tuple[int, int, int]
    dtype: str
    codec: str
    digest: str
    source: str
    """What identifies the file that it was packed from, so that a rerun knows what is done."""
    beside: Mapping[str, Any] | None = None
    """Of a cube, what its file says beside its values: wavelengths, bad bands, nodata value, geotransform."""

    @property
    def info(self) -> ImageInfo:
        return ImageInfo(*self.shape, self.dtype)

    @property
    def size(self) -> int:
        """Bytes of the decoded image."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize

    def encode(self) -> bytes:
        fields = asdict(self)
        if self.beside is None:
            # As records were before cubes had any of this.
            del fields["beside"]
        return json.dumps(fields, sort_keys=True).encode()

    @staticmethod
    def decode(text: bytes) -> Header:
        """The header in `text`; a ValueError says what is wrong with it."""
        try:
            fields = json.loads(bytes(text))
        except RecursionError:
            raise ValueError("the header is nested too deep") from None
        if not isinstance(fields, dict) or set(fields) - {"beside"} != FIELDS:
            raise ValueError("the header has other fields")
        shape, beside = tuple(fields.pop("shape")), fields.pop("beside", None)
        header = Header(shape, beside=beside, **fields)
        if len(header.shape) != 3 or not all(isinstance(side, int) and side > 0 for side in header.shape):
            raise ValueError(f"the header's shape is {header.shape}")
        if not isinstance(beside, (dict, type(None))):
            raise ValueError(f"what is beside the image is {beside!r}")
        if header.dtype not in STORED or header.codec not in CODECS:
            raise ValueError(f"the header names type {header.dtype!r} and codec {header.codec!r}")
        return header


def pack(image: Array, codec: str, source: str, beside: Mapping[str, Any] | None = None) -> tuple[Header, bytes]:
    """(H, W, C) as header and bytes."""
    plain = np.ascontiguousarray(image)
    data = plain.tobytes() if codec == "raw" else _deflate(plain)
    blank = Header((image.shape[0], image.shape[1], image.shape[2]), str(image.dtype), codec, "", source, beside)
    return replace(blank, digest=digest(blank, data)), data


def unpack(header: Header, data: Any) -> Array:
    """The image; of a raw record a read-only view into `data`, no copy."""
    if header.codec == "raw":
        if len(data) != header.size:
            raise StoreError(f"{len(data)} bytes are stored where {header.info} needs {header.size}")
        return np.frombuffer(data, dtype=header.dtype).reshape(header.shape)
    return _inflate(header, data)


def digest(header: Header, data: Any) -> str:
    """What the header's digest must be: it covers the pixels and the fields that give them meaning."""
    fields: list[Any] = [header.shape, header.dtype, header.codec, header.source]
    if header.beside is not None:
        fields.append(header.beside)
    meaning = json.dumps(fields, sort_keys=True).encode()
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
