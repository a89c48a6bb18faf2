"""``--auth all``: the admin API and the webhooks want keys too; ``--auth off``: nothing does."""

from typing import TYPE_CHECKING

from ..testing import HostProcess

if TYPE_CHECKING:
    from .conftest import Client

APP = "quickstart"
ARGUMENTS = ("--auth", "all")
ENVIRON = {"FUNCTIONS_MASTER_KEY": "the-master-key", "FUNCTIONS_SYSTEM_KEY": "the-system-key"}


def test_the_links_carry_the_system_key(client: "Client") -> None:
    links = client.post("/api/orchestrators/hello_orchestrator").json()
    assert "code=the-system-key" in links["statusQueryGetUri"]
    assert client.get(links["statusQueryGetUri"]).status_code in (200, 202)
    without = links["statusQueryGetUri"].replace("code=the-system-key", "")
    assert client.get(without).status_code == 401
    assert client.get(without, headers={"x-functions-key": "the-master-key"}).status_code != 401


def test_the_admin_api_wants_the_master_key(client: "Client") -> None:
    assert client.get("/admin/functions").status_code == 401
    assert client.get("/admin/functions", params={"code": "the-system-key"}).status_code == 401
    assert client.get("/admin/functions", params={"code": "the-master-key"}).status_code == 200
    assert client.post("/runtime/webhooks/eventgrid").status_code == 401


def test_the_ping_wants_none(client: "Client") -> None:
    assert client.get("/admin/host/status").status_code == 401
    assert client.get("/admin/host/ping").status_code == 200


def test_off_is_like_func_start(client: "Client") -> None:
    app = client.host.app.parent / "http"
    with HostProcess(app, "--auth", "off") as host:
        assert client.get(f"{host.url}/api/admin_only").status_code == 200
