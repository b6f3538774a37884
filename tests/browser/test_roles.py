# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What a viewer, an officer, a member of a team and an administrator see of the same mail."""

from __future__ import annotations

from .case import BrowserCase, World, letter

OPEN = letter("Opening hours", "When is the office open?", sender="Li Wei <li@remote.test>")
CLOSED = letter("A complaint", "The clerk asked me for money.", sender="Amina Diallo <amina@remote.test>")

# Written once: all classes look at the same two messages.
WORLD = """
from odoo.addons.spp_email_gateway.models.spp_email_journal import JournalEntry
users = env["res.users"]
member = users.search([("login", "=", "member")]) or users.create({
    "name": "Grace Okafor", "login": "member", "password": "member",
    "group_ids": [(6, 0, [env.ref("base.group_user").id,
                          env.ref("spp_email_gateway.group_email_gateway_officer").id])],
})
member.tour_enabled = False
team = env["spp.email.team"].search([("name", "=", "Grievance Committee")]) or env["spp.email.team"].create(
    {"name": "Grievance Committee", "member_ids": member.ids})
boxes = {}
for name in ("Front Desk", "Complaints"):
    boxes[name] = env["fetchmail.server"].search([("name", "=", name)]) or env["fetchmail.server"].create({
        "name": name, "server": "localhost", "server_type": "imap", "port": 993,
        "user": f"{name.split()[0].lower()}@roles.test", "state": "done",
    })
boxes["Complaints"].write({"gateway_team_id": team.id, "gateway_is_confidential": True})
env.cr.commit()
entries = [JournalEntry(f"roles-{name}", "INBOX", "1", "1", text.encode(), server_id=boxes[name].id,
                        company_id=env.company.id)
           for name, text in zip(("Front Desk", "Complaints"), messages)]
env["spp.email.journal"]._write_entries(entries)
env.cr.commit()
env["spp.email.lane"]._process_due()
rows = [env["spp.email.inbound"].search([("server_key", "=", f"roles-{name}")]).id for name in boxes]
answer = [*rows, boxes["Complaints"].id, team.id]
"""


class RolesCase(BrowserCase):
    @classmethod
    def setUpClass(cls):
        # Before anybody logs in: the member is made here.
        messages = [OPEN.decode(), CLOSED.decode()]
        cls.open_mail, cls.closed_mail, cls.box, cls.team = World.get().console.ask(WORLD, messages=messages)
        super().setUpClass()

    def subjects(self):
        self.open("email-journal")
        self.page.locator(".o_data_row", has_text="Opening hours").first.wait_for()
        return [text for text in self.page.locator(".o_data_row [name=subject]").all_inner_texts()]

    def tabs(self):
        return [text.strip() for text in self.page.locator(".o_notebook_headers .nav-link").all_inner_texts()]

    def buttons(self):
        return [
            text.strip()
            for text in self.page.locator(".o_form_statusbar button, .o-form-buttonbox button").all_inner_texts()
        ]


class TestViewer(RolesCase):
    login = "viewer"

    def test_a_viewer_sees_that_there_is_mail(self):
        subjects = self.subjects()
        self.assertIn("Opening hours", subjects)
        self.assertNotIn("A complaint", subjects)
        self.open(f"email-journal/{self.open_mail}")
        self.assertNotIn("Message", self.tabs())
        self.assertIn("What Happened", self.tabs())
        self.assertFalse([text for text in self.buttons() if "Download" in text])
        self.assertEqual(self.page.locator("iframe.o_spp_email_preview").count(), 0)
        self.assertNotIn("When is the office open", self.page.content())
        self.screenshot("roles-viewer")


class TestOfficer(RolesCase):
    login = "officer"

    def test_an_officer_reads_what_is_no_teams(self):
        self.assertNotIn("A complaint", self.subjects())
        self.open(f"email-journal/{self.open_mail}")
        self.assertIn("Message", self.tabs())
        frame = self.page.frame_locator("iframe.o_spp_email_preview")
        frame.get_by_text("When is the office open?").wait_for()
        self.assertTrue([text for text in self.buttons() if "Download" in text])
        self.screenshot("roles-officer")

    def test_an_address_that_was_passed_on_opens_nothing(self):
        self.page.goto(f"{self.url}/odoo/email-journal/{self.closed_mail}")
        # Odoo's client finds no record there, and shows none.
        self.page.locator(".o_menu_brand", has_text="Email Gateway").wait_for()
        self.page.wait_for_timeout(3000)
        self.settle()
        self.assertEqual(self.page.locator(".o_form_sheet").count(), 0)
        for words in ("A complaint", "asked me for money"):
            self.assertNotIn(words, self.page.content())
        answer = self.page.request.get(f"{self.url}/spp_email_gateway/inbound/{self.closed_mail}/eml")
        self.assertEqual(answer.status, 403)


class TestMember(RolesCase):
    login = "member"

    def test_a_member_reads_and_decides(self):
        self.assertIn("A complaint", self.subjects())
        self.open(f"email-journal/{self.closed_mail}")
        self.page.frame_locator("iframe.o_spp_email_preview").get_by_text("The clerk asked me for money.").wait_for()
        self.assertIn("Answer", self.buttons())
        self.screenshot("roles-member")


class TestAdministrator(RolesCase):
    def test_who_is_not_named_sees_no_content(self):
        self.assertIn("A complaint", self.subjects())
        self.open(f"email-journal/{self.closed_mail}")
        self.page.get_by_text("This mail is confidential.", exact=False).wait_for()
        self.assertEqual(self.page.locator("iframe.o_spp_email_preview").count(), 0)
        for label in ("Retry", "Answer", "Discard", "Route to a Model"):
            self.assertNotIn(label, self.buttons())
        self.assertNotIn("asked me for money", self.page.content())
        answer = self.page.request.get(f"{self.url}/spp_email_gateway/inbound/{self.closed_mail}/eml")
        self.assertEqual(answer.status, 403)
        # What to do is said to those who may.
        self.assertNotIn("Route it to a model", self.alerts()[0])
        self.screenshot("roles-confidential")

    def test_the_team_and_the_mailbox(self):
        self.open_app("Email Gateway", "Configuration", "Teams")
        self.open(f"email-teams/{self.team}")
        self.page.locator(".o_data_row", has_text="Grace Okafor").wait_for()
        self.screenshot("roles-team")
        self.tab("Mailboxes and Intakes")
        self.page.locator("[name=server_ids] .o_data_row", has_text="Complaints").wait_for()
        self.open(f"incoming-email-servers/{self.box}")
        self.tab("Who Sees It")
        self.page.locator("[name=gateway_team_id] input").wait_for()
        self.assertEqual(self.page.locator("[name=gateway_team_id] input").input_value(), "Grievance Committee")
        self.screenshot("roles-mailbox")
