"""ICC profiles, put together by hand from ICC.1:2010, so that a test knows what they mean."""

from __future__ import annotations

import struct

_D50 = (0.9642, 1.0, 0.8249)
# Display P3's primaries as XYZ, adapted to D50 (Apple's own profile has these)
_P3 = {
    b"rXYZ": (0.51512, 0.24120, -0.00105),
    b"gXYZ": (0.29198, 0.69225, 0.04189),
    b"bXYZ": (0.15710, 0.06657, 0.78407),
}
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def display_p3() -> bytes:
    """As phones write it: a wider space with the curve of sRGB."""
    curve = b"para" + struct.pack(">IHH", 0, 3, 0) + _fixed(*_SRGB_CURVE)
    colours = {name: b"XYZ " + bytes(4) + _fixed(*xyz) for name, xyz in _P3.items()}
    curves = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    return _profile(b"mntr", b"RGB ", b"XYZ ", {**colours, **curves})


def linear_grey() -> bytes:
    """Grey whose numbers are amounts of light."""
    curve = b"curv" + struct.pack(">II", 0, 0)
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": curve})


def black_ink_only() -> bytes:
    """A printer that prints with its black ink alone: L* falls from 100 to 0 with it, whatever the
    other three inks do."""
    lightness = [0 if black else 255 for _ in range(8) for black in (0, 1)]
    grid = b"".join(bytes((each, 128, 128)) for each in lightness)
    table = (
        b"mft1"
        + struct.pack(">I4B", 0, 4, 3, 2, 0)
        + _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
        + bytes(range(256)) * 4
        + grid
        + bytes(range(256)) * 3
    )
    return _profile(b"prtr", b"CMYK", b"Lab ", dict.fromkeys((b"A2B0", b"A2B1"), table))


def _fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _profile(device: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    text = "made by hand".encode("utf-16-be")
    described = b"mluc" + struct.pack(">III2s2sII", 0, 1, 12, b"en", b"US", len(text), 28) + text
    white = b"XYZ " + bytes(4) + _fixed(*_D50)
    every = {b"desc": described, b"cprt": described, b"wtpt": white, **tags}
    directory, data, start = b"", b"", 128 + 4 + 12 * len(every)
    for name, body in every.items():
        directory += struct.pack(">4sII", name, start + len(data), len(body))
        data += body + bytes(-len(body) % 4)
    rest = struct.pack(">I", len(every)) + directory + data
    header = struct.pack(
        ">I4sI4s4s4s12s4s28s12s48s",
        128 + len(rest),
        bytes(4),
        0x04000000 if b"mft1" not in data else 0x02000000,
        device,
        space,
        connection,
        bytes(12),
        b"acsp",
        bytes(28),
        _fixed(*_D50),
        bytes(48),
    )
    return header + rest
