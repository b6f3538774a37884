# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A person sees who is proved, and an admin says what becomes of the others."""

from __future__ import annotations

from .case import BrowserCase, letter

MX = "mx.example.test"
BOX = "signs"


def noted(result, content, domain):
    return f"Authentication-Results: {MX}; dmarc={result} header.from={domain}\r\n".encode() + content


class TestSenders(BrowserCase):
    def record(self, inbound):
        return self.ask(
            "row = env['spp.email.inbound'].browse(inbound)\n"
            "env['spp.email.lane']._process_due()\nenv.cr.commit()\nrow.invalidate_recordset()\n"
            "answer = (row.state, row.reason, row.res_model, row.res_id)",
            inbound=inbound,
        )

    def test_a_sign_beside_the_author(self):
        self.ask("env['res.users'].search([('login', '=', 'maria@example.test')]).email = 'maria@example.test'")
        model = self.ask("answer = env['ir.model']._get_id('res.partner')")
        messages = (
            noted(
                "pass",
                letter("Proved", sender="Amina Diallo <amina@remote.test>", to=f"{BOX}@example.test"),
                "remote.test",
            ),
            letter("Claimed", sender="Maria <maria@example.test>", to=f"{BOX}@example.test"),
            noted(
                "fail", letter("Forged", sender="Maria <maria@example.test>", to=f"{BOX}@example.test"), "example.test"
            ),
            letter("Stranger", sender="Amina Diallo <amina@remote.test>", to=f"{BOX}@example.test"),
        )
        rows = self.fetched(BOX, *messages, object_id=model, gateway_trusted_servers=MX)
        self.assertEqual(len(rows), 4)
        for row, sign, words in zip(
            rows,
            ("proved", "unproved", "forged", None),
            ("Sender proved.", "nothing proves it", "Not who it claims to be", ""),
            strict=True,
        ):
            state, reason, res_model, res_id = self.record(row)
            with self.subTest(sign=sign):
                self.assertEqual((state, res_model), ("done", "res.partner"), reason)
                self.open(f"res.partner/{res_id}")
                message = self.page.locator(".o-mail-Message", has_text="Help.").first
                message.wait_for()
                found = message.locator(".o_spp_email_sender")
                self.assertEqual(found.count(), 1 if sign else 0)
                if sign:
                    self.assertEqual(found.get_attribute("data-sender"), sign)
                    self.assertIn(words, found.get_attribute("title"))
                    self.assertEqual(found.get_attribute("title"), found.get_attribute("aria-label"))
                    message.scroll_into_view_if_needed()
                    self.screenshot(f"sender-{sign}")

    def test_the_policy_of_a_domain(self):
        domain = self.ask(
            # The first alias domain is given to all aliases, and could not be removed again.
            "domains = env['mail.alias.domain']\n"
            "if not domains.search_count([]):\n    domains.create({'name': 'example.test'})\n"
            "found = domains.search([('name', '=', 'senders.test')])\n"
            "answer = (found or domains.create({'name': 'senders.test', 'sequence': 60})).id"
        )
        self.addCleanup(self.ask, f"env['mail.alias.domain'].browse({domain}).unlink()")
        self.open(f"action-mail.mail_alias_domain_action/{domain}")
        form = self.page.locator(".o_form_sheet")
        self.assertIn("never acts as that user", form.inner_text())
        self.assertEqual(self.options("Unproved Senders"), ["Accept", "Mark", "Quarantine", "Refuse"])
        self.choose("Unproved Senders", "Quarantine")
        self.assertIn("waits for a person", form.inner_text())
        self.save()
        self.screenshot("sender-policy")

    def test_a_mailbox_is_told_whom_to_trust(self):
        content = [noted("none", letter(f"{number}", to="trusting@example.test"), "remote.test") for number in range(3)]
        self.fetched("trusting", *content)
        server = self.ask(
            "answer = env['fetchmail.server'].search([('user', '=', 'trusting@example.test')], limit=1).id"
        )
        self.open_app("Email Gateway", "Incoming", "Incoming Email Servers")
        self.open(f"incoming-email-servers/{server}")
        self.tab("Senders")
        self.assertIn(MX, " ".join(self.alerts()))
        self.screenshot("sender-trust")
        self.press("Trust It")
        self.page.wait_for_function(f"() => document.querySelector('.o_form_sheet').innerHTML.includes('{MX}')")
        self.settle()
        self.assertEqual(
            self.ask("answer = env['fetchmail.server'].browse(server).gateway_trusted_servers", server=server), MX
        )
