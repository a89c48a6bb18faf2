"""What a file may be called."""

import pytest

from shared.domain.files import plain_filename


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("requests.jsonl", "requests.jsonl"),
        ("first frame.png", "first frame.png"),
        ("Füchse 🦊.png", "Füchse 🦊.png"),
        ("/home/me/fox.png", "fox.png"),
        ("C:\\Users\\me\\fox.png", "fox.png"),
        ("../../etc/passwd", "passwd"),
        (".env", ".env"),
        ("x" * 255, "x" * 255),
        ("a/" * 300 + "fox", "fox"),
    ],
)
def test_a_name_has_no_folder(sent: str, kept: str) -> None:
    assert plain_filename(sent) == kept


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ("", "names no file"),
        ("folder/", "names no file"),
        ("..", "names no file"),
        (" ", "names no file"),
        ("x" * 256, "more than 255 characters"),
        ("a\nb", "control character"),
        ("a\0b", "control character"),
        ("a\x85b", "control character"),
        ("a\ud800", "control character"),
    ],
)
def test_what_is_no_name(sent: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        plain_filename(sent)
