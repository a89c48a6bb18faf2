"""The one context that our HTTPS clients share."""

from ssl import VerifyMode

from shared.tls import tls


def test_servers_are_held_against_the_certificates_of_the_world_read_once() -> None:
    context = tls()
    assert context is tls()
    assert (context.verify_mode, context.check_hostname) == (VerifyMode.CERT_REQUIRED, True)
    assert context.cert_store_stats()["x509_ca"] > 50
