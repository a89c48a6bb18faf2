"""What a file is, by its first bytes; its name and its declared type are ignored.

Unsupported kinds are recognised too, so a refusal can name them.
"""

import re

IMAGES = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP", "image/avif": "AVIF"}
"""The accepted images, with Pillow's names for them."""
TAKEN_IMAGES = "a JPEG, PNG, WebP or AVIF image"
VIDEO = "video/mp4"
"""The accepted video."""
_QUICKTIME = "video/quicktime"
_HEIC = "image/heic"

_SIGNS = {
    rb"\xff\xd8\xff": "image/jpeg",
    rb"\x89PNG\r\n\x1a\n": "image/png",
    rb"RIFF....WEBP": "image/webp",
    rb"GIF8": "image/gif",
    rb"II\*\0|MM\0\*": "image/tiff",
    rb"BM....\0\0\0\0": "image/bmp",
    rb"\xff\x0a|\0\0\0\x0cJXL ": "image/jxl",
    rb"\0\0\0\x0cjP  ": "image/jp2",
    rb"\x1a\x45\xdf\xa3.{0,60}webm": "video/webm",
    rb"\x1a\x45\xdf\xa3": "video/matroska",
    rb"RIFF....AVI ": "video/x-msvideo",
    rb"\0\0\x01[\xb3\xba]": "video/mpeg",
    rb"G.{187}G.{187}G": "video/mp2t",
    rb"FLV\x01": "video/x-flv",
    rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "video/x-ms-wmv",
    rb"%PDF-": "application/pdf",
    rb"(?i:\s*<(!doctype html|html))": "text/html",
    rb"(?i:\s*(<\?xml.*)?<svg)": "image/svg+xml",
}
_SIGNED_WITHIN = 400
RECOGNISED = 512
"""Bytes from which the kind of any file is known."""

_BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), "image/avif"),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"), _HEIC),
    b"crx ": "image/x-canon-cr3",
    b"qt  ": _QUICKTIME,
}
"""Kinds of box files by their main brand; any other brand counts as an MP4."""
_ANY_IMAGE = (b"mif1", b"msf1", b"miaf")
_LONGEST_BRANDS = 256
_PADDING = (b"free", b"skip", b"wide")
_MOST_PADDING = 8

_NAMES = {
    "image/jpeg": "a JPEG image",
    "image/png": "a PNG image",
    "image/webp": "a WebP image",
    "image/avif": "an AVIF image",
    _HEIC: "a HEIC (HEIF) photo",
    "image/gif": "a GIF",
    "image/tiff": "a TIFF image or a camera's raw photo",
    "image/x-canon-cr3": "a camera's raw photo",
    "image/bmp": "a BMP image",
    "image/jxl": "a JPEG XL image",
    "image/jp2": "a JPEG 2000 image",
    "image/svg+xml": "an SVG drawing",
    "application/pdf": "a PDF",
    "text/html": "a web page",
    VIDEO: "an MP4 video",
    _QUICKTIME: "a QuickTime movie (MOV)",
    "video/webm": "a WebM video",
    "video/matroska": "a Matroska video (MKV)",
    "video/x-msvideo": "an AVI video",
    "video/mp2t": "an MPEG transport stream (TS)",
    "video/mpeg": "an MPEG-1 or MPEG-2 video",
    "video/x-flv": "a Flash video (FLV)",
    "video/x-ms-wmv": "a Windows Media video (WMV)",
}


def media_type(data: bytes | bytearray) -> str | None:
    """What a file is, accepted or not; None if it is not recognised."""
    head = bytes(data[:_SIGNED_WITHIN])
    for sign, kind in _SIGNS.items():
        if re.match(sign, head, re.DOTALL):
            return kind
    return _of_boxes(data)


def named(kind: str) -> str:
    """The everyday name of a kind, with its article."""
    return _NAMES[kind]


def not_taken(data: bytes, taken: str) -> str:
    """What a file is instead of what is `taken`: a sentence whose subject is the file."""
    kind = media_type(data)
    what = f"is {named(kind)}, not" if kind else "is not" if data else "is empty, not"
    advice = " Send it as a JPEG or PNG." if kind and kind.startswith("image/") else ""
    return f"{what} {taken}.{advice}"


def _of_boxes(data: bytes | bytearray) -> str | None:
    """What a box file is: by ISO/IEC 14496-12, or a QuickTime file from before brands."""
    at = 0
    for _ in range(_MOST_PADDING):
        size, name = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        if name == b"ftyp":
            return _branded(bytes(data[at + 8 : at + min(size, _LONGEST_BRANDS)]))
        if name not in _PADDING or size < 8:
            break
        at += size
    return _QUICKTIME if data[4:8] in (*_PADDING, b"moov", b"mdat", b"pnot") else None


def _branded(brands: bytes) -> str:
    """By the main brand; if that only says 'image', by the compatible brands."""
    main = brands[:4]
    if main in _ANY_IMAGE:
        others = {brands[at : at + 4] for at in range(8, len(brands), 4)}
        return "image/avif" if others & {b"avif", b"avis"} else _HEIC
    return _BRANDS.get(main, VIDEO)
