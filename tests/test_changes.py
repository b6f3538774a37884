# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from unittest.mock import patch

from odoo import SUPERUSER_ID, Command, fields
from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import GatewayCase, ScriptedMailbox, eml

LATER = fields.Datetime.to_datetime("2090-01-01 00:00:00")


class ChangeCase(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.changes = cls.env["spp.email.change"]
        cls.manager.group_ids += cls.env.ref("base.group_partner_manager")

    def rows(self, record=None, since=None):
        """Return (field, old, new) of the rows, of a record and after an id if given, oldest first."""
        self.env.flush_all()
        domain = [("id", ">", since or 0)]
        if record is not None:
            domain += [("model", "=", record._name), ("res_id", "=", record.id)]
        return [(row.field, row.old, row.new) for row in self.changes.search(domain, order="id")]

    def last(self):
        return self.changes.search([], order="id desc", limit=1).id

    def assertChanged(self, record, change, *expected):
        """``change()`` leaves exactly these rows about the record, and no others."""
        last = self.last()
        change()
        self.assertEqual(self.rows(record, last), list(expected))


@tagged("post_install", "-at_install")
class TestChanges(ChangeCase):
    def test_a_change_by_a_person(self):
        box = self.mailbox()
        self.assertChanged(
            box,
            lambda: box.with_user(self.manager).write({"server": "imap.gateway.test", "is_ssl": True, "priority": 7}),
            ("server", "mail.gateway.test", "imap.gateway.test"),
            ("priority", "5", "7"),
        )
        row = self.changes.search([("model", "=", box._name), ("res_id", "=", box.id)], order="id desc", limit=1)
        self.assertEqual(
            (row.user_id, row.origin, row.kind, row.record_name, row.who),
            (self.manager, "person", "changed", "Box", self.manager.name),
        )
        self.assertEqual((row.model_name, row.field_name), ("Incoming Mail Server", "Server Priority"))
        self.assertAlmostEqual(row.date.timestamp(), fields.Datetime.now().timestamp(), delta=60)

    def test_what_is_written_again_is_no_change(self):
        box = self.mailbox()
        self.assertChanged(box, lambda: box.write({"server": box.server, "active": True, "name": "Box"}))

    def test_each_kind_of_setting(self):
        """What a manager changes on each model, and the rows that tell of it."""
        box = self.mailbox()
        relay = self.env["ir.mail_server"].create({"name": "Relay", "smtp_host": "relay.gateway.test"})
        alias = self.alias("help")
        rule = self.env["spp.email.rule"].create({"name": "Rule"})
        intake, _token = self.intake()
        other_domain = self.env["mail.alias.domain"].create({"name": "other.test"})
        policy = self.env["spp.email.suppression.policy"].create({"company_id": self.other_company.id})
        retention = self.env.ref("spp_email_gateway.spp_email_retention_done")
        outgoing = self.env["spp.email.delivery.retention"].search([("state", "=", "sent")], limit=1)
        entry = self.env["spp.email.recipient.entry"].create({"entry": "gateway.test"})
        template = self.env.ref("spp_email_gateway.mail_template_unroutable")
        view = self.env.ref("mail.mail_bounce_catchall")
        job = self.env.ref("mail.ir_cron_mail_scheduler_action")
        mine = self.env.ref("spp_email_gateway.ir_cron_process_inbound")
        minutes = job.interval_number
        for record, values, expected in (
            (box, {"gateway_after": "delete"}, [("gateway_after", "Mark them as read", "Delete them")]),
            (box, {"state": "draft"}, [("state", "Confirmed", "Not Confirmed")]),
            (box, {"object_id": False}, None),
            (box, {"company_id": self.other_company.id}, [("company_id", "", "Other Company")]),
            (relay, {"smtp_port": 25, "from_filter": "a.b"}, [("from_filter", "", "a.b"), ("smtp_port", "587", "25")]),
            (relay, {"gateway_encryption": "none"}, None),
            (relay, {"active": False}, [("active", "Yes", "No")]),
            (self.alias_domain, {"catchall_alias": "all"}, [("catchall_alias", "catchall", "all")]),
            (alias, {"alias_contact": "partners"}, [("alias_contact", "Everyone", "Authenticated Partners")]),
            (alias, {"alias_force_thread_id": 3}, [("alias_force_thread_id", "0", "3")]),
            (alias, {"alias_status": "invalid"}, []),
            (rule, {"sequence": 3, "stops": True}, [("sequence", "10", "3"), ("stops", "No", "Yes")]),
            (rule, {"timeout_date": fields.Datetime.now()}, []),
            (intake, {"rate_limit": 5}, [("rate_limit", "600", "5")]),
            (
                self.other_company,
                {"alias_domain_id": other_domain.id},
                [("alias_domain_id", "gateway.test", "other.test")],
            ),
            (policy, {"soft_count": 9}, [("soft_count", "5", "9")]),
            (retention, {"row_days": 900}, [("row_days", "0", "900")]),
            (outgoing, {"row_days": 0}, None),
            (entry, {"kind": "deny"}, [("kind", "Allow", "Deny")]),
            (template, {"subject": "Heard"}, [("subject", template.subject, "Heard")]),
            (view, {"active": False}, [("active", "Yes", "No")]),
            (job, {"interval_number": minutes + 1}, [("interval_number", str(minutes), str(minutes + 1))]),
            (mine, {"nextcall": LATER}, [("nextcall", str(mine.nextcall), str(LATER))]),
            (mine, {"priority": 9}, [("priority", "5", "9")]),
        ):
            with self.subTest(model=record._name, values=values):
                last = self.last()
                record.write(values)
                found = self.rows(record, last)
                if expected is None:
                    self.assertTrue(found or record == outgoing)
                else:
                    self.assertEqual(found, expected)

    def test_what_a_choice_is_called_is_told(self):
        relay = self.env["ir.mail_server"].create(
            {"name": "Relay", "smtp_host": "relay.gateway.test", "smtp_encryption": "starttls_strict"}
        )
        labels = dict(relay._fields["smtp_encryption"]._description_selection(self.env))
        self.assertChanged(
            relay,
            lambda: relay.write({"smtp_encryption": "ssl_strict"}),
            ("smtp_encryption", labels["starttls_strict"], labels["ssl_strict"]),
        )

    def test_a_view_of_a_field_is_kept_as_the_field(self):
        relay = self.env["ir.mail_server"].create({"name": "Relay", "smtp_host": "x", "smtp_encryption": "none"})
        last = self.last()
        relay.gateway_encryption = "tls"
        self.assertEqual([row[0] for row in self.rows(relay, last)], ["smtp_encryption"])

    def test_what_is_made_and_removed(self):
        last = self.last()
        relay = self.env["ir.mail_server"].create({"name": "Relay", "smtp_host": "relay.gateway.test"})
        made = self.rows(relay, last)
        self.assertIn(("smtp_host", "", "relay.gateway.test"), made)
        self.assertNotIn("smtp_user", [row[0] for row in made])
        self.assertEqual(set(self.changes.search([("id", ">", last)]).mapped("kind")), {"created"})
        last = self.last()
        relay_id = relay.id
        relay.unlink()
        removed = self.changes.search([("id", ">", last), ("model", "=", "ir.mail_server")])
        self.assertEqual(set(removed.mapped("kind")), {"deleted"})
        self.assertEqual(set(removed.mapped("res_id")), {relay_id})
        self.assertEqual({(one.field, one.old) for one in removed}, {(name, new) for name, _old, new in made})

    def test_lines_are_a_setting_of_their_rule(self):
        rule = self.env["spp.email.rule"].create({"name": "Rule"})
        subject = {"place": "subject", "operator": "contains", "value": "water"}
        self.assertChanged(
            rule,
            lambda: rule.write({"condition_ids": [Command.create(subject)]}),
            ("condition_ids", "", "Look at: Subject; Comparison: contains; Value: water"),
        )
        condition = rule.condition_ids
        self.assertChanged(
            rule,
            lambda: condition.write({"value": "fire", "negated": True}),
            (
                "condition_ids",
                "Look at: Subject; Comparison: contains; Value: water",
                "Look at: Subject; Not; Comparison: contains; Value: fire",
            ),
        )
        self.assertChanged(
            rule,
            condition.unlink,
            ("condition_ids", "Look at: Subject; Not; Comparison: contains; Value: fire", ""),
        )

    def test_a_rule_that_is_removed_tells_its_lines(self):
        last = self.last()
        rule = self.env["spp.email.rule"].create(
            {"name": "Rule", "condition_ids": [Command.create({"place": "subject", "value": "water"})]}
        )
        self.assertEqual([row[0] for row in self.rows(since=last)].count("condition_ids"), 1)
        last = self.last()
        rule.unlink()
        (row,) = self.changes.search([("id", ">", last), ("field", "=", "condition_ids")])
        self.assertIn("water", row.old)

    def test_folders_are_a_setting_of_their_mailbox(self):
        box = self.mailbox()
        self.assertChanged(
            box,
            lambda: self.env["spp.email.folder"].create({"server_id": box.id, "name": "INBOX/Complaints"}),
            ("gateway_folder_ids", "", "Folder: INBOX/Complaints; Read"),
        )
        self.assertChanged(
            box,
            lambda: box.gateway_folder_ids.write({"active": False}),
            ("gateway_folder_ids", "Folder: INBOX/Complaints; Read", "Folder: INBOX/Complaints"),
        )

    def test_an_alias_without_a_name_is_no_address(self):
        last = self.last()
        alias = self.alias(False)
        self.assertEqual(self.rows(since=last), [])
        self.assertChanged(alias, lambda: alias.write({"alias_name": "late"}), ("alias_name", "", "late"))

    def test_other_templates_parameters_views_and_jobs_are_nobodys_business(self):
        last = self.last()
        self.env["ir.config_parameter"].set_param("crm.something", "1")
        self.env["mail.template"].create({"name": "News", "model_id": self.partner_model.id}).subject = "x"
        self.env.ref("base.autovacuum_job").priority = 3
        self.env.ref("mail.mail_notification_layout").priority = 20
        self.other_company.name = "Renamed"
        self.assertEqual(self.rows(since=last), [])

    def test_a_translation_of_a_notice(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        template = self.env.ref("spp_email_gateway.mail_template_answer")
        self.assertChanged(
            template,
            lambda: template.update_field_translations("subject", {"fr_FR": "Bonjour"}),
            ("subject", template.subject, "Bonjour"),
        )
        self.assertChanged(
            template,
            lambda: template.with_context(lang="fr_FR").write({"subject": "Salut"}),
            ("subject", "Bonjour", "Salut"),
        )

    def test_a_view_that_extends_a_notice(self):
        last = self.last()
        view = self.env["ir.ui.view"].create(
            {
                "name": "our words",
                "type": "qweb",
                "mode": "extension",
                "inherit_id": self.env.ref("mail.mail_bounce_catchall").id,
                "arch": "<data><xpath expr='//div' position='inside'><p>Ask the office.</p></xpath></data>",
            }
        )
        made = [row[2] for row in self.rows(view, last) if row[0] == "arch_db"]
        self.assertTrue(made and "Ask the office" in made[0], made)
        last = self.last()
        view.arch = view.arch.replace("the office", "us")
        self.assertEqual([row[0] for row in self.rows(view, last)], ["arch_db"])

    # Parameters

    def test_parameters(self):
        parameters = self.env["ir.config_parameter"]
        for key, steps in (
            ("mail.gateway.loop.minutes", (("120", ("", "120")), ("60", ("120", "60")), (False, ("60", "")))),
            ("spp_email_gateway.keep_sent_days", (("5", ("", "5")), ("6", ("5", "6")), (False, ("6", "")))),
            (
                "google_gmail_client_secret",
                (("a", ("", "set")), ("b", ("set", "changed")), (False, ("set", "removed"))),
            ),
            ("microsoft_outlook_client_secret", (("a", ("", "set")), (False, ("set", "removed")))),
            ("google_gmail_client_id", (("a", ("", "a")), ("b", ("a", "b")))),
        ):
            parameters.set_param(key, False)
            for value, expected in steps:
                last = self.last()
                parameters.set_param(key, value)
                with self.subTest(key=key, value=value):
                    rows = self.changes.search([("id", ">", last)])
                    self.assertEqual(set(rows.mapped("record_name")), {key})
                    self.assertEqual([(row.old, row.new) for row in rows if row.field == "value"], [expected])

    def test_the_base_url(self):
        last = self.last()
        self.env["ir.config_parameter"].set_param("web.base.url", "https://new.gateway.test")
        self.assertEqual(self.rows(since=last)[0][2], "https://new.gateway.test")

    def test_the_alias_domains_shadow_is_not_told_twice(self):
        last = self.last()
        self.alias_domain.catchall_alias = "all"
        self.assertEqual(self.rows(since=last), [("catchall_alias", "catchall", "all")])

    # Secrets

    def test_secrets_are_masked(self):
        box = self.mailbox(password="first secret")  # noqa: S106
        relay = self.env["ir.mail_server"].create(
            {"name": "Relay", "smtp_host": "x", "smtp_user": "u", "smtp_pass": "first secret"}
        )
        for record, name in ((box, "password"), (relay, "smtp_pass")):
            with self.subTest(model=record._name):
                self.assertIn((name, "", "set"), self.rows(record))
                for value, *expected in (
                    ("second secret", (name, "set", "changed")),
                    # A form that sends back what it was shown.
                    ("•" * 8,),
                    (False, (name, "set", "removed")),
                ):
                    self.assertChanged(record, lambda r=record, n=name, v=value: r.write({n: v}), *expected)
        self.assertFalse(
            self.sql("SELECT id FROM spp_email_change WHERE concat(old, new, record_name) LIKE '%%secret%%'")
        )

    def test_of_a_token_only_that_it_is_another(self):
        intake, token = self.intake()
        self.assertIn(("token_digest", "", "set"), self.rows(intake))
        self.assertChanged(intake, intake.action_renew_token, ("token_digest", "set", "changed"))
        self.assertChanged(intake, intake.action_revoke_token, ("token_digest", "set", "removed"))
        self.assertNotIn(token, str(self.rows()))

    def test_an_oauth_credential(self):
        credential = self.env["spp.email.oauth"].create(
            {"name": "Mail", "provider": "google", "client_id": "a", "client_secret": "first secret"}
        )
        self.assertIn(("client_secret", "", "set"), self.rows(credential))
        self.assertChanged(
            credential,
            lambda: credential.write({"client_id": "b", "client_secret": "second secret"}),
            ("client_id", "a", "b"),
            ("client_secret", "set", "changed"),
        )
        # What the job that renews tokens writes.
        tokens = {"access_token": "x", "refresh_token": "y", "state": "valid", "failures": 0}
        self.assertChanged(credential.sudo(), lambda: credential.sudo().write(tokens))

    # Who

    def test_the_system_and_an_installation_are_no_persons(self):
        box = self.mailbox()
        for name, env, is_ready, origin, user in (
            ("the system", self.env(user=SUPERUSER_ID), True, "system", False),
            ("with all rights", self.env(user=self.manager, su=True), True, "person", self.manager),
            ("an installation", self.env(user=self.manager), False, "install", False),
        ):
            with self.subTest(name=name), patch.object(self.env.registry, "ready", is_ready):
                box.with_env(env).name = name
                row = self.changes.search([], order="id desc", limit=1)
                self.assertEqual((row.new, row.origin, row.user_id.id), (name, origin, user and user.id))
        self.assertEqual(row.who, "Installation or upgrade")

    def test_who_changed_something_is_not_deleted(self):
        self.mailbox().with_user(self.manager).name = "Renamed"
        self.env.flush_all()
        with mute_logger("odoo.sql_db"), self.assertRaisesRegex(Exception, "spp_email_change"), self.env.cr.savepoint():
            self.manager.unlink()

    # With the transaction

    def test_a_change_that_is_undone_was_none(self):
        box, last = self.mailbox(), self.last()
        savepoint = self.env.cr.savepoint()
        box.name = "Renamed"
        self.assertTrue(self.rows(since=last))
        savepoint.rollback()
        self.env.invalidate_all()
        self.assertEqual(self.rows(since=last), [])
        # And the next one is told again.
        self.assertChanged(box, lambda: box.write({"name": "Renamed"}), ("name", "Box", "Renamed"))

    def test_a_change_that_is_refused_was_none(self):
        box, last = self.mailbox(), self.last()
        with self.assertRaises(AccessError), self.env.cr.savepoint():
            box.with_user(self.plain).write({"name": "Mine"})
        self.assertEqual(self.rows(since=last), [])
        self.assertChanged(box, lambda: box.write({"name": "Ours"}), ("name", "Box", "Ours"))

    # The mail path

    def test_jobs_write_nothing(self):
        box = self.mailbox()
        self.alias("help")
        rule = self.env["spp.email.rule"].create(
            {"name": "Rule", "condition_ids": [Command.create({"place": "subject", "value": "water"})]}
        )
        self.env.flush_all()
        last = self.last()
        contents = [eml(Subject="water"), eml(To="help@gateway.test"), eml()]
        with (
            patch.object(type(box), "_gateway_open_mailbox", lambda server: ScriptedMailbox(*contents)),
            self.committing() as env,
        ):
            env["spp.email.fetching"]._fetch(box.with_env(env))
        self.assertEqual(self.env["spp.email.inbound"].search_count([("server_id", "=", box.id)]), 3)
        self.process()
        self.env["spp.email.health"]._check()
        self.assertTrue(rule.hit_count)
        box.invalidate_recordset()
        self.assertTrue(box.date)
        self.assertEqual(self.rows(since=last), [])

    def test_what_a_job_writes_costs_no_query_more(self):
        box = self.mailbox()
        self.env.flush_all()
        counts = []
        # The first one only fills caches.
        for number, kept in enumerate(((), box._gateway_kept, (), box._gateway_kept)):
            with patch.object(type(box), "_gateway_kept", kept):
                before = self.cr.sql_log_count
                box.write({"error_message": f"x{number}", "gateway_failures": 2 + number})
                self.env.flush_all()
                counts.append(self.cr.sql_log_count - before)
                box.invalidate_recordset()
        self.assertEqual(set(counts[1:]), {counts[2]}, counts)

    # Nobody alters them

    def test_nobody_alters_them(self):
        box = self.mailbox()
        row = self.changes.search([("res_id", "=", box.id)], limit=1)
        values = {"model": "x", "res_id": 1, "field": "x", "kind": "changed", "origin": "person", "date": "2026-01-01"}
        for user in (self.manager, self.system, self.env.ref("base.user_root")):
            for name, change in (
                ("create", lambda user=user: self.changes.with_user(user).create(values)),
                ("write", lambda user=user: row.with_user(user).write({"new": "forged"})),
                ("unlink", lambda user=user: row.with_user(user).unlink()),
                ("sudo", lambda user=user: row.with_user(user).sudo().unlink()),
                ("copy", lambda user=user: row.with_user(user).copy()),
                ("assign", lambda user=user: row.with_user(user).sudo().update({"new": "forged"})),
            ):
                with self.subTest(user=user.login, name=name), self.assertRaises(AccessError):
                    change()
        found = self.changes.with_user(self.system).load(["field", "model"], [["x", "y"]])
        self.assertFalse(found["ids"])

    def test_who_sees_them(self):
        self.mailbox(company_id=self.other_company.id)
        self.mailbox(company_id=self.company.id, name="Ours")
        self.mailbox(name="Everybody's")
        self.manager.company_ids = self.company
        names = set(self.changes.with_user(self.manager).search([]).mapped("record_name"))
        self.assertTrue({"Ours", "Everybody's"} <= names)
        self.assertNotIn("Box", names)
        for user in (self.plain, self.viewer, self.officer, self.portal):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.changes.with_user(user).search([]).read(["old"])

    # For whoever asks

    def test_between(self):
        last = self.last()
        ours, theirs = self.mailbox(company_id=self.company.id), self.mailbox(company_id=self.other_company.id)
        alone = self.mailbox()
        self.sql("UPDATE spp_email_change SET date = '2026-03-01 10:00:00' WHERE id > %s RETURNING id", last)
        self.env.invalidate_all()
        day = [fields.Datetime.to_datetime(f"2026-03-01 {time}:00") for time in ("09:59", "10:00", "10:01")]
        for name, start, end, company, expected in (
            ("all", day[0], day[2], None, ours + theirs + alone),
            ("a company's", day[0], day[2], self.company, ours + alone),
            ("on the edge", day[1], day[1], None, ours + theirs + alone),
            ("before", day[0], day[0], None, ours.browse()),
            ("after", day[2], day[2], None, ours.browse()),
        ):
            with self.subTest(name=name):
                # The first mailbox switches Odoo's job on: a change as well.
                found = self.changes._between(start, end, company).filtered(lambda row: row.model == ours._name)
                self.assertEqual(set(found.mapped("res_id")), set(expected.ids))
        inbound = self.journal(eml(), company=self.company)
        self.sql(
            "UPDATE spp_email_inbound SET received_date = '2026-03-02 09:00:00' WHERE id = %s RETURNING id", inbound.id
        )
        self.env.invalidate_all()
        action = inbound.with_user(self.manager).action_changes_before()
        found = self.changes.search(action["domain"]).filtered(lambda row: row.model == ours._name)
        self.assertEqual(set(found.mapped("res_id")), set((ours + alone).ids))

    def test_the_button_of_a_form(self):
        box = self.mailbox()
        other = self.mailbox(name="Other")
        action = box.with_user(self.manager).action_gateway_changes()
        rows = self.changes.with_user(self.manager).search(action["domain"])
        self.assertEqual(set(rows.mapped("res_id")), {box.id})
        self.assertNotEqual(box, other)
        self.assertEqual(rows[0].action_open_record()["res_id"], box.id)
        for record, is_kept in (
            (box, True),
            (self.env.ref("base.autovacuum_job"), False),
            (self.env.ref("mail.ir_cron_mail_gateway_action"), True),
            (self.env["ir.config_parameter"].search([("key", "=", "database.uuid")]), False),
        ):
            with self.subTest(model=record._name):
                self.assertEqual(record.gateway_is_kept, is_kept)

    # How long

    def test_old_ones_are_removed(self):
        box = self.mailbox()
        row = self.changes.search([("res_id", "=", box.id)], limit=1)
        for days, parameter, is_kept in ((729, None, True), (3000, "0", True), (31, "40", True), (731, None, False)):
            self.env["ir.config_parameter"].set_param("spp_email_gateway.change_days", parameter or False)
            self.sql(
                "UPDATE spp_email_change SET date = now() AT TIME ZONE 'UTC' - %s * interval '1 day' WHERE id = %s"
                " RETURNING id",
                days,
                row.id,
            )
            self.changes._gc_changes()
            with self.subTest(days=days, parameter=parameter):
                self.assertEqual(bool(row.exists()), is_kept)

    def test_no_setting_is_forgotten(self):
        """Every stored field of the gateway that people write here is kept, or said to be no setting."""
        not_settings = {
            "fetchmail.server": {"gateway_next_fetch_date", "gateway_transcript_ids"},
            "mail.alias.domain": {"gateway_former_ids", "gateway_subaddress_ids"},
            "ir.mail_server": {"gateway_return_path_ids", "gateway_transcript_ids"},
            "spp.email.folder": {"server_id"},
        }
        for name in self.env.registry:
            model = self.env[name]
            if not getattr(model, "_gateway_kept", None) or model._abstract:
                continue
            own = {
                field.name
                for field in model._fields.values()
                if "spp_email_gateway" in field._modules
                and field.store
                and not field.related
                and not field.readonly
                and field.name not in ("id", "create_uid", "create_date", "write_uid", "write_date")
                and (name.startswith("spp.email.") or field.name.startswith("gateway_"))
            }
            left = own - set(model._gateway_kept) - not_settings.get(name, set()) - {"sequence"}
            with self.subTest(model=name):
                self.assertEqual(left, set())
