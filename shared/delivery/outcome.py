"""What a receiver made of an announcement."""


class Undelivered(Exception):
    """An attempt that failed. The message is short and has no URL, secret or answer in it.

    `status` is the answer's, where there was one; `gone` when the receiver says that it is closed
    for good (410).
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.gone = status == 410
