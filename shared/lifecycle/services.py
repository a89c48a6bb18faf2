"""What the use cases work with, built once per process on first use."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from shared.delivery.courier import Courier
from shared.delivery.topic import Topic
from shared.domain.limits import QUOTES_A_MINUTE
from shared.lifecycle.requests.pace import Pace
from shared.settings.app import Settings, settings
from shared.storage import names
from shared.storage.accounts import Account
from shared.storage.approvals import Approvals
from shared.storage.batches import Batches
from shared.storage.deployments import Deployments
from shared.storage.files import Files
from shared.storage.idempotency import Idempotency
from shared.storage.inbox import LONE_IMAGES, UNFINISHED_FILES, Inbox, WaitingFiles
from shared.storage.jobs import Jobs
from shared.storage.latencies import Latencies
from shared.storage.ledger import Ledger
from shared.storage.links import LinkSigner
from shared.storage.outbox import Outbox
from shared.storage.outputs import Blobs
from shared.storage.places import Places
from shared.storage.rows import RowChanged
from shared.storage.snapshots import Snapshots
from shared.storage.videos import Videos
from shared.storage.work import WorkTable
from shared.upstream.protocol import Dialect
from shared.upstream.registry import Upstreams


@dataclass(frozen=True, kw_only=True)
class Services:
    """Settings, storage, upstreams and receivers of one app. `clock` gives unix seconds."""

    settings: Settings
    account: Account
    videos: Videos
    work: WorkTable
    jobs: Jobs
    deployments: Deployments
    places: Places
    snapshots: Snapshots
    latencies: Latencies
    ledger: Ledger
    idempotency: Idempotency
    approvals: Approvals
    outputs: Blobs
    inputs: Blobs
    files: Files
    file_blobs: Blobs
    links: LinkSigner
    upstreams: Upstreams
    inbox: Inbox
    lone_images: WaitingFiles
    unfinished_files: WaitingFiles
    rejections: Blobs
    batches: Batches
    outbox: Outbox
    topic: Topic
    courier: Courier
    quotes: Pace
    clock: Callable[[], float] = time.time

    def close(self) -> None:
        """Close every connection. For tests and tools: the app keeps them as long as it lives."""
        self.courier.close()
        self.account.close()
        self.upstreams.close()
        self.topic.close()

    def client(self, deployment: str) -> Dialect | None:
        """The client of a deployment, or None where it is not configured."""
        upstream = self.settings.upstream(deployment)
        return None if upstream is None else self.upstreams.client(upstream)


@lru_cache(maxsize=1)
def services() -> Services:
    """The services of this process. Raises SettingsError where a setting is missing or wrong."""
    return build(settings())


def is_storage_fault(error: Exception) -> bool:
    """Whether storage failed."""
    from azure.core.exceptions import AzureError  # loaded already where it was raised

    return isinstance(error, AzureError | RowChanged)


def build(settings: Settings, account: Account | None = None) -> Services:
    """Services for given settings, on their storage account or on another. Sends no request."""
    account = account or Account(
        connection=settings.storage_connection, account_name=settings.storage_account_name
    )
    return Services(
        settings=settings,
        account=account,
        videos=Videos(account.table(names.VIDEOS)),
        work=WorkTable(account.table(names.WORK)),
        jobs=Jobs(account.table(names.JOBS)),
        deployments=Deployments(account.table(names.DEPLOYMENTS)),
        places=Places(account.table(names.WORK)),
        snapshots=Snapshots(account.table(names.DEPLOYMENTS)),
        latencies=Latencies(account.table(names.LATENCIES)),
        ledger=Ledger(account.table(names.LEDGER)),
        idempotency=Idempotency(account.table(names.IDEMPOTENCY)),
        approvals=Approvals(account.table(names.APPROVALS)),
        outputs=Blobs(account.container(names.OUTPUTS_CONTAINER)),
        inputs=Blobs(account.container(names.INPUTS_CONTAINER)),
        files=Files(account.table(names.FILES)),
        file_blobs=Blobs(account.container(names.FILES_CONTAINER)),
        links=LinkSigner(account.blobs, account_key=account.emulator_key),
        upstreams=Upstreams(settings.public_base_url),
        inbox=Inbox(account.container(names.INBOX_CONTAINER), account.blobs.url),
        lone_images=WaitingFiles(account.table(names.OUTBOX), LONE_IMAGES),
        unfinished_files=WaitingFiles(account.table(names.OUTBOX), UNFINISHED_FILES),
        rejections=Blobs(account.container(names.REJECTED_CONTAINER)),
        batches=Batches(account.table(names.BATCHES)),
        outbox=Outbox(account.table(names.OUTBOX)),
        topic=Topic(settings.event_topic_endpoint),
        courier=Courier(),
        quotes=Pace(QUOTES_A_MINUTE, settings.durations.of(60), time.time),
    )
