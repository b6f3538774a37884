# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""OCA's addons about mail, all installed together with the gateway and Odoo's mass mailing: each does its part."""

from __future__ import annotations

import base64
import os
from email import message_from_bytes
from email.utils import parseaddr

from tools import environment, odoo_home, odoo_server, process
from tools.smtp_sink import SmtpSink

from .case import PASSWORD, box, letter, sandbox
from .console import ConsoleError
from .report_letter import failure_report
from .sending import SendingCase

MODULES = "mail_tracking,mail_outbound_static,mail_multicompany,mail_post_defer,mail_environment,mass_mailing"
KEY = base64.b64encode(bytes(range(32))).decode()

# What mail_environment reads in place of the database; a section is named after the server.
FILE = """
[outgoing_mail.filed]
smtp_host = localhost
smtp_port = {port}
smtp_encryption = starttls
smtp_authentication = login
smtp_user = filed
smtp_pass = sinkpw

[incoming_mail.filed]
server = 127.0.0.1
port = {imap}
server_type = imap
user = {box}
password = {password}
is_ssl = False
"""

POST = """
lead = env["crm.lead"].create({"name": "Pump", "company_id": company})
partners = env["res.partner"].create([{"name": to.split("@")[0], "email": to} for to in recipients])
sender = env["res.partner"].create({"name": "Office", "email": email_from})
message = lead.with_context(**context).message_post(
    body="It is being looked at.", partner_ids=partners.ids, subtype_xmlid="mail.mt_comment",
    message_type="comment",
    author_id=sender.id, email_from=sender.email_formatted,
)
answer = [message.id, env["mail.mail"].search([("mail_message_id", "=", message.id)]).ids]
"""
AT_ONCE = {"mail_notify_force_send": True}


