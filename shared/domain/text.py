"""Text that came from outside, where it has to be written down."""


def plain(text: str) -> str:
    """The text with `?` for halves of surrogate pairs: JSON may hold them, UTF-8 may not."""
    return text.encode(errors="replace").decode()
