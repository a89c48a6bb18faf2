"""The outcome of an attempt to deliver."""


class Undelivered(Exception):
    """An attempt failed. The message is short and contains no URL, secret or answer.

    `status` is the answer's, if there was one; `gone` if the receiver is closed for good (410).
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.gone = status == 410