class TestOCA(SendingCase):
    modules = MODULES

    @classmethod
    def setUpClass(cls):
        cls.port, cls.box = process.free_port(), box() if sandbox() else ""
        places = environment.ensure_oca(), str(odoo_home.find().path)
        cls.odoo_env = {
            "PYTHONPATH": os.pathsep.join(places),
            "SPP_EMAIL_GATEWAY_KEY": KEY,
            "SERVER_ENV_CONFIG": FILE.format(
                port=cls.port, imap=sandbox().dovecot.imap, box=cls.box, password=PASSWORD
            ),
        }
        super().setUpClass()

    def setUp(self):
        super().setUp()
        # The server of the file is always there; which of the two sinks gets a mail says which server sent it.
        self.filed = SmtpSink(keep=True, port=self.port)
        self.filed.start()
        self.addCleanup(self.filed.stop)
        self.rows("DELETE FROM mail_tracking_email")

    def server(self, **values):
        # mail_environment puts the defaults in the place of what a new record is given.
        values = {"smtp_host": "localhost", "smtp_port": self.sink.port, "smtp_encryption": "none", **values}
        return self.ask(
            "server = env['ir.mail_server'].create({'name': 'out'})\nserver.write(values)\nanswer = server.id",
            values=values,
        )

    def post(self, *recipients, email_from="office@example.test", context=None, company=False):
        """Post a message on a new lead; return its id and those of its emails."""
        return self.ask(
            POST,
            recipients=recipients,
            email_from=email_from,
            context=AT_ONCE if context is None else context,
            company=company,
        )

    def tracked(self, message):
        """Return what mail_tracking says about a message: [(recipient, state, kinds of its events)]."""
        return self.rows(
            "SELECT tracking.recipient_address, tracking.state, array_remove(array_agg(event.event_type), NULL)"
            "  FROM mail_tracking_email AS tracking"
            "  LEFT JOIN mail_tracking_event AS event ON event.tracking_email_id = tracking.id"
            " WHERE tracking.mail_message_id = %s GROUP BY tracking.id ORDER BY tracking.id",
            message,
        )

    def headers(self, sink=None):
        return [message_from_bytes(message["raw"]) for message in (sink or self.sink).messages()]

    # mail_tracking

    def test_the_tracking_of_each_recipient_says_sent(self):
        self.server()
        message, mails = self.post("amina@remote.test", "bora@remote.test")
        self.assertEqual(len(mails), 1)
        self.send(*mails)
        self.assertEqual(self.taken(), {"amina@remote.test": 1, "bora@remote.test": 1})
        self.assertEqual(
            sorted(self.tracked(message)),
            [("amina@remote.test", "sent", ["sent"]), ("bora@remote.test", "sent", ["sent"])],
        )
        # The picture and the header of each message are those of its own recipient's row.
        rows = dict(self.rows("SELECT id, recipient_address FROM mail_tracking_email"))
        for message, header in zip(self.sink.messages(), self.headers(), strict=True):
            self.assertEqual([rows[int(header["X-Odoo-MailTracking-ID"])]], message["recipients"], "another's picture")

    def test_the_tracking_says_who_waits_and_takes_nothing_that_passes_for_a_bad_address(self):
        self.server()
        message, mails = self.post("amina@remote.test", "t2@remote.test", "e550@remote.test")
        first, refused = ("amina@remote.test", "sent", ["sent"]), ("e550@remote.test", "error", [])
        for _attempt in range(2):
            self.send(*mails)
            self.assertEqual(
                sorted(self.tracked(message), key=str), [first, refused, ("t2@remote.test", "deferred", [])]
            )
            self.make_due()
        self.assertEqual(
            self.rows("SELECT email FROM res_partner WHERE email_bounced AND email <> 'e451@remote.test'"),
            [("e550@remote.test",)],
        )
        self.send(*mails)
        self.assertEqual(self.taken(), {"amina@remote.test": 1, "t2@remote.test": 1})
        self.assertEqual(
            sorted(self.tracked(message), key=str), [first, refused, ("t2@remote.test", "sent", ["sent"])]
        )

    def test_the_tracking_learns_what_comes_back_and_calls_no_full_mailbox_a_bad_address(self):
        self.server()
        self.addCleanup(self.rows, "DELETE FROM res_partner WHERE email LIKE '%%@back.test'")
        message, mails = self.post("dead@back.test", "crowded@back.test", "good@back.test")
        self.send(*mails)
        message_id = self.value("SELECT message_id FROM mail_message WHERE id = %s", message)
        address = box()
        for recipient, status, words in (
            ("dead@back.test", "5.1.1", "User unknown"),
            ("crowded@back.test", "5.2.2", "Mailbox is over quota"),
        ):
            self.dovecot.deliver(address, failure_report(address, recipient, message_id, status, words))
        mailbox = self.mailbox(address)
        # As for the outgoing server above.
        values = {"is_ssl": False, "password": PASSWORD}
        self.ask("env['fetchmail.server'].browse(id).write(values)", id=mailbox, values=values)
        self.fetch(mailbox)
        self.assertEqual({row[1:] for row in self.journal(mailbox)}, {("done", "bounce_handled")})
        # The addon knows no other bounces than soft ones.
        self.assertEqual(
            {row[0]: (row[1], sorted(row[2])) for row in self.tracked(message)},
            {
                "dead@back.test": ("soft-bounced", ["sent", "soft_bounce"]),
                "crowded@back.test": ("soft-bounced", ["sent", "soft_bounce"]),
                "good@back.test": ("sent", ["sent"]),
            },
        )
        self.assertEqual(
            dict(self.rows("SELECT email, message_bounce FROM res_partner WHERE email LIKE '%%@back.test'")),
            {"dead@back.test": 1, "crowded@back.test": 0, "good@back.test": 0},
        )

    def test_what_no_server_was_asked_to_take_is_not_tracked(self):
        self.server(smtp_port=process.free_port())
        message, mails = self.post("amina@remote.test")
        self.send(*mails)
        self.assertEqual(self.mails(*mails)[0][0], "outgoing")
        self.assertEqual(self.tracked(message), [])

    def test_a_message_that_fails_over_is_tracked_once(self):
        self.server(smtp_port=process.free_port(), sequence=1)
        self.server(sequence=2)
        message, mails = self.post("amina@remote.test")
        self.send(*mails)
        self.assertEqual(self.tracked(message), [("amina@remote.test", "sent", ["sent"])])

    # mail_outbound_static

    def test_the_forced_sender_holds_and_the_whitelist_too(self):
        self.ask(
            "env.company.alias_domain_id = env['mail.alias.domain'].create("
            "{'name': 'example.test', 'default_from': 'outgoing'})"
        )
        self.addCleanup(self.ask, "env.company.alias_domain_id = False")
        self.server(smtp_from="notice@outbound.test", domain_whitelist="kept.test, also.test")
        self.send(*self.post("a@remote.test")[1])
        self.send(*self.post("b@remote.test", email_from="person@kept.test")[1])
        self.send(*self.post("c@remote.test", email_from="person@neither.test")[1])
        forced, kept, neither = self.headers()
        self.assertEqual(parseaddr(forced["From"]), ("Office", "notice@outbound.test"))
        self.assertEqual(parseaddr(kept["From"]), ("Office", "person@kept.test"))
        self.assertEqual(parseaddr(neither["From"]), ("Office", "notice@outbound.test"))

    def test_its_choice_of_a_server_is_not_asked_where_ours_has_chosen(self):
        first = self.server(sequence=1)
        second = self.server(sequence=2, domain_whitelist="kept.test")
        self.send(*self.post("a@remote.test", email_from="person@kept.test")[1])
        self.assertNotEqual(first, second)
        self.assertEqual([row[3] for row in self.ledger("server_id")], [first])

    # mail_multicompany

    def test_each_company_sends_by_its_own_server(self):
        first, second = self.ask(
            "answer = env['res.company'].create([{'name': 'North'}, {'name': 'South'}]).ids"
        )
        servers = {first: self.server(sequence=5, company_id=first), second: self.server(sequence=1, company_id=second)}
        for company in (first, second):
            with self.subTest(company=company):
                (mail,) = self.post(f"c{company}@remote.test", company=company)[1]
                self.send(mail)
                ((_address, state, _reason, server, of),) = [
                    row for row in self.ledger("server_id", "company_id") if row[0] == f"c{company}@remote.test"
                ]
                self.assertEqual((state, server, of), ("sent", servers[company], company))

    # mail_post_defer

    def schedule(self, message):
        return self.rows(
            "SELECT scheduled_datetime > now() FROM mail_message_schedule WHERE mail_message_id = %s", message
        )

    def run_schedule(self):
        self.ask("env['mail.message.schedule']._send_notifications_cron()")

    def test_a_deferred_message_is_not_sent_before_its_time(self):
        self.server()
        message, mails = self.post("amina@remote.test", context={})
        self.assertEqual(mails, [])
        self.assertEqual(self.schedule(message), [(True,)])
        self.run_schedule()
        self.send()
        self.assertEqual(self.sink.count, 0)
        self.rows("UPDATE mail_message_schedule SET scheduled_datetime = now() AT TIME ZONE 'UTC' - interval '1 s'")
        self.run_schedule()
        self.send()
        self.assertEqual(self.taken(), {"amina@remote.test": 1})
        self.assertEqual(self.tracked(message), [("amina@remote.test", "sent", ["sent"])])

    def test_a_deferred_message_can_be_cancelled(self):
        self.server()
        message, _mails = self.post("amina@remote.test", context={})
        self.ask(
            "message = env['mail.message'].browse(id)\n"
            "env[message.model].browse(message.res_id)._message_update_content(message, body='', attachment_ids=[])",
            id=message,
        )
        self.rows("UPDATE mail_message_schedule SET scheduled_datetime = now() AT TIME ZONE 'UTC' - interval '1 s'")
        self.run_schedule()
        self.send()
        self.assertEqual(self.sink.count, 0)

    def test_a_message_that_is_changed_while_its_mail_waits_goes_out_as_changed(self):
        self.server()
        message, mails = self.post("t2@remote.test")
        self.send(*mails)
        self.assertEqual(self.mails(*mails)[0][0], "outgoing")
        self.ask(
            "message = env['mail.message'].browse(id)\n"
            "env[message.model].browse(message.res_id)._message_update_content(message, body='It is repaired.')",
            id=message,
        )
        self.assertEqual(self.mails(*mails)[0][0], "cancel")
        self.assertEqual(self.ledger()[0][:2], ("t2@remote.test", "cancelled"))
        for _attempt in range(2):
            self.rows("UPDATE mail_message_schedule SET scheduled_datetime = now() AT TIME ZONE 'UTC' - interval '1 s'")
            self.run_schedule()
            self.make_due()
            self.send()
        self.assertEqual(self.taken(), {"t2@remote.test": 1})
        (message,) = self.headers()
        text = next(part for part in message.walk() if part.get_content_type() == "text/plain")
        self.assertIn(b"It is repaired.", text.get_payload(decode=True))

    # mail_environment

    def test_an_outgoing_server_of_the_file_connects_and_sends(self):
        server = self.ask("answer = env['ir.mail_server'].create({'name': 'filed', 'sequence': 1}).id")
        self.ask("env['ir.mail_server'].browse(id).test_smtp_connection()", id=server)
        (mail,) = self.queue("amina@remote.test")
        self.send(mail)
        self.assertEqual(self.mails(mail), [("sent", None, None)])
        (message,) = self.filed.messages()
        self.assertEqual((message["user"], message["tls"]), ("filed", True))
        self.assertEqual(self.ledger("server_id")[0][3], server)

    def test_nobody_reads_the_password_of_the_file(self):
        server = self.ask("answer = env['ir.mail_server'].create({'name': 'filed'}).id")
        seen = self.ask("answer = env['ir.mail_server'].browse(id).read()", id=server)
        self.assertNotIn("sinkpw", str(seen))

    def test_a_password_that_is_typed_is_kept_sealed_and_used(self):
        """The file knows nothing of this server: mail_environment keeps its values in a column of its own."""
        server = self.server(smtp_encryption="starttls", smtp_user="typed", smtp_pass="sinkpw")  # noqa: S106
        (mail,) = self.queue("amina@remote.test")
        self.send(mail)
        self.assertEqual(self.mails(mail), [("sent", None, None)])
        self.assertEqual([one["user"] for one in self.sink.messages()], ["typed"])
        kept = self.value("SELECT server_env_defaults FROM ir_mail_server WHERE id = %s", server)
        self.assertIn("typed", kept)
        self.assertNotIn("sinkpw", kept)
        self.assertNotIn("sinkpw", str(self.ask("answer = env['ir.mail_server'].browse(id).read()", id=server)))
        # Another field is changed: the password stays.
        self.ask("env['ir.mail_server'].browse(id).smtp_user = 'other'", id=server)
        self.ask("env['ir.mail_server'].browse(id).test_smtp_connection()", id=server)
        # So does another credential of the same row.
        self.ask("env['ir.mail_server'].browse(id).google_gmail_access_token = 'ya29'", id=server)
        stored = self.value("SELECT google_gmail_access_token FROM ir_mail_server WHERE id = %s", server)
        self.assertRegex(stored, "^sealed:2:")
        self.ask("env['ir.mail_server'].browse(id).test_smtp_connection()", id=server)

    def test_a_copy_has_the_values_and_no_password(self):
        server = self.server(smtp_encryption="starttls", smtp_user="typed", smtp_pass="sinkpw")  # noqa: S106
        copy = self.ask(
            "admin = env.ref('base.user_admin')\n"
            "copy = env['ir.mail_server'].with_user(admin).browse(id).copy()\nanswer = copy.id",
            id=server,
        )
        self.assertNotIn("sealed:", self.value("SELECT server_env_defaults FROM ir_mail_server WHERE id = %s", copy))
        self.assertEqual(
            self.ask(
                "copy = env['ir.mail_server'].browse(id)\nanswer = [copy.smtp_host, copy.smtp_user, copy.smtp_pass]",
                id=copy,
            ),
            ["localhost", "typed", False],
        )

    def test_a_password_that_does_not_open_leaves_the_rest_readable(self):
        """It was moved from another row, or its key is lost."""
        servers = [self.server(smtp_user=user, smtp_pass="sinkpw") for user in ("one", "two")]  # noqa: S106
        moved = self.value("SELECT server_env_defaults::jsonb ->> 'x_smtp_pass_env_default' FROM ir_mail_server"
                           " WHERE id = %s", servers[0])
        self.rows(
            "UPDATE ir_mail_server SET server_env_defaults = (server_env_defaults::jsonb ||"
            " jsonb_build_object('x_smtp_pass_env_default', %s))::text WHERE id = %s", moved, servers[1],
        )
        self.assertEqual(
            self.ask(
                "server = env['ir.mail_server'].browse(id)\n"
                "answer = [server.smtp_user, server.read(['smtp_pass'])[0]['smtp_pass']]",
                id=servers[1],
            ),
            ["two", "••••••••"],
        )
        with self.assertRaises(ConsoleError) as caught:
            self.ask("env['ir.mail_server'].browse(id)._credential()", id=servers[1])
        self.assertEqual(
            caught.exception.text, "This credential cannot be opened with the keys at hand. Enter it anew."
        )
        self.ask("env['ir.mail_server'].browse(id).smtp_pass = 'sinkpw'", id=servers[1])
        self.assertEqual(
            self.ask("answer = env['ir.mail_server'].browse(id)._credential().secret", id=servers[1]), "sinkpw"
        )

    def test_who_points_a_server_elsewhere_enters_the_password_again(self):
        """Also by the fields that mail_environment adds, which the form does not show."""
        server = self.server(smtp_user="typed", smtp_pass="sinkpw")  # noqa: S106
        kept = self.value("SELECT server_env_defaults FROM ir_mail_server WHERE id = %s", server)
        for values in (
            {"smtp_host": "elsewhere.test"},
            {"x_smtp_host_env_default": "elsewhere.test"},
            {"server_env_defaults": kept.replace("localhost", "elsewhere.test")},
        ):
            with self.subTest(field=next(iter(values))):
                refused = self.ask(
                    """
from odoo.exceptions import UserError
manager = env["res.users"].create({
    "name": "Manager", "login": f"manager-{number}",
    "group_ids": [(4, env.ref("spp_email_gateway.group_email_gateway_manager").id)],
})
try:
    env["ir.mail_server"].with_user(manager).browse(id).write(values)
except UserError as error:
    env.cr.rollback()
    answer = str(error)
""",
                    id=server,
                    number=process.free_port(),
                    values=values,
                )
                self.assertRegex(refused or "", "Enter the password again|entered in their own fields")
        # With the password it is done, and servers of their own are made and changed.
        self.assertEqual(
            self.ask(
                """
manager = env["res.users"].create({
    "name": "Manager", "login": "manager", "email": "manager@example.test",
    "group_ids": [(4, env.ref("spp_email_gateway.group_email_gateway_manager").id)],
})
servers = env["ir.mail_server"].with_user(manager)
servers.browse(id).write({"smtp_host": "127.0.0.1", "smtp_pass": "sinkpw"})
own = servers.create({"name": "own", "smtp_host": "localhost", "smtp_user": "own", "smtp_pass": "sinkpw"})
own.write({"smtp_port": port, "smtp_encryption": "starttls", "smtp_pass": "sinkpw"})
env.invalidate_all()
own.test_smtp_connection()
mailbox = env["fetchmail.server"].with_user(manager).create({"name": "own", "server": "localhost", "password": "pw"})
mailbox.write({"server": "other.test", "password": "pw"})
answer = [own.smtp_host, own.smtp_port, mailbox.server]
""",
                id=server,
                port=self.sink.port,
            ),
            ["localhost", self.sink.port, "other.test"],
        )

    def test_a_mailbox_of_the_file_is_read(self):
        server = self.ask(
            "answer = env['fetchmail.server'].create({'name': 'filed', 'gateway_start': 'everything',"
            " 'object_id': env['ir.model']._get('crm.lead').id, 'gateway_use_starttls': False}).id"
        )
        self.dovecot.deliver(self.box, letter("from a mailbox of the file"))
        self.ask("env['fetchmail.server'].browse(id).button_confirm_login()", id=server)
        self.fetch(server)
        self.assertEqual(self.leads("from a mailbox of the file"), ["from a mailbox of the file"])


