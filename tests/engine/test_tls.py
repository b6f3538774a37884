# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import ssl
from unittest import mock

from ...engine.connection import Connection, dial
from ...engine.errors import ConfigurationError, GatewayError
from ...engine.tls import certificate_names, encrypt, explain_tls_error, tls_context
from . import certificates
from .case import EngineCase
from .scripted_server import Close, Encrypt, Hang, ScriptedServer, Send


class TestTls(EngineCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        patch = certificates.without_system_authorities()
        patch.start()
        cls.addClassCleanup(patch.stop)

    def _handshake(self, script, **settings):
        settings = {"ca_certificate": certificates.authority_pem(), "read_timeout": 0.2, **settings}
        with ScriptedServer(script) as server:
            connection = Connection("127.0.0.1", server.port, **settings)
            with encrypt(dial(connection), tls_context(connection), connection.host) as sock:
                return sock.version(), certificate_names(sock.getpeercert() or {})

    def _refusal(self, script, **settings):
        with self.assertRaises(GatewayError) as caught:
            self._handshake(script, **settings)
        self.assertEqual(caught.exception.phase, "tls")
        return caught.exception

    def test_private_authority_is_trusted(self):
        version, names = self._handshake([Encrypt(certificates.server_context()), Hang()])
        self.assertIn(version, ("TLSv1.2", "TLSv1.3"))
        self.assertEqual(names, ["127.0.0.1"])

    def test_own_certificate_of_the_server_can_be_trusted(self):
        context = certificates.server_context(self_signed=True)
        with ScriptedServer([Encrypt(context), Hang()]) as server:
            pem = ssl.get_server_certificate(("127.0.0.1", server.port))
        self._handshake([Encrypt(context), Hang()], ca_certificate=pem)

    def test_certificates_refused(self):
        for context, settings, field, words in (
            (certificates.server_context(), {"ca_certificate": ""}, "certificate", "authority"),
            (certificates.server_context(self_signed=True), {}, "certificate", "self-signed"),
            (certificates.server_context(days=-1), {}, "certificate", "expired"),
            (certificates.server_context("mail.example.org"), {}, "host", "another host"),
        ):
            with self.subTest(words=words):
                error = self._refusal([Encrypt(context), Hang()], **settings)
                self.assertTrue(error.permanent)
                self.assertEqual(error.field, field)
                self.assertIn(words, str(error))

    def test_verification_can_be_switched_off(self):
        self._handshake(
            [Encrypt(certificates.server_context("mail.example.org", self_signed=True)), Hang()],
            verify=False,
            ca_certificate="",
        )

    def test_names_are_told(self):
        error = ssl.SSLCertVerificationError()
        error.verify_code, error.verify_message = 62, "Hostname mismatch"
        told = explain_tls_error(error, "mail.example.org", ["mx.example.net", "example.net"])
        self.assertIn("mx.example.net, example.net", str(told))

    def test_no_tls_there(self):
        for greeting in (b"* OK ready\r\n", b"220 mx ESMTP\r\n", b"+OK ready\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n"):
            with self.subTest(greeting=greeting):
                error = self._refusal([Send(greeting), Hang()])
                self.assertEqual((error.permanent, error.field), (True, "security"))

    def test_handshake_that_does_not_happen(self):
        for script in ([Hang()], [Close()]):
            with self.subTest(script=script):
                error = self._refusal(script)
                self.assertEqual((error.permanent, error.field), (False, "security"))

    def test_old_tls(self):
        self.assertEqual(tls_context(Connection("h", 1)).minimum_version, ssl.TLSVersion.TLSv1_2)
        error = ssl.SSLError(1, "[SSL: TLSV1_ALERT_PROTOCOL_VERSION]")
        error.reason = "TLSV1_ALERT_PROTOCOL_VERSION"
        self.assertIn("1.2", str(explain_tls_error(error, "h")))

    def test_unreadable_authority(self):
        for pem in (
            "nonsense",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "Zertifikat für alle",
        ):
            with self.subTest(pem=pem), self.assertRaises(ConfigurationError) as caught:
                tls_context(Connection("h", 1, ca_certificate=pem))
            self.assertEqual(caught.exception.field, "certificate")


class TestSystemAuthorities(EngineCase):
    def test_they_stay_trusted_beside_the_private_one(self):
        with mock.patch.object(ssl.SSLContext, "load_default_certs") as load:
            tls_context(Connection("h", 1, ca_certificate=certificates.authority_pem()))
        load.assert_called_once_with(ssl.Purpose.SERVER_AUTH)
