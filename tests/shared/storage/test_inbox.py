"""Files in the inbox: one version is read, and no other. In Azurite, and in memory, which other
tests have instead."""

from __future__ import annotations

import time
from typing import Any

import pytest
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import ContentSettings

from shared.storage.accounts import Account
from shared.storage.inbox import Gone, Inbox
from tests.support import accounts
from tests.support.memory import MemoryAccount


@pytest.fixture(params=["azurite", "memory"])
def account(request: pytest.FixtureRequest) -> Account:
    if request.param == "memory":
        return MemoryAccount(accounts.connection((1, 2, 3), "memory"))
    return Account(connection=request.getfixturevalue("connection"))


@pytest.fixture
def container(account: Account) -> Any:
    return account.container("inbox")


@pytest.fixture
def inbox(account: Account, container: Any) -> Inbox:
    return Inbox(container, account.blobs.url)


def test_a_file_is_found_with_what_is_known_of_it(inbox: Inbox, container: Any) -> None:
    began = time.time()
    container.get_blob_client("a/b.txt").upload_blob("ä fox", overwrite=True, metadata={"k": "v"})
    found = inbox.find("a/b.txt")
    assert found is not None
    assert (found.size, dict(found.metadata), found.copied) == (6, {"k": "v"}, True)
    assert abs(found.changed_at - began) < 3600
    assert (found.charset, found.has_content) == (None, True)
    assert inbox.read(found) == "ä fox".encode()
    assert inbox.find("a/c.txt") is None


def test_the_url_of_a_file_names_it(inbox: Inbox, container: Any) -> None:
    for name in ("a/b.txt", "a/ü b%.txt", "a/it's~(1)+&=.txt"):
        url = container.get_blob_client(name).url
        assert inbox.position_of(url) == ("inbox", name)


def test_a_version_that_was_replaced_or_deleted_is_gone(inbox: Inbox, container: Any) -> None:
    container.upload_blob("a.txt", b"one")
    old = inbox.find("a.txt")
    assert old is not None
    with pytest.raises(ResourceExistsError):
        container.upload_blob("a.txt", b"two")
    assert inbox.read(old) == b"one"
    container.upload_blob("a.txt", b"two", overwrite=True)
    new = inbox.find("a.txt")
    assert new is not None
    assert (inbox.read(old), inbox.read(new)) == (None, b"two")
    container.delete_blob("a.txt")
    with pytest.raises(Gone):
        list(inbox.pieces(new))


def test_a_charset_that_comes_later_is_another_version(inbox: Inbox, container: Any) -> None:
    container.upload_blob("a.txt", b"a fox", metadata={"k": "v"})
    old = inbox.find("a.txt")
    settings = ContentSettings(content_type="text/plain; charset=latin-1")
    container.get_blob_client("a.txt").set_http_headers(settings)
    new = inbox.find("a.txt")
    assert old is not None
    assert new is not None
    assert (new.charset, dict(new.metadata)) == ("latin-1", {"k": "v"})
    assert (inbox.read(new), new.etag == old.etag) == (b"a fox", False)