class TestOCALeaves(SendingCase):
    modules = "mail_environment"

    @classmethod
    def setUpClass(cls):
        places = environment.ensure_oca(), str(odoo_home.find().path)
        cls.odoo_env = {"PYTHONPATH": os.pathsep.join(places), "SPP_EMAIL_GATEWAY_KEY": KEY}
        super().setUpClass()

    def test_passwords_stay_when_mail_environment_is_uninstalled(self):
        server = self.server()
        values = {"smtp_encryption": "starttls", "smtp_user": "typed", "smtp_pass": "sinkpw"}
        values["smtp_port"] = self.sink.port
        self.ask("env['ir.mail_server'].browse(id).write(values)", id=server, values=values)
        self.console.stop()
        self.assertEqual(
            odoo_server.execute(
                self.database,
                "env['ir.module.module'].search([('name', '=', 'mail_environment')]).button_immediate_uninstall()\n"
                "env.cr.commit()\nprint('true')",
                env=self.odoo_env,
            ),
            True,
        )
        self.assertRegex(self.value("SELECT smtp_pass FROM ir_mail_server WHERE id = %s", server), "^sealed:2:")
        self.assertEqual(
            odoo_server.execute(
                self.database,
                f"env['ir.mail_server'].browse({server}).test_smtp_connection()\nprint('true')",
                env=self.odoo_env,
            ),
            True,
        )


class TestGatewayLeavesOCA(SendingCase):
    """mail_environment stays when the gateway goes."""

    modules = "mail_environment"

    @classmethod
    def setUpClass(cls):
        places = environment.ensure_oca(), str(odoo_home.find().path)
        cls.odoo_env = {"PYTHONPATH": os.pathsep.join(places), "SPP_EMAIL_GATEWAY_KEY": KEY}
        super().setUpClass()

    def test_what_it_keeps_is_given_back_in_clear(self):
        query = "SELECT server_env_defaults::jsonb ->> 'x_smtp_pass_env_default' FROM ir_mail_server WHERE id = %s"
        server = self.server(smtp_user="typed", smtp_pass="sinkpw")  # noqa: S106
        self.assertRegex(self.value(query, server), "^sealed:2:")
        self.console.stop()
        odoo_server.execute(
            self.database,
            "env['ir.module.module'].search([('name', '=', 'spp_email_gateway')]).button_immediate_uninstall()\n"
            "env.cr.commit()\nprint('true')",
            env=self.odoo_env,
        )
        self.assertEqual(self.value(query, server), "sinkpw")
