"""Image files as arrays: (H, W, C), bands in file order but RGB(A) for colour, in their own type.

PNG, JPEG and plain TIFF go through OpenCV, GeoTIFF and many-band TIFF through rasterio, `.npy` through NumPy.
The content decides how a file is read; its name only decides how one is written.
"""

from refsr.data.images.files import probe_image, read_image, write_image
from refsr.data.images.headers import IMAGE_SUFFIXES, file_kind, named_kind
from refsr.data.images.info import DTYPES, Array, ImageInfo, check_array, check_window, info_of
from refsr.data.images.listing import images_in
from refsr.data.images.plain import encode

__all__ = [
    "DTYPES",
    "IMAGE_SUFFIXES",
    "Array",
    "ImageInfo",
    "check_array",
    "check_window",
    "encode",
    "file_kind",
    "images_in",
    "info_of",
    "named_kind",
    "probe_image",
    "read_image",
    "write_image",
]
