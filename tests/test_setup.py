# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from contextlib import contextmanager
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged

from ..engine.connection import Security
from ..engine.delivery import RecipientResult
from ..engine.diagnosis import Diagnosis, Step, Suggestion
from ..engine.discovery import Candidate, Discovery
from ..engine.mailbox import MailboxStatus
from ..engine.mailbox_diagnosis import MailboxDiagnosis
from ..engine.outcome import OutboundReason, OutboundState
from ..engine.round_trip import HEADER
from ..wizards import spp_email_discovery, spp_email_setup_finish
from .common import GatewayCase, ScriptedMailbox, eml

FOUND = [
    Candidate("smtp", "smtp.found.test", 465, Security.TLS, "srv", "office@found.test"),
    Candidate("smtp", "smtp2.found.test", 587, Security.STARTTLS, "srv", "office@found.test"),
    Candidate("imap", "imap.found.test", 993, Security.TLS, "srv", "office@found.test"),
]
WORKS = Diagnosis((Step("connect", True, "Port 465 accepts connections."), Step("login", True, "Let in.")))
REFUSED = Diagnosis((Step("login", False, "The server refuses the password.", "Enter it again.", "password"),))
READS = MailboxDiagnosis(WORKS.steps, None, MailboxStatus("INBOX", 3, 2))
ACCEPTED = RecipientResult(OutboundState.SENT, OutboundReason.ACCEPTED, "message", 250, "2.0.0", "Ok")


