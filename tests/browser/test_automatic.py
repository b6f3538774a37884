# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Mail of machines, as people see it: confirmation links, absence notices, and the settings for both."""

from __future__ import annotations

from tools.sandbox import DOMAIN

from .case import BrowserCase, letter

LINK = "https://mail.provider.test/mail/vf-%5BANGjdJ8%5D-cQ7rT2?user=17&key=b5e1"
CONFIRM = (
    "<p>Hello,</p><p>mail for <b>catchall@{domain}</b> is to be redirected to your database. Please press the button "
    'to confirm it.</p><p><a href="{link}" style="background: #336699">Confirm the redirection</a></p>'
    "<p>If you know nothing of it, leave this mail alone.<br/>The Team of the Provider</p>"
)
RECEIVE = """
from odoo.addons.spp_email_gateway.engine import classify
from odoo.addons.spp_email_gateway.engine.message_kind import Classification, MessageKind
from odoo.addons.spp_email_gateway.models.spp_email_journal import JournalEntry
real = classify.classify
if kind:
    classify.classify = lambda content, summary: Classification(MessageKind(kind), (), "the test says so")
try:
    env["spp.email.journal"]._write_entries(
        [JournalEntry(text[:500], "INBOX", "1", "1", text.encode(), company_id=env.company.id)]
    )
    env.cr.commit()
    env["spp.email.lane"]._process_due()
    env.cr.commit()
finally:
    classify.classify = real
answer = env["spp.email.inbound"].search([], order="id desc", limit=1).id
"""


class TestAutomatic(BrowserCase):
    def setUp(self):
        super().setUp()
        self.domain = self.ask(
            "rows = env['spp.email.inbound'].search([])\nrows.write({'state': 'discarded'})\nrows.unlink()\n"
            "found = env['mail.alias.domain'].search([('name', '=', domain)]) or env['mail.alias.domain'].create("
            "{'name': domain, 'bounce_alias': 'bounce', 'catchall_alias': 'catchall'})\n"
            "answer = found.id",
            domain=DOMAIN,
        )

    def receive(self, content, kind=""):
        return self.ask(RECEIVE, text=content.decode(), kind=kind)

    def test_a_confirmation_link_is_copied(self):
        entry = self.receive(
            letter(
                "Confirm the redirection",
                CONFIRM.format(domain=DOMAIN, link=LINK.replace("&", "&amp;")),
                sender="The Provider <no-reply@provider.test>",
                to=f"catchall@{DOMAIN}",
                html=True,
            )
        )
        self.open(f"email-quarantine/{entry}")
        self.assertIn("The address is not for writing", self.alerts()[0])
        self.assertIn("copy the address beside the link", self.alerts()[0])
        inside = self.page.frame_locator("iframe.o_spp_email_preview")
        link = inside.get_by_text(LINK, exact=True)
        link.wait_for()
        self.screenshot("quarantine-confirmation")
        # One click takes all of it, and nothing is opened.
        pages = len(self.session.pages)
        inside.get_by_text("Confirm the redirection", exact=True).last.click()
        link.click()
        self.assertEqual(len(self.session.pages), pages)
        self.session.grant_permissions(["clipboard-read", "clipboard-write"])
        self.page.keyboard.press("Control+C")
        self.assertEqual(self.page.evaluate("navigator.clipboard.readText()"), LINK)

    def test_an_absence_notice_in_the_chatter(self):
        partner, message_id = self.ask(
            "partner = env['res.partner'].create({'name': 'Joseph Mwangi', 'email': 'joseph@remote.test'})\n"
            "sent = partner.message_post(body='Is the card all right now?', subtype_xmlid='mail.mt_comment')\n"
            "answer = [partner.id, sent.message_id]"
        )
        notice = letter(
            "Out of office: your question",
            "I am away until Monday. In urgent cases please write to Rosa.",
            sender="Joseph Mwangi <joseph@remote.test>",
            to=f"catchall@{DOMAIN}",
        )
        notice = notice.replace(b"MIME-Version", f"In-Reply-To: {message_id}\r\nMIME-Version".encode())
        entry = self.receive(notice, "automatic_reply")
        self.assertEqual(
            self.ask("answer = env['spp.email.inbound'].browse(entry).read(['state', 'res_id'])[0]", entry=entry)[
                "res_id"
            ],
            partner,
        )
        self.page.goto(f"{self.url}/odoo/res.partner/{partner}")
        message = self.page.locator(".o-mail-Message", has_text="I am away until Monday").first
        message.wait_for()
        self.assertEqual(message.locator(".o_spp_email_automatic").inner_text(), "Automatic reply")
        # A note, and no part of the conversation.
        self.assertEqual(message.locator(".o-note").count(), 1)
        message.evaluate("element => element.scrollIntoView({block: 'center'})")
        self.screenshot("automatic-reply")

    def test_what_was_discarded_comes_back(self):
        entry = self.receive(letter("Out of office", "Away.", to=f"catchall@{DOMAIN}"), "automatic_reply")
        self.open(f"email-journal/{entry}")
        self.assertEqual(self.state(), "Discarded")
        self.press("Back to Quarantine")
        self.state_is("Quarantined")
        self.assertIn("An automatic reply, which makes no record", self.alerts()[0])

    def test_the_settings(self):
        self.open(f"action-mail.mail_alias_domain_action/{self.domain}")
        self.page.get_by_text("Absence Notices and Other Automatic Replies").scroll_into_view_if_needed()
        self.assertEqual(
            self.options("Automatic Replies"),
            ["Attach Quietly to Their Record", "Discard", "Quarantine", "Treat Like Other Mail"],
        )
        self.choose("Automatic Replies", "Quarantine")
        self.page.get_by_text("They reach no record.").wait_for()
        self.choose("Automatic Replies", "Attach Quietly to Their Record")
        self.page.get_by_text("No follower is told and no automation runs.").wait_for()
        self.screenshot("alias-domain-automatic")
        server = self.mailbox("maria")
        self.open(f"incoming-email-servers/{server}")
        self.tab("Values & Notices")
        self.fill("Forwarders", "desk")
        self.page.click(".o_form_button_save")
        self.assertIn("“desk” is neither an address", self.refusal())
        self.fill("Forwarders", "desk@office.test")
        self.save()
        self.field("Forwarders").evaluate("element => element.scrollIntoView({block: 'center'})")
        self.screenshot("mailbox-forwarders")
