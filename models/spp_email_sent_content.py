# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The bytes of emails as they were sent, after signing. The only class that reads or writes them, by SQL."""

import hashlib
import zlib

import psycopg2

from odoo import api, fields, models
from odoo.tools import SQL

from ..engine.binary_copy import RowReader
from ..engine.login_link import holds_login_link, message_holds_login_link
from ..engine.storable import storable
from .prepared_statement import PreparedStatement

# As for incoming messages: above this a message travels by COPY, and is not compressed.
LARGE = 256 * 1024
COPY_SIZE = 1024 * 1024
MOST_HEADERS = 32 * 1024
# Contents that one run of the autovacuum removes at most; the next one goes on.
BATCH = 5_000
# What is kept of mail that no server of the list sent.
DEFAULT_KEEP = "transactional"

# In one statement each: it is written for every message that leaves.
DELIVERIES = (
    "INSERT INTO spp_email_sent_content_delivery_rel (content_id, delivery_id)"
    " SELECT kept.id, unnest(%(delivery_ids)s::int[]) FROM kept"
)
_KEEP_SMALL = f"""
    WITH kept AS (
        INSERT INTO spp_email_sent_content (mail_id, mail_message_id, company_id, message_id, recipients, digest,
                                            about_mailbox_id, about_intake_id, headers, kept_date, size, stored_size,
                                            is_compressed, data)
        VALUES (%(mail_id)s, %(mail_message_id)s, %(company_id)s, %(message_id)s, %(recipients)s, %(digest)s,
                %(about_mailbox_id)s, %(about_intake_id)s, %(headers)s, now() AT TIME ZONE 'UTC', %(size)s,
                %(stored_size)s, %(is_compressed)s, %(data)s)
        RETURNING id)
    {DELIVERIES}
"""  # nosec B608 - names of our own columns
KEEP_SMALL = PreparedStatement(
    "spp_email_keep",
    _KEEP_SMALL,
    {
        "mail_id": "int",
        "mail_message_id": "int",
        "company_id": "int",
        "message_id": "varchar",
        "recipients": "text",
        "digest": "varchar",
        "about_mailbox_id": "int",
        "about_intake_id": "int",
        "headers": "text",
        "size": "int",
        "stored_size": "int",
        "is_compressed": "bool",
        "data": "bytea",
        "delivery_ids": "int[]",
    },
)
KEEP_LARGE = f"""
    WITH kept AS (
        UPDATE spp_email_sent_content
           SET mail_id = %(mail_id)s, mail_message_id = %(mail_message_id)s, company_id = %(company_id)s,
               message_id = %(message_id)s, recipients = %(recipients)s, digest = %(digest)s, headers = %(headers)s,
               about_mailbox_id = %(about_mailbox_id)s, about_intake_id = %(about_intake_id)s,
               kept_date = now() AT TIME ZONE 'UTC'
         WHERE id = %(id)s
        RETURNING id)
    {DELIVERIES}
"""  # nosec B608 - names of our own columns


