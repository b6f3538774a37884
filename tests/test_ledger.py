# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ..engine.errors import GatewayError
from ..engine.mailbox import Entry, Fetched
from ..engine.reading import Known
from .common import ScriptedMailbox, eml
from .test_fetchmail_server_reading import ReadingCase


class Renumbered(ScriptedMailbox):
    """The same messages under another UIDVALIDITY and with other UIDs."""

    def __init__(self, *contents):
        super().__init__(*contents)
        self.contents = {str(int(uid) + 50): content for uid, content in self.contents.items()}

    def waiting(self, limit=None):
        return [Entry("INBOX", "2", entry.uid, entry.size) for entry in super().waiting(limit)]


class Maildrop(ScriptedMailbox):
    """A POP mailbox."""

    def last_uid(self):
        return None

    def waiting(self, limit=None):
        return [Entry("", "", entry.uid, entry.size) for entry in super().waiting(limit)]


@tagged("post_install", "-at_install")
class TestLedger(ReadingCase):
    def test_known(self):
        inbound = self.journal(eml(), self.box, uid="1")
        key = self.box._gateway_server_key()
        with self.own_cursors():
            known = self.env["spp.email.ledger"]._known(key, [("INBOX", "1", "1"), ("INBOX", "1", "2")])
        self.assertEqual(known, {("INBOX", "1", "1"): Known(inbound.size, since=inbound.received_date)})

    # UIDVALIDITY

    def test_a_renumbered_mailbox_doubles_nothing_and_loses_nothing(self):
        # Also without Message-ID, where Odoo itself could not tell.
        contents = [eml(), eml(Message_ID=None), b"", eml()]
        self.fetch(ScriptedMailbox(*contents[:3]))
        before = [(row.id, row.state, row.digest) for row in self.rows()]
        renumbered = Renumbered(*contents)
        self.fetch(renumbered)
        rows = self.rows()
        self.assertEqual([(row.id, row.state, row.digest) for row in rows[:3]], before)
        self.assertEqual(rows.mapped("uid_validity"), ["2"] * 4)
        self.assertEqual(rows.mapped("uid"), ["51", "52", "53", "54"])
        self.assertEqual(rows[3].state, "done")
        self.assertEqual(renumbered.told, ["51", "52", "53", "54"])
        self.assertEqual(len(self.partners("A question")), 3)

    def test_the_same_bytes_twice_stay_two(self):
        copy = eml()
        self.fetch(ScriptedMailbox(copy, copy))
        self.fetch(Renumbered(copy, copy, copy))
        self.assertEqual(self.rows().mapped("uid"), ["51", "52", "53"])
        self.assertEqual(self.rows().mapped("state"), ["done", "duplicate", "duplicate"])

    def test_a_message_in_work_keeps_its_name(self):
        content = eml()
        inbound = self.journal(content, self.box, uid="1")
        self.sql("UPDATE spp_email_inbound SET state = 'processing' WHERE id = %s RETURNING id", inbound.id)
        one = Fetched(Entry("INBOX", "2", "51", len(content)), content)
        with self.own_cursors():
            left = self.env["spp.email.ledger"]._follow(self.box._gateway_server_key(), [one])
        self.assertEqual((left, inbound.uid), ([one], "1"))

    # POP

    def test_pop_leaves_messages_for_the_days_and_no_longer(self):
        self.box.server_type = "pop"
        mailbox = Maildrop(eml(), eml())
        self.fetch(mailbox)
        self.assertEqual((len(self.rows()), mailbox.told), (2, []))
        mailbox.contents["3"] = eml()
        self.age(self.rows()[0], days=15)
        self.assertEqual(self.fetch(mailbox)[1], 1)
        self.assertEqual(mailbox.told, ["1"])
        self.assertTrue(self.rows()[0].acknowledged_date)
        self.assertFalse(self.rows()[1].acknowledged_date)

    def age(self, inbound, days):
        self.sql(
            "UPDATE spp_email_inbound SET received_date = %s WHERE id = %s RETURNING id",
            fields.Datetime.now() - timedelta(days=days),
            inbound.id,
        )
        inbound.invalidate_recordset()

    def test_a_server_that_counts_otherwise_is_believed_once(self):
        class Counting(Maildrop):
            fetched = 0

            def waiting(self, limit=None):
                return [Entry("", "", entry.uid, entry.size + 7) for entry in super().waiting(limit)]

            def fetch(self, entries):
                for one in super().fetch(entries):
                    self.fetched += 1
                    yield one

        self.box.server_type = "pop"
        self.journal(b"Subject: x\r\n\r\n", self.box)
        mailbox = Counting(eml())
        # From before the server's size was kept.
        self.fetch(mailbox)
        self.sql("UPDATE spp_email_inbound SET server_size = NULL WHERE server_id = %s RETURNING id", self.box.id)
        counts = []
        for _round in range(3):
            self.fetch(mailbox)
            counts.append(mailbox.fetched)
        self.assertEqual(counts, [2, 2, 2])

    def test_a_name_that_is_used_again_is_the_later_messages(self):
        # RFC 1939 §7 forbids it, and it happens: what is left on the server is not fetched at every run.
        self.box.server_type = "pop"
        mailbox = Maildrop(eml(Subject="Earlier"), eml())
        self.fetch(mailbox)
        mailbox.contents["1"] = eml(Subject="Later, and longer")
        self.assertEqual([self.fetch(mailbox)[1] for _round in range(3)], [1, 0, 0])
        mailbox.fetch = lambda entries: self.assertFalse(list(entries)) or iter(())
        self.fetch(mailbox)
        earlier, _other, later = self.rows()
        self.assertEqual([(row.subject, row.uid) for row in (earlier, later)], [
            ("Earlier", f"1~{earlier.digest[:16]}"), ("Later, and longer", "1")])
        # The days are counted for the message that has the name now.
        self.age(earlier, days=15)
        self.fetch(mailbox)
        self.assertEqual(mailbox.told, [])
        self.age(later, days=15)
        self.fetch(mailbox)
        self.assertEqual(mailbox.told, ["1"])
        self.env.invalidate_all()
        self.assertEqual([bool(row.acknowledged_date) for row in (earlier, later)], [False, True])

    def test_a_name_that_went_to_a_message_while_the_earlier_was_in_work(self):
        self.box.server_type = "pop"
        mailbox = Maildrop(eml(Subject="In work"))
        self.fetch(mailbox)
        self.sql("UPDATE spp_email_inbound SET state = 'processing', claim_until = now() + interval '1 hour'"
                 " WHERE server_id = %s RETURNING id", self.box.id)
        mailbox.contents["1"] = eml(Subject="Came meanwhile")
        self.assertEqual([self.fetch(mailbox)[1] for _round in range(2)], [1, 0])
        earlier, later = self.rows()
        self.assertEqual((earlier.uid, later.uid), ("1", f"1~{later.digest[:16]}"))
        self.sql("UPDATE spp_email_inbound SET state = 'done' WHERE id = %s RETURNING id", earlier.id)
        self.assertEqual(self.fetch(mailbox)[1], 0)
        self.env.invalidate_all()
        self.assertEqual((earlier.uid, later.uid), (f"1~{earlier.digest[:16]}", "1"))

    # Size

    def large(self, **values):
        self.box.write({"gateway_size_limit": 1, **values})
        content = eml(Subject="Large", body=b"x" * (1024 * 1024 + 1))
        mailbox = ScriptedMailbox(eml(), content)
        self.fetch(mailbox)
        return mailbox, content, self.rows()[1]

    def test_of_a_large_message_only_the_headers_are_kept(self):
        mailbox, content, row = self.large()
        self.assertOutcome(row, "quarantined", "too_large")
        self.assertEqual((row.subject, row.is_headers_only, row.server_size), ("Large", True, len(content)))
        self.assertKept(row, content.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
        self.assertEqual(mailbox.told, ["1"])
        self.assertEqual(self.fetch(mailbox)[1], 0)
        self.assertEqual((len(self.rows()), mailbox.told), (2, ["1"]))

    def test_the_whole_message_is_fetched_when_a_person_wants_it(self):
        mailbox, content, row = self.large()
        with self.serving(mailbox), self.own_cursors():
            row.with_user(self.officer).action_fetch_whole()
        self.env.invalidate_all()
        self.assertEqual((row.state, row.reason, row.is_headers_only), ("received", False, False))
        self.assertKept(row, content)
        self.assertEqual(mailbox.told, ["1", "2"])
        self.assertTrue(row.acknowledged_date)
        self.process()
        self.env.invalidate_all()
        self.assertOutcome(row, "done", "record_created")
        self.assertEqual(len(self.partners("Large")), 1)

    def test_the_whole_message_is_asked_for_by_the_servers_own_name_of_it(self):
        # RFC 1939 §7: any printable character, "~" among them.
        for uid in ("a~b", "0123~0123456789abcdef"):
            with self.subTest(uid):
                content = eml(Subject=f"Large {uid}", body=b"x" * (1024 * 1024 + 1))
                self.box.write({"server_type": "pop", "gateway_size_limit": 1})
                mailbox = Maildrop()
                mailbox.contents = {uid: content}
                self.fetch(mailbox)
                row = self.rows()[-1]
                with self.serving(mailbox), self.own_cursors():
                    row.with_user(self.officer).action_fetch_whole()
                self.assertKept(row, content)

    def test_another_message_of_the_same_name_is_not_taken_for_it(self):
        mailbox, _content, row = self.large()
        mailbox.contents["2"] = eml(Subject="Another")
        with self.assertRaisesRegex(UserError, "not on the server any more"), self.serving(mailbox), self.own_cursors():
            row.with_user(self.officer).action_fetch_whole()
        self.assertOutcome(row, "quarantined", "too_large")

    def test_fetching_the_whole_message_fails_in_words(self):
        mailbox, _content, row = self.large()
        for name, act, words in (
            ("gone", lambda: mailbox.contents.pop("2"), "not on the server any more"),
            ("refused", lambda: setattr(mailbox, "error", GatewayError("The login was refused.")), "login was refused"),
        ):
            act()
            mailbox.fetch = lambda entries: iter(())
            with self.subTest(name), self.serving(mailbox), self.own_cursors():
                with self.assertRaisesRegex(UserError, words):
                    row.with_user(self.officer).action_fetch_whole()
        self.assertOutcome(row, "quarantined", "too_large")
        with self.assertRaises(AccessError):
            row.with_user(self.viewer).action_fetch_whole()
        with self.assertRaisesRegex(UserError, "in the journal already"):
            self.rows()[0].with_user(self.officer).action_fetch_whole()
        self.box.user = "moved@gateway.test"
        with self.assertRaisesRegex(UserError, "leads to another place"), self.serving(mailbox), self.own_cursors():
            row.with_user(self.officer).action_fetch_whole()
        self.box.unlink()
        with self.assertRaisesRegex(UserError, "mailbox of this message was removed"):
            row.with_user(self.officer).action_fetch_whole()

    def test_headers_never_become_a_record(self):
        _mailbox, _content, row = self.large()
        with self.assertRaisesRegex(UserError, "Only the headers are here"):
            row.with_user(self.officer).action_retry()
        self.sql("UPDATE spp_email_inbound SET state = 'received' WHERE id = %s RETURNING id", row.id)
        row.invalidate_recordset()
        self.process()
        row.invalidate_recordset()
        self.assertOutcome(row, "quarantined", "too_large")
        self.assertFalse(self.partners("Large"))

    # What failed

    def test_what_failed_is_moved_by_the_next_session_once(self):
        self.box.write({"gateway_after_failure": "move", "gateway_failed_folder": "Failed"})
        mailbox = ScriptedMailbox(eml(), b"")
        self.fetch(mailbox)
        self.assertEqual(mailbox.filed, [])
        for _round in range(2):
            self.fetch(mailbox)
        self.assertEqual(mailbox.filed, ["2"])
        self.assertTrue(self.rows()[1].filed_date)
        self.assertFalse(self.rows()[0].filed_date)

    def test_what_is_too_large_stays_where_its_body_is(self):
        mailbox, _content, row = self.large(gateway_after_failure="move", gateway_failed_folder="Failed")
        self.fetch(mailbox)
        self.assertEqual(mailbox.filed, [])
        self.assertFalse(row.filed_date)

    # Untouched

    def test_untouched_messages_are_taken_once(self):
        self.box.gateway_after = "leave"
        mailbox = ScriptedMailbox(eml(), eml())
        self.assertEqual([self.fetch(mailbox)[1] for _round in range(2)], [2, 0])
        self.assertEqual(mailbox.told, [])
        self.assertFalse(any(self.rows().mapped("acknowledged_date")))
        self.assertEqual(self.box._gateway_reading_plan()[0][0].floor, ("1", 2))
