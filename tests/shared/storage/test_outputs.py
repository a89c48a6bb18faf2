"""Blobs: nothing half written is ever visible, the first writer wins, links open one blob only.
Containers in memory, which other tests have instead, do the same."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from threading import Event
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob import BlobClient, BlobServiceClient

from shared.storage.accounts import Account
from shared.storage.links import LinkSigner
from shared.storage.outputs import BLOCK, BlobGone, Blobs
from tests.support import accounts
from tests.support.memory import MemoryAccount


@pytest.fixture
def account(connection: str) -> Account:
    return Account(connection=connection)


@pytest.fixture
def azurite(account: Account) -> Blobs:
    return Blobs(account.container("videos"))


@pytest.fixture(params=["azurite", "memory"])
def blobs(request: pytest.FixtureRequest) -> Blobs:
    if request.param == "memory":
        return Blobs(MemoryAccount(accounts.connection((1, 2, 3), "memory")).container("videos"))
    return request.getfixturevalue("azurite")  # type: ignore[no-any-return]


def write(blobs: Blobs, name: str, *pieces: bytes) -> bool:
    writer = blobs.writer(name)
    with writer.behind() as later:
        _each(later, *pieces)
    digest = hashlib.sha256(b"".join(pieces)).hexdigest()
    return writer.commit(sha256=digest, content_type="video/mp4", facts={"width": "720"})


def test_a_blob_appears_whole_or_not_at_all(blobs: Blobs) -> None:
    with blobs.writer("v/output-0.mp4").behind() as later:
        later(b"one")
    assert blobs.find("v/output-0.mp4") is None
    assert write(blobs, "v/output-0.mp4", b"whole ", b"file")
    found = blobs.find("v/output-0.mp4")
    assert found is not None
    assert (found.size, found.facts) == (10, {"width": "720"})
    assert found.sha256 == hashlib.sha256(b"whole file").hexdigest()
    assert b"".join(blobs.read("v/output-0.mp4", offset=2, length=5)) == b"ole f"


def test_blocks_keep_their_order_whichever_is_staged_first(azurite: Blobs) -> None:
    writer, stage, slow = azurite.writer("v/1"), BlobClient.stage_block, Event()

    def the_first_one_last(client: BlobClient, block_id: str, block: bytes, **more: Any) -> Any:
        if block == b"0 ":
            assert slow.wait(10)  # until one behind it is staged
        try:
            return stage(client, block_id, block, **more)
        finally:
            slow.set()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(BlobClient, "stage_block", the_first_one_last)
        with writer.behind() as later:
            _each(later, *(f"{number} ".encode() for number in range(5)))
    assert writer.commit(sha256="", content_type="video/mp4", facts={})
    assert b"".join(azurite.read("v/1")) == b"0 1 2 3 4 "


def test_a_block_that_cannot_be_staged_is_told(
    azurite: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(client: BlobClient, block_id: str, block: bytes, **_: Any) -> None:
        if block != b"good":
            raise OSError(block.decode())

    monkeypatch.setattr(BlobClient, "stage_block", broken)
    with pytest.raises(OSError, match="first"), azurite.writer("v/1").behind() as later:
        _each(later, b"good", b"first", b"good", b"good")
    with pytest.raises(OSError, match="last"), azurite.writer("v/1").behind() as later:
        _each(later, b"good", b"last")


def _each(write: Callable[[bytes], None], *blocks: bytes) -> None:
    for block in blocks:
        write(block)


def test_the_first_writer_wins_and_the_second_learns_it(blobs: Blobs) -> None:
    assert write(blobs, "v/0", b"first")
    assert not write(blobs, "v/0", b"second")
    assert b"".join(blobs.read("v/0")) == b"first"


def test_json_documents(blobs: Blobs) -> None:
    assert blobs.get_json("v/manifest.json") is None
    blobs.put_json("v/manifest.json", {"a": "ü"})
    assert blobs.get_json("v/manifest.json") == {"a": "ü"}
    blobs.put_json("v/manifest.json", {"a": 2})
    assert blobs.get("v/manifest.json") == (b'{\n  "a": 2\n}', "application/json")


def test_what_is_not_there_is_no_blob(blobs: Blobs) -> None:
    assert (blobs.find("v/0"), blobs.get("v/0"), blobs.delete_all("v/")) == (None, None, 0)
    with pytest.raises(ResourceNotFoundError):
        blobs.read("v/0")
    with pytest.raises(ResourceNotFoundError):
        list(blobs.read("v/0", offset=1, length=1))


def test_an_empty_blob_is_one(blobs: Blobs) -> None:
    assert write(blobs, "v/0")
    blobs.put("v/1", b"", content_type="text/plain")
    assert [blobs.find(name).size for name in ("v/0", "v/1")] == [0, 0]  # type: ignore[union-attr]
    assert blobs.get("v/1") == (b"", "text/plain")
    assert list(blobs.blocks("v/0")) == []


def test_behind_the_end_is_nothing(blobs: Blobs) -> None:
    """Azure refuses to read there; Azurite does not always."""
    write(blobs, "v/0", b"four")
    assert b"".join(blobs.read("v/0", offset=3, length=9)) == b"r"
    with suppress(HttpResponseError):
        assert b"".join(blobs.read("v/0", offset=4, length=1)) == b""
    assert list(blobs.blocks("v/0", offset=4)) == []


def test_a_list_with_a_block_that_was_never_staged_makes_no_blob(blobs: Blobs) -> None:
    writer = blobs.writer("v/0")
    with writer.behind() as later:
        later(b"one")
    writer._blocks.append("bm9uZQ==")
    with pytest.raises(HttpResponseError):
        writer.commit(sha256="", content_type="video/mp4", facts={})
    assert blobs.find("v/0") is None


def test_deleting_by_prefix(blobs: Blobs) -> None:
    write(blobs, "v1/0", b"x")
    write(blobs, "v1/1", b"x")
    write(blobs, "v2/0", b"x")
    assert blobs.delete_all("v1/") == 2
    assert blobs.find("v1/0") is None
    assert blobs.find("v2/0") is not None


def test_a_link_reads_one_blob_and_nothing_else(account: Account, azurite: Blobs) -> None:
    write(azurite, "v/0", b"mine")
    write(azurite, "v/1", b"other")
    signer = LinkSigner(account.blobs, account_key=account.emulator_key)
    link = signer.link("videos", "v/0", "video/mp4")
    with httpx.Client(trust_env=False) as http:
        answer = http.get(link)
        assert (answer.status_code, answer.content) == (200, b"mine")
        assert answer.headers["cache-control"] == "no-store"
        assert http.get(link.replace("v/0?", "v/1?")).status_code == 403
        assert http.delete(link).status_code == 403


class Token:
    """A credential that signs in without a network."""

    def get_token(self, *scopes: str, **extra: Any) -> AccessToken:
        return AccessToken("token", 4_000_000_000)


def test_in_azure_links_are_signed_with_a_user_delegation_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No account key is there; the service's answer is the documented XML."""
    asked: list[str] = []
    body = (
        "<?xml version='1.0' encoding='utf-8'?><UserDelegationKey>"
        "<SignedOid>00000000-0000-0000-0000-000000000001</SignedOid>"
        "<SignedTid>00000000-0000-0000-0000-000000000002</SignedTid>"
        "<SignedStart>2026-11-21T00:00:00Z</SignedStart>"
        "<SignedExpiry>2026-11-21T01:00:00Z</SignedExpiry>"
        "<SignedService>b</SignedService><SignedVersion>2025-01-05</SignedVersion>"
        "<Value>c2VjcmV0IGtleQ==</Value></UserDelegationKey>"
    )

    def send(self: Any, request: Any, **extra: Any) -> Any:
        from azure.core.pipeline.transport import RequestsTransportResponse
        from requests import Response

        asked.append(f"{request.method} {request.url}")
        assert request.headers["Authorization"] == "Bearer token"
        answer = Response()
        answer.status_code, answer._content = 200, body.encode()
        answer.headers["content-type"] = "application/xml"
        return RequestsTransportResponse(request, answer)

    monkeypatch.setattr("azure.core.pipeline.transport.RequestsTransport.send", send)
    service = BlobServiceClient("https://acct.blob.core.windows.net", credential=Token())
    signer = LinkSigner(service, account_key=None)
    now = datetime(2026, 11, 21, 0, 10, tzinfo=UTC)
    first = signer.link("videos", "v/0", "video/mp4", now=now)
    signer.link("videos", "v/1", "video/mp4", now=now)
    assert len(asked) == 1  # the key is kept for as long as it is good for a link
    assert "comp=userdelegationkey" in asked[0]
    parts = urlsplit(first)
    query = parse_qs(parts.query)
    assert parts.netloc == "acct.blob.core.windows.net"
    assert parts.path == "/videos/v/0"
    assert query["skoid"] == ["00000000-0000-0000-0000-000000000001"]
    assert (query["sp"], query["sr"], query["se"]) == (["r"], ["b"], ["2026-11-21T00:25:00Z"])
    signer.link("videos", "v/0", "video/mp4", now=datetime(2026, 11, 21, 0, 56, tzinfo=UTC))
    assert len(asked) == 2


def test_only_an_emulator_has_an_account_key() -> None:
    azure = "AccountName=a;AccountKey=a2V5;BlobEndpoint=https://a.blob.core.windows.net"
    assert Account(connection=azure).emulator_key is None


def test_blocks_are_the_bytes_from_any_place_to_the_end(blobs: Blobs) -> None:
    data = bytes(range(256)) * (2 * BLOCK // 256)  # its end is that of a block
    blobs.put("a", data, content_type="text/plain")
    assert [len(block) for block in blobs.blocks("a")] == [BLOCK, BLOCK]
    for offset, length in ((0, None), (7, None), (BLOCK, 5), (BLOCK - 3, 6), (len(data), None)):
        end = None if length is None else offset + length
        assert b"".join(blobs.blocks("a", offset=offset, length=length)) == data[offset:end]
    with pytest.raises(BlobGone):
        list(blobs.blocks("b"))