class SppEmailSentContent(models.Model):
    """One row for each email that was handed to a server: the ones of a mail to several people differ."""

    _name = "spp.email.sent.content"
    _description = "Email as Sent"
    _order = "id desc"
    _rec_name = "message_id"
    _log_access = False

    mail_id = fields.Many2one("mail.mail", string="Email", readonly=True, ondelete="set null", index="btree_not_null")
    mail_message_id = fields.Many2one(
        "mail.message", string="Message", readonly=True, ondelete="set null", index="btree_not_null"
    )
    company_id = fields.Many2one("res.company", readonly=True, ondelete="set null")
    delivery_ids = fields.Many2many(
        "spp.email.delivery", "spp_email_sent_content_delivery_rel", "content_id", "delivery_id", readonly=True
    )
    message_id = fields.Char("Message-ID", readonly=True)
    recipients = fields.Text(readonly=True)
    digest = fields.Char(readonly=True, help="SHA-256 of the bytes.")
    headers = fields.Text(readonly=True, help="Kept when the bytes are removed.")
    size = fields.Integer(readonly=True, help="Octets as sent.")
    stored_size = fields.Integer(readonly=True, help="Octets in the database; 0 when they were removed.")
    is_compressed = fields.Boolean(readonly=True)
    kept_date = fields.Datetime("Sent", readonly=True)

    _kept_index = models.Index("(kept_date) WHERE stored_size > 0")

    def init(self):
        # The column is not a field, so that no read() of the ORM ever loads megabytes by accident.
        self.env.cr.execute(SQL("ALTER TABLE %s ADD COLUMN IF NOT EXISTS data bytea", SQL.identifier(self._table)))
        # The bytes are compressed already: PostgreSQL need not try again.
        self.env.cr.execute(SQL("ALTER TABLE %s ALTER COLUMN data SET STORAGE EXTERNAL", SQL.identifier(self._table)))

    # ------------------------------------------------------------------
    # Writing
    # ------------------------------------------------------------------

    @api.model
    def _keep(self, env, mail_id, message_id, recipients, content):
        """Keep the bytes of an email that a server has accepted, unless its server, class or secret forbids it.

        Args:
            env: Environment on the cursor to write with; the caller commits. Of the mail and its delivery rows only
                references are made, which wait for nobody who writes on them.
            mail_id: id of the mail.mail; it may be deleted by now.
            message_id: the Message-ID that it had on the wire.
            recipients: bare addresses of the SMTP transaction that were accepted.
            content: the bytes after signing, as handed to the server.

        Returns:
            bool: whether they were kept.
        """
        contents = self.with_env(env)
        facts = contents._facts(mail_id, [address.lower() for address in recipients])
        return contents._keep_known(facts, message_id, recipients, content)

    def _keep_known(self, facts, message_id, recipients, content, keep_small=None):
        """As ``_keep``, for a caller who knows what ``_facts`` would ask, on this Environment's cursor.

        Args:
            keep_small: called with the parameters of KEEP_SMALL, to have it run with other statements.
        """
        if not self._may_keep(facts, content):
            return False
        columns = {
            "mail_id": facts["mail_id"],
            "mail_message_id": facts["mail_message_id"],
            "company_id": facts["company_id"],
            "about_mailbox_id": facts["about_mailbox_id"],
            "about_intake_id": facts["about_intake_id"],
            "message_id": storable(message_id or ""),
            "recipients": storable("\n".join(recipients)),
            "digest": hashlib.sha256(content).hexdigest(),
            "headers": storable(_headers(content), MOST_HEADERS),
        }
        if len(content) <= LARGE:
            data = zlib.compress(content, 1)
            stored = {"size": len(content), "stored_size": len(data), "is_compressed": True}
            values = {**columns, **stored, "data": psycopg2.Binary(data), "delivery_ids": facts["delivery_ids"]}
            if keep_small:
                keep_small(values)
            else:
                # A failing INSERT is logged by Odoo with all of its values.
                self.env.cr.execute(KEEP_SMALL.text, values, log_exceptions=False)
            return True
        content_id = self._copy(content)
        self.env.cr.execute(
            KEEP_LARGE,
            {**columns, "id": content_id, "delivery_ids": facts["delivery_ids"]},
            log_exceptions=False,
        )
        return True

    def _facts(self, mail_id, addresses):
        """Return what the database says about a mail and these of its recipients."""
        mail = self.env.execute_query_dict(
            SQL(
                """
                SELECT mail.id AS mail_id, mail.mail_message_id, mail.body_html,
                       mail.gateway_is_secret OR mail.gateway_is_confidential AS gateway_is_secret,
                       message.model,
                       message.record_company_id AS company_id
                  FROM mail_mail AS mail JOIN mail_message AS message ON message.id = mail.mail_message_id
                 WHERE mail.id = %s
                """,
                mail_id or 0,
            )
        )
        rows = self.env.execute_query_dict(
            SQL(
                """
                SELECT delivery.id, delivery.mail_class, delivery.company_id, server.gateway_keep_sent,
                       delivery.about_mailbox_id, delivery.about_intake_id
                  FROM spp_email_delivery AS delivery
                  LEFT JOIN ir_mail_server AS server ON server.id = delivery.server_id
                 WHERE delivery.mail_id = %s AND lower(delivery.recipient) = ANY(%s)
                """,
                mail_id or 0,
                addresses,
            )
        )
        facts = mail[0] if mail else {"mail_id": None, "mail_message_id": None, "company_id": None}
        facts["company_id"] = next((row["company_id"] for row in rows if row["company_id"]), facts["company_id"])
        for name in ("about_mailbox_id", "about_intake_id"):
            facts[name] = next((row[name] for row in rows if row[name]), None)
        facts["delivery_ids"] = [row["id"] for row in rows]
        facts["keep"] = next((row["gateway_keep_sent"] for row in rows if row["gateway_keep_sent"]), DEFAULT_KEEP)
        facts["is_mass"] = any(row["mail_class"] == "mass" for row in rows)
        return facts

    def _may_keep(self, facts, content):
        if facts["keep"] == "none" or (facts["keep"] == "transactional" and facts["is_mass"]):
            return False
        if not facts["mail_id"]:
            # The mail is gone: only its bytes can tell.
            return not message_holds_login_link(content)
        is_secret = facts["gateway_is_secret"] or facts["model"] == "res.users"
        return not is_secret and not holds_login_link(facts["body_html"])

    def _copy(self, content):
        """Write large bytes into a row of their own; return its id."""
        ((content_id,),) = self.env.execute_query(SQL("SELECT nextval('spp_email_sent_content_id_seq')::int"))
        self.env.cr.copy_expert(
            "COPY spp_email_sent_content (id, size, stored_size, is_compressed, data) FROM STDIN (FORMAT BINARY)",
            RowReader([(content_id, len(content), len(content), False, content)]),
            COPY_SIZE,
        )
        return content_id

    # ------------------------------------------------------------------
    # Reading
    # ------------------------------------------------------------------

    def _load(self):
        """Return the bytes exactly as sent, or None when they were removed. The caller has checked who asks."""
        self.ensure_one()
        rows = self.env.execute_query(
            SQL("SELECT is_compressed, data FROM spp_email_sent_content WHERE id = %s AND data IS NOT NULL", self.id)
        )
        if not rows:
            return None
        is_compressed, data = rows[0]
        return zlib.decompress(data) if is_compressed else bytes(data)

    # ------------------------------------------------------------------
    # Removing
    # ------------------------------------------------------------------

    @api.autovacuum
    def _gc_sent_contents(self):
        """Remove bytes whose time is over, and rows that nothing refers to any more. What is held stays."""
        days = self.env["ir.config_parameter"]._gateway_number("spp_email_gateway.keep_sent_days", 30)
        removed = []
        if days:
            removed = self.env.execute_query(
                SQL(
                    """
                    UPDATE spp_email_sent_content SET data = NULL, stored_size = 0
                     WHERE id IN (SELECT content.id FROM spp_email_sent_content AS content
                                   WHERE content.stored_size > 0
                                     AND content.kept_date < now() AT TIME ZONE 'UTC' - %s * interval '1 day'
                                     AND NOT EXISTS (SELECT 1 FROM spp_email_sent_content_delivery_rel AS rel
                                                       JOIN spp_email_delivery AS delivery
                                                         ON delivery.id = rel.delivery_id
                                                      WHERE rel.content_id = content.id AND delivery.is_held IS TRUE)
                                   ORDER BY content.kept_date LIMIT %s)
                    RETURNING id
                    """,
                    days,
                    BATCH,
                )
            )
        empty = self.env.execute_query(
            SQL(
                """
                DELETE FROM spp_email_sent_content
                 WHERE id IN (SELECT content.id FROM spp_email_sent_content AS content
                               WHERE content.stored_size = 0 AND content.mail_id IS NULL
                                 AND NOT EXISTS (SELECT 1 FROM spp_email_sent_content_delivery_rel AS rel
                                                  WHERE rel.content_id = content.id)
                               LIMIT %s)
                RETURNING id
                """,
                BATCH,
            )
        )
        self.invalidate_model()
        return len(removed) + len(empty), int(len(removed) == BATCH or len(empty) == BATCH)


def _headers(content):
    """Return the header of a message as text."""
    ends = [place for place in (content.find(b"\r\n\r\n"), content.find(b"\n\n")) if place >= 0]
    end = min(ends, default=len(content))
    return content[: min(end, MOST_HEADERS)].decode("utf-8", "replace").replace("\r\n", "\n")