@tagged("post_install", "-at_install")
class TestSetup(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin = cls.env.ref("base.user_admin")

    @contextmanager
    def world(self, candidates=tuple(FOUND), outgoing=WORKS, incoming=READS, box=()):
        """Context: what the outside answers; yields what was asked: addresses, and what was handed over."""
        asked = {"discovered": [], "diagnosed": [], "sent": []}

        def discover(address, protocols, **unused):
            asked["discovered"].append((address, tuple(protocols)))
            return Discovery([one for one in candidates if one.protocol in protocols], [])

        def diagnose(answers):
            def answer(server):
                asked["diagnosed"].append((server._name, server._gateway_connection().port))
                return answers.pop(0) if isinstance(answers, list) else answers

            return answer

        def transmit(server, message, smtp_from, recipients):
            asked["sent"].append(message)
            return dict.fromkeys(recipients, ACCEPTED)

        servers, boxes = self.env.registry["ir.mail_server"], self.env.registry["fetchmail.server"]
        with (
            self.own_cursors(),
            patch.object(spp_email_discovery, "discover", discover),
            patch.object(spp_email_setup_finish, "open_mailbox", lambda *unused: ScriptedMailbox(*box)),
            patch.object(servers, "_gateway_diagnose", diagnose(outgoing)),
            patch.object(boxes, "_gateway_diagnose", diagnose(incoming)),
            patch.object(servers, "_gateway_transmit", transmit),
        ):
            yield asked

    def begin(self, address="office@found.test", user=None, **values):
        setups = self.env["spp.email.setup"].with_user(user or self.admin)
        with Form(setups) as form:
            form.address = address
            for name, value in values.items():
                form[name] = value
        return form.record

    def to_domain(self, **values):
        """Go through the set-up up to the step that makes everything."""
        setup = self.begin(**values)
        setup.action_find()
        setup.password = "s3cret"
        setup.action_check()
        setup.action_accept()
        if setup._receives():
            setup.target_model = "res.partner"
            setup.action_incoming()
        return setup

    def servers(self):
        """Return (outgoing, incoming) servers of the tests' domain, archived ones too."""
        return (
            self.env["ir.mail_server"].with_context(active_test=False).search([("smtp_host", "like", "found.test")]),
            self.env["fetchmail.server"].with_context(active_test=False).search([("server", "like", "found.test")]),
        )

    # ------------------------------------------------------------------
    # Finding
    # ------------------------------------------------------------------

    def test_the_best_of_what_is_found_is_taken(self):
        setup = self.begin()
        with self.world() as asked:
            setup.action_find()
        self.assertEqual(asked["discovered"], [("office@found.test", ("smtp", "imap"))])
        self.assertEqual(setup.step, "login")
        self.assertEqual(
            (setup.outgoing_host, setup.outgoing_port, setup.outgoing_security), ("smtp.found.test", 465, "tls")
        )
        self.assertEqual(
            (setup.incoming_protocol, setup.incoming_host, setup.incoming_port), ("imap", "imap.found.test", 993)
        )
        self.assertEqual((setup.user, setup.login_kind), ("office@found.test", "password"))
        self.assertFalse(setup.is_manual)
        with Form(setup) as form:
            form.outgoing_line_id = setup.search_id.line_ids[1]
        self.assertEqual((setup.outgoing_host, setup.outgoing_security), ("smtp2.found.test", "starttls"))

    def test_a_known_providers_domain_is_asked_nothing(self):
        for address, provider, host, kind in (
            ("someone@gmail.com", "gmail", "smtp.gmail.com", "password"),
            ("someone@outlook.com", "microsoft", "smtp.office365.com", "oauth"),
        ):
            with self.subTest(address), self.world() as asked:
                setup = self.begin(address)
                setup.action_find()
                self.assertEqual(asked["discovered"], [])
                self.assertEqual((setup.provider, setup.outgoing_host, setup.login_kind), (provider, host, kind))
                self.assertIn("OAuth", setup.provider_text)

    def test_pop_is_looked_for_where_there_is_no_imap(self):
        pop = Candidate("pop", "pop.found.test", 995, Security.TLS, "guess", "office@found.test")
        setup = self.begin(scope="incoming")
        with self.world([pop]) as asked:
            setup.action_find()
        self.assertEqual([protocols for _address, protocols in asked["discovered"]], [("imap",), ("pop",)])
        self.assertEqual((setup.incoming_protocol, setup.incoming_host), ("pop", "pop.found.test"))
        self.assertFalse(setup.is_manual)

    def test_nothing_found_lets_the_person_type(self):
        setup = self.begin()
        with self.world([]):
            setup.action_find()
            self.assertTrue(setup.is_manual)
            self.assertEqual(setup.provider, "generic")
            setup.password = "s3cret"
            with self.assertRaises(UserError) as caught:
                setup.action_check()
        self.assertEqual(str(caught.exception), "Fill in the field “SMTP Server”.")

    def test_a_provider_that_is_chosen_fills_in_its_servers(self):
        setup = self.begin()
        with self.world([]):
            setup.action_find()
        with Form(setup) as form:
            form.provider = "infomaniak"
            self.assertEqual((form.outgoing_host, form.outgoing_port), ("mail.infomaniak.com", 465))
            self.assertEqual(form.login_kind, "password")
            form.provider = "microsoft"
            self.assertEqual((form.incoming_host, form.login_kind), ("outlook.office365.com", "oauth"))

    def test_what_is_no_address(self):
        for address in ("nonsense", "@gmail.com", "a@b"):
            setup = self.begin(address)
            with self.subTest(address), self.assertRaises(UserError) as caught:
                setup.action_find()
            self.assertEqual(str(caught.exception), "Check the field “Email Address”.\nThis is no email address.")

    # ------------------------------------------------------------------
    # Check
    # ------------------------------------------------------------------

    def test_a_check_leaves_nothing_behind(self):
        setup = self.begin()
        with self.world() as asked:
            setup.action_find()
            setup.password = "s3cret"
            setup.action_check()
        self.assertEqual(asked["diagnosed"], [("ir.mail_server", 465), ("fetchmail.server", 993)])
        self.assertEqual((setup.step, setup.outgoing_ok, setup.incoming_ok), ("check", True, True))
        self.assertEqual(setup.waiting_count, 2)
        self.assertEqual([len(found) for found in self.servers()], [0, 0])
        self.assertNotIn("s3cret", str(setup.read()))

    def test_what_is_wrong_is_said_with_its_field_and_cure(self):
        setup = self.begin()
        with self.world(outgoing=REFUSED):
            setup.action_find()
            setup.password = "wrong"
            setup.action_check()
            self.assertFalse(setup.outgoing_ok)
            for words in ("The server refuses the password.", "Check the field “Password”.", "Enter it again."):
                self.assertIn(words, setup.outgoing_html)
            with self.assertRaises(UserError):
                setup.action_accept()
        setup.action_back()
        self.assertEqual(setup.step, "login")

    def test_a_mixed_up_encryption_is_put_right(self):
        wrong = Diagnosis(REFUSED.steps, Suggestion(587, Security.STARTTLS, "Port 587 speaks SMTP with STARTTLS."))
        setup = self.begin()
        with self.world(outgoing=[wrong, WORKS]) as asked:
            setup.action_find()
            setup.password = "s3cret"
            setup.action_check()
        self.assertEqual(asked["diagnosed"][:2], [("ir.mail_server", 465), ("ir.mail_server", 587)])
        self.assertEqual((setup.outgoing_ok, setup.outgoing_port, setup.outgoing_security), (True, 587, "starttls"))
        self.assertIn("The settings were put right", setup.outgoing_html)

    def test_words_of_a_server_are_text(self):
        evil = Diagnosis((Step("login", False, "<script>alert(1)</script>", "<b>", "password"),))
        setup = self.begin()
        with self.world(outgoing=evil):
            setup.action_find()
            setup.password = "x"
            setup.action_check()
        self.assertNotIn("<script>", setup.outgoing_html)

    # ------------------------------------------------------------------
    # All in one go
    # ------------------------------------------------------------------

    def test_all_is_made_at_once(self):
        with self.world(box=[eml(), eml()]):
            setup = self.to_domain()
            self.assertEqual([len(found) for found in self.servers()], [0, 0])
            setup.use_domain = True
            setup.company_email = "office@found.test"
            setup.admin_email = "ann@found.test"
            setup.action_finish()
        outgoing, incoming = self.servers()
        self.assertEqual(
            (outgoing.smtp_port, outgoing.smtp_encryption, outgoing.smtp_user, outgoing.from_filter),
            (465, "ssl_strict", "office@found.test", "found.test"),
        )
        self.assertEqual(outgoing._credential().secret, "s3cret")
        self.assertEqual(
            (incoming.server_type, incoming.port, incoming.is_ssl, incoming.state, incoming.gateway_action),
            ("imap", 993, True, "done", "create"),
        )
        self.assertEqual(incoming.object_id.model, "res.partner")
        self.assertEqual(incoming.gateway_start, "now")
        self.assertFalse(setup._fields["password"].reveal(setup))
        domain = self.env["mail.alias.domain"].search([("name", "=", "found.test")])
        self.assertEqual(
            (domain.catchall_email, domain.bounce_email, domain.default_from_email),
            ("catchall@found.test", "bounce@found.test", "office@found.test"),
        )
        # There was one before: the companies keep it.
        self.assertEqual(self.env.company.alias_domain_id, self.alias_domain)
        self.assertEqual(self.env.company.email, "office@found.test")
        self.assertEqual(self.admin.email, "ann@found.test")
        self.assertEqual(setup.step, "test")
        self.assertEqual(
            setup.address_ids.mapped(lambda line: (line.kind, line.address)),
            [
                ("mailbox", "office@found.test"),
                ("catchall", "catchall@found.test"),
                ("bounce", "bounce@found.test"),
            ],
        )

    def test_it_is_done_again_without_a_second_server(self):
        with self.world():
            setup = self.to_domain()
            setup.action_finish()
            for _step in range(4):
                setup.action_back()
            self.assertEqual(setup.step, "login")
            setup.outgoing_port = 2525
            setup.action_check()
            setup.action_accept()
            setup.incoming_action = "quarantine"
            setup.action_incoming()
            setup.action_finish()
        outgoing, incoming = self.servers()
        self.assertEqual((len(outgoing), len(incoming)), (1, 1))
        self.assertEqual((outgoing.smtp_port, incoming.gateway_action), (2525, False))
        self.assertEqual(outgoing._credential().secret, "s3cret", "what was not typed anew stays")

    def test_a_second_setup_of_the_same_mailbox_changes_the_first(self):
        with self.world():
            self.to_domain().action_finish()
            self.to_domain().action_finish()
        self.assertEqual([len(found) for found in self.servers()], [1, 1])

    def test_what_fails_at_the_end_makes_nothing(self):
        with self.world():
            setup = self.to_domain()
            setup.use_domain = True
            setup.domain_name = "not a domain"
            with self.assertRaises(UserError), self.env.cr.savepoint():
                setup.action_finish()
        self.assertEqual([len(found) for found in self.servers()], [0, 0])

    def test_addresses_are_looked_at(self):
        with self.world():
            setup = self.to_domain()
            for name, value, words in (
                ("company_email", "nonsense", "Check the field “Company's Address”.\n“nonsense” is no email address."),
                ("admin_email", "nonsense", "Check the field “Administrator's Address”."),
                ("admin_email", "office@found.test", "This mailbox is read here"),
            ):
                with self.subTest(value=value), self.assertRaises(UserError) as caught:
                    setup[name] = value
                    setup.action_finish()
                self.assertIn(words, str(caught.exception))
                setup[name] = False

    def test_a_placeholder_is_not_proposed(self):
        self.env.company.email = "info@example.com"
        self.admin.email = "admin@example.com"
        setup = self.begin()
        self.assertEqual((setup.company_email, setup.admin_email), ("", ""))

    def test_the_first_alias_domain_says_what_it_adopts(self):
        self.env["res.company"].search([]).alias_domain_id = False
        self.env["mail.alias"].search([]).write({"alias_domain_id": False})
        self.env["mail.alias.domain"].search([]).unlink()
        with self.world():
            setup = self.to_domain()
            self.assertEqual((setup.domain_state, setup.use_domain, setup.domain_name), ("first", True, "found.test"))
            companies = self.env["res.company"].with_context(active_test=False).search_count([])
            self.assertIn(f"all companies ({companies})", setup.domain_text)
            setup.action_finish()
        self.assertEqual(self.env["res.company"].search([]).alias_domain_id.mapped("name"), ["found.test"])

    def test_a_public_domain_is_nobodys_alias_domain(self):
        with self.world():
            setup = self.to_domain(address="someone@gmail.com")
            self.assertEqual(setup.domain_state, "public")
            setup.action_finish()
        self.assertFalse(self.env["mail.alias.domain"].search([("name", "=", "gmail.com")]))
        server = self.env["ir.mail_server"].search([("smtp_host", "=", "smtp.gmail.com")])
        self.assertEqual((server.from_filter, server.gateway_quota_day), ("someone@gmail.com", 500))

    # ------------------------------------------------------------------
    # Test, and only one way
    # ------------------------------------------------------------------

    def test_what_arrives_is_shown_and_what_does_not_has_its_cure(self):
        with self.world() as asked:
            setup = self.to_domain()
            setup.use_domain = True
            setup.action_finish()
            setup.address_ids.trip_id.action_send()
            by_kind = {line.kind: line for line in setup.address_ids}
            self.assertEqual({line.state for line in setup.address_ids}, {"waiting"})
            arrived = next(message for message in asked["sent"] if message["To"] == "office@found.test")
            self.receive(
                eml(Subject=arrived["Subject"], **{HEADER: arrived[HEADER]}), setup.incoming_server_id
            )
            setup.address_ids.trip_id.invalidate_recordset()
            self.assertEqual((by_kind["mailbox"].state, by_kind["mailbox"].advice), ("done", False))
            self.assertIn("else answers are lost", by_kind["catchall"].advice)
            # Only the mailbox's own way is watched from now on.
            self.assertEqual(setup.address_ids.trip_id.filtered("active"), by_kind["mailbox"].trip_id)

    def test_addresses_of_another_domain_are_not_tried(self):
        with self.world():
            setup = self.to_domain()
            setup.action_finish()
        self.assertEqual(setup.alias_domain_id, self.alias_domain)
        self.assertEqual(setup.address_ids.mapped("address"), ["office@found.test"])

    def test_what_a_person_decided_on_the_servers_form_stays(self):
        with self.world():
            setup = self.to_domain()
            setup.action_finish()
            setup.outgoing_server_id.write({"name": "Ours", "from_filter": "x.found.test", "gateway_quota_day": 7})
            self.to_domain().action_finish()
        server = setup.outgoing_server_id
        self.assertEqual((server.name, server.from_filter, server.gateway_quota_day), ("Ours", "x.found.test", 7))

    def existing(self, **values):
        """Make a mailbox that works and turns mails into tickets, of the address that is set up."""
        return self.env["fetchmail.server"].create(
            {
                "name": "Tickets",
                "server_type": "imap",
                "server": "imap.found.test",
                "port": 1993,
                "is_ssl": True,
                "user": "office@found.test",
                "password": "0ld",
                "gateway_ca_certificate": "OURS",
                "object_id": self.env["ir.model"]._get("res.partner").id,
                "gateway_defaults": "{'comment': 'x'}",
                "gateway_start": "everything",
                "state": "done",
                **values,
            }
        )

    def to_end(self, password=False, choice=None, **values):
        """Press through the set-up and enter no more than a password, and what becomes of mail."""
        setup = self.begin(**values)
        setup.action_find()
        setup.password = password
        setup.action_check()
        setup.action_accept()
        if setup._receives():
            setup.incoming_action = choice or setup.incoming_action
            setup.action_incoming()
        return setup

    def test_a_mailbox_that_is_here_is_named_and_stays_as_it_is(self):
        box = self.existing()
        with self.world() as asked:
            setup = self.to_end(scope="incoming")
            self.assertIn("The mailbox “Tickets” is here already.", setup.known_text)
            self.assertEqual((setup.incoming_port, setup.incoming_action), (1993, "create"))
            self.assertEqual(setup.target_model, "res.partner")
            self.assertIn("Create a new Record (Contact)", setup.present_target)
            before = box.read()
            setup.action_finish()
        self.assertEqual(asked["diagnosed"], [("fetchmail.server", 1993)])
        self.assertEqual(setup.incoming_server_id, box)
        self.assertEqual(box._credential().secret, "0ld")
        box.invalidate_recordset()
        for old, new in zip(before, box.read(), strict=True):
            changed = {name for name in old if old[name] != new[name]} - {"write_date", "write_uid", "__last_update"}
            self.assertEqual(changed, set())

    def test_what_the_person_chose_is_all_that_becomes_another(self):
        box = self.existing()
        with self.world():
            self.to_end(password="n3w", choice="quarantine", scope="incoming").action_finish()
        self.assertEqual((box.port, box.gateway_ca_certificate, box.name), (1993, "OURS", "Tickets"))
        self.assertEqual((box.gateway_action, box.object_id.id), (False, False))
        self.assertEqual(box._credential().secret, "n3w")

    def test_a_target_that_cannot_be_chosen_here_stays(self):
        ann = self.env["res.partner"].create({"name": "Ann"})
        box = self.existing(gateway_action="attach", object_id=False, gateway_record=f"res.partner,{ann.id}")
        with self.world():
            setup = self.to_end(password="n3w", scope="incoming")
            self.assertTrue(setup.is_target_kept)
            setup.action_finish()
            self.assertEqual((box.gateway_action, box.gateway_record), ("attach", ann))

    def test_an_outgoing_server_that_is_here_keeps_its_login(self):
        credential = self.env["spp.email.oauth"].create({"name": "Office", "provider": "other", "client_id": "x"})
        values = {"smtp_host": "smtp.found.test", "smtp_port": 2465, "smtp_encryption": "ssl"}
        server = self.env["ir.mail_server"].create(
            {
                **values,
                "name": "Ours",
                "smtp_user": "office@found.test",
                "smtp_authentication": "spp_oauth",
                "gateway_oauth_id": credential.id,
                "gateway_ca_certificate": "OURS",
            }
        )
        with self.world():
            setup = self.to_end(scope="outgoing")
            self.assertIn("The outgoing server “Ours” is here already.", setup.known_text)
            self.assertEqual((setup.login_kind, setup.oauth_id, setup.outgoing_port), ("oauth", credential, 2465))
            setup.action_finish()
        self.assertEqual({name: server[name] for name in values}, values)
        self.assertEqual((server.smtp_authentication, server.gateway_oauth_id), ("spp_oauth", credential))
        self.assertEqual(server.gateway_ca_certificate, "OURS")

    def test_a_stored_password_is_not_tried_at_another_server(self):
        box = self.existing()
        with self.world() as asked:
            setup = self.begin(scope="incoming")
            setup.action_find()
            setup.write({"incoming_server_id": box.id, "incoming_host": "imap.evil.test"})
            setup.action_check()
        self.assertEqual(asked["diagnosed"], [])
        self.assertFalse(setup.incoming_ok)
        self.assertIn("Enter the password again", setup.incoming_html)

    def test_nothing_is_written_while_a_server_is_waited_for(self):
        box = self.existing()
        seen = []

        def look(*unused):
            self.env.flush_all()
            self.env.cr.execute(
                "SELECT (SELECT port FROM fetchmail_server WHERE id = %s),"
                " (SELECT count(*) FROM mail_alias_domain WHERE name = 'found.test'),"
                " (SELECT count(*) FROM ir_mail_server WHERE smtp_host LIKE '%%.found.test')",
                (box.id,),
            )
            seen.append(self.env.cr.fetchone())

        def diagnose(answer):
            def found(_server):
                look()
                return answer

            return found

        def opened(*unused):
            look()
            return ScriptedMailbox(eml())

        boxes, servers = self.env.registry["fetchmail.server"], self.env.registry["ir.mail_server"]
        with self.world():
            setup = self.begin()
            setup.action_find()
            setup.write(
                {"password": "n3w", "incoming_port": 2993, "use_domain": True, "target_model": "res.partner"}
            )
            with (
                patch.object(boxes, "_gateway_diagnose", diagnose(READS)),
                patch.object(servers, "_gateway_diagnose", diagnose(WORKS)),
                patch.object(spp_email_setup_finish, "open_mailbox", opened),
            ):
                setup.action_check()
                setup.action_accept()
                setup.action_incoming()
                box.gateway_start = "ask"
                setup.action_finish()
        self.assertEqual(seen, [(1993, 0, 0)] * 3)
        self.assertEqual((box.port, box.gateway_start, box._credential().secret), (2993, "now", "n3w"))

    def test_only_sending(self):
        with self.world() as asked:
            setup = self.to_domain(scope="outgoing")
            self.assertEqual(setup.step, "domain")
            setup.action_finish()
            self.assertFalse(setup.address_ids)
            setup.test_recipient = "friend@remote.test"
            setup.action_send_test_mail()
        self.assertEqual(asked["sent"][0]["To"], "friend@remote.test")
        self.assertIn("The server accepted it", setup.test_result)
        self.assertEqual([len(found) for found in self.servers()], [1, 0])

    def test_only_receiving(self):
        with self.world():
            self.to_domain(scope="incoming").action_finish()
        self.assertEqual([len(found) for found in self.servers()], [0, 1])

    def test_old_mail_is_taken_where_the_person_says_so(self):
        with self.world(box=[eml()]):
            setup = self.to_domain()
            setup.start = "everything"
            setup.action_finish()
        self.assertEqual(setup.incoming_server_id.gateway_start, "everything")

    # ------------------------------------------------------------------
    # OAuth
    # ------------------------------------------------------------------

    def test_oauth_without_an_application_says_what_is_missing(self):
        self.env["ir.config_parameter"].search([("key", "like", "microsoft_outlook")]).unlink()
        setup = self.begin("someone@outlook.com")
        with self.world():
            setup.action_find()
            with self.assertRaises(UserError) as caught:
                setup.action_check()
            self.assertEqual(str(caught.exception), "Fill in the field “OAuth Credential”.")

    def test_servers_with_a_credential(self):
        credential = self.env["spp.email.oauth"].create({"name": "Office", "provider": "microsoft", "client_id": "x"})
        with self.world():
            setup = self.begin("someone@outlook.com")
            setup.action_find()
            self.assertEqual(setup.oauth_id, credential)
            setup.action_check()
            setup.action_accept()
            setup.incoming_action = "quarantine"
            setup.action_incoming()
            with patch.object(self.env.registry["spp.email.oauth"], "_access_token", lambda *unused: "token"):
                setup.action_finish()
        self.assertEqual(setup.outgoing_server_id.smtp_authentication, "spp_oauth")
        self.assertEqual(
            setup.outgoing_server_id.gateway_oauth_id | setup.incoming_server_id.gateway_oauth_id, credential
        )

    # ------------------------------------------------------------------
    # Roles
    # ------------------------------------------------------------------

    def test_a_manager_without_access_rights_sets_up_servers_and_no_domain(self):
        with self.world():
            setup = self.to_domain(user=self.manager)
            self.assertEqual(setup.domain_state, "forbidden")
            self.assertFalse(setup.may_write_company)
            before = self.env.company.email
            setup.company_email = "evil@found.test"
            setup.action_finish()
        self.assertEqual([len(found) for found in self.servers()], [1, 1])
        self.assertEqual(self.env.company.email, before)
        self.assertFalse(self.env["mail.alias.domain"].search([("name", "=", "found.test")]))

    def test_only_managers(self):
        for user in (self.plain, self.viewer, self.officer, self.portal):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self.begin(user=user)
