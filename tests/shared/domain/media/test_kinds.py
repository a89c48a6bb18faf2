"""What a file is, whatever it is called: those that people send, taken or not."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from shared.domain.media.kinds import media_type, named
from shared.domain.media.pictures import content_type
from tests.support.movies import movie


def image(kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (32, 32), "red").save(out, kind, **options)
    return out.getvalue()


def of_brands(main: bytes, *others: bytes) -> bytes:
    body = main + bytes(4) + b"".join(others)
    return (8 + len(body)).to_bytes(4) + b"ftyp" + body + b"\0\0\1\0meta"


TAKEN = [
    (image("JPEG"), "image/jpeg"),
    (image("MPO", save_all=True, append_images=[Image.new("RGB", (32, 32))]), "image/jpeg"),
    (image("PNG"), "image/png"),
    (image("WEBP"), "image/webp"),
    (image("AVIF"), "image/avif"),
    (of_brands(b"mif1", b"miaf", b"avif"), "image/avif"),
    (movie(), "video/mp4"),
    (movie(flags="frag_keyframe+empty_moov"), "video/mp4"),
    (b"\0\0\0\x08free" + movie(), "video/mp4"),
    (of_brands(b"mp42", b"isom", b"qt  "), "video/mp4"),
]

NOT_TAKEN = [
    (of_brands(b"heic", b"mif1", b"heic"), "image/heic", "a HEIC"),
    (of_brands(b"mif1", b"mif1", b"heic"), "image/heic", "HEIF"),
    (of_brands(b"heix"), "image/heic", "photo"),
    (of_brands(b"msf1", b"hevc"), "image/heic", "photo"),
    (of_brands(b"crx "), "image/x-canon-cr3", "raw photo"),
    (image("GIF"), "image/gif", "a GIF"),
    (image("TIFF"), "image/tiff", "a TIFF"),
    (image("BMP"), "image/bmp", "a BMP"),
    (image("JPEG2000"), "image/jp2", "JPEG 2000"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "image/jxl", "JPEG XL"),
    (b"\xff\x0a\xfa\x7f", "image/jxl", "JPEG XL"),
    (b"<?xml version='1.0'?>\n<svg xmlns='x'/>", "image/svg+xml", "SVG"),
    (b"\n<!DOCTYPE HTML><html>", "text/html", "web page"),
    (b"%PDF-1.7", "application/pdf", "PDF"),
    (movie(suffix=".mov", faststart=False), "video/quicktime", "MOV"),
    (b"\0\0\0\x08wide\0\0\0\x10mdat" + bytes(8), "video/quicktime", "MOV"),
    (b"\0\0\1\0moov\0\0\0\x6cmvhd", "video/quicktime", "MOV"),
    (movie(suffix=".mkv", faststart=False), "video/matroska", "MKV"),
    (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm", "video/webm", "a WebM"),
    (movie(suffix=".avi", faststart=False), "video/x-msvideo", "an AVI"),
    (movie(suffix=".ts", faststart=False), "video/mp2t", "MPEG transport"),
    (movie(suffix=".flv", faststart=False), "video/x-flv", "FLV"),
    (movie(suffix=".wmv", faststart=False), "video/x-ms-wmv", "WMV"),
    (b"\0\0\1\xba\x44", "video/mpeg", "MPEG-2"),
]


@pytest.mark.parametrize(("data", "kind"), TAKEN)
def test_what_is_taken(data: bytes, kind: str) -> None:
    assert media_type(data) == content_type(data) == kind


@pytest.mark.parametrize(("data", "kind", "name"), NOT_TAKEN)
def test_what_is_not_taken_has_a_name(data: bytes, kind: str, name: str) -> None:
    assert media_type(data) == kind
    assert name in named(kind)
    assert content_type(data) is None


@pytest.mark.parametrize("data", [b"", b"\0", b"MZ", b"GIF", b"a fox", b"{}", bytes(600), b"RIFF"])
def test_anything_else_is_not_known(data: bytes) -> None:
    assert media_type(data) is None


def test_padding_without_an_end_is_given_up() -> None:
    for size in (0, 1, 7, 8, 2**32 - 1):
        assert media_type((size.to_bytes(4) + b"free") * 1000) == "video/quicktime"
