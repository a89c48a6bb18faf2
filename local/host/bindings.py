"""Values for a function's parameters: its trigger and its durable clients."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

from azure.functions import meta

from .converters import converter_of
from .index import Function

INSTANCE_ID_PLACEHOLDER = "INSTANCEID"

RPC_PATH = "/runtime/rpc/durabletask/"
"""Where the SDK's durable client finds this host: without keys. (On Azure on a port of its own.)"""

WEBHOOK_PATH = "/runtime/webhooks/durabletask"


@dataclass(frozen=True, slots=True)
class DurableLinks:
    """The URLs around orchestrations (extension ``HttpApiHandler``, ``BindingHelper``)."""

    origin: str
    """``http://127.0.0.1:PORT``."""
    hub_name: str
    connection_name: str
    system_key: str
    rpc_origin: str | None = None
    """Where the client's own requests go, if not to `origin`: a proxy that counts them."""
    host_name: str | None = None
    """What the host is called (``WEBSITE_HOSTNAME``), if not as in `origin`."""

    @property
    def public_origin(self) -> str:
        """Where the host says it is when no request tells: on https, unless it is called
        ``localhost:`` (host ``DefaultScriptWebHookProvider``)."""
        name = self.host_name or self.origin.partition("://")[2]
        scheme = "http" if name.lower().startswith("localhost:") else "https"
        return f"{scheme}://{name}"

    def management(
        self,
        instance_id: str,
        origin: str | None = None,
        hub_name: str | None = None,
        connection_name: str | None = None,
    ) -> dict[str, str]:
        """The management URLs of one instance."""
        instance = (
            f"{origin or self.public_origin}{WEBHOOK_PATH}/instances/{url_encode(instance_id)}"
        )
        suffix = (
            f"taskHub={url_encode(hub_name or self.hub_name)}"
            f"&connection={url_encode(connection_name or self.connection_name)}"
            f"&code={self.system_key}"
        )
        return {
            "id": instance_id,
            "statusQueryGetUri": f"{instance}?{suffix}",
            "sendEventPostUri": f"{instance}/raiseEvent/{{eventName}}?{suffix}",
            "terminatePostUri": f"{instance}/terminate?reason={{text}}&{suffix}",
            "rewindPostUri": f"{instance}/rewind?reason={{text}}&{suffix}",
            "purgeHistoryDeleteUri": f"{instance}?{suffix}",
            "restartPostUri": f"{instance}/restart?{suffix}",
            "suspendPostUri": f"{instance}/suspend?reason={{text}}&{suffix}",
            "resumePostUri": f"{instance}/resume?reason={{text}}&{suffix}",
        }

    def client(self, hub_name: str | None, connection_name: str | None) -> str:
        """The durableClient binding's value (2.8 of the protocol), JSON text."""
        base = f"{self.public_origin}{WEBHOOK_PATH}"
        create = f"{base}/orchestrators/{{functionName}}[/{{instanceId}}]"
        wait = "timeout={timeoutInSeconds}&pollingInterval={intervalInSeconds}"
        return json.dumps(
            {
                "taskHubName": hub_name or self.hub_name,
                "connectionName": connection_name,
                "creationUrls": {
                    "createNewInstancePostUri": f"{create}?code={self.system_key}",
                    "createAndWaitOnNewInstancePostUri": f"{create}?{wait}&code={self.system_key}",
                },
                "managementUrls": self.management(
                    INSTANCE_ID_PLACEHOLDER, None, hub_name, connection_name
                ),
                "baseUrl": base,
                "requiredQueryStringParameters": f"code={self.system_key}",
                "rpcBaseUrl": f"{self.rpc_origin or self.origin}{RPC_PATH}",
                "httpBaseUrl": None,
            }
        )


def url_encode(text: str) -> str:
    """.NET's ``WebUtility.UrlEncode``."""
    return quote_plus(text, safe="!*()").replace("~", "%7E")


def bind(function: Function, links: DurableLinks, trigger: meta.Datum) -> dict[str, Any]:
    """Arguments by parameter name, decoded by azure-functions' own converters as in the worker."""
    values: dict[str, Any] = {}
    for binding in function.bindings:
        if binding.type == "durableClient":
            values[binding.name] = links.client(
                binding.properties.get("taskHub"), binding.properties.get("connectionName")
            )
    values[function.trigger.name] = converter_of(function.trigger.type).decode(
        trigger, trigger_metadata={}
    )
    return values


def bind_activity(function: Function, links: DurableLinks, data: str | None) -> dict[str, Any]:
    """The same for an activity, whose trigger is JSON text."""
    return bind(function, links, meta.Datum(data or "null", "string"))
