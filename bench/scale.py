"""The same messages beside few and beside many records: what grows, grows with the tables."""

from bench.inbound import Inbound


class FewRecords(Inbound):
    name = "records-10k"
    records = 10_000
    count = 100
    rounds = 2
    description = (
        "As inbound, to an alias, in a database with 10,000 contacts, leads and messages, and journal rows where there "
        "is a journal."
    )
    limit = "Compare with records-1m: what is slower there is a search without an index."

    def set_up(self, side):
        super().set_up(side)
        side.call(make_alias)
        for statement in statements(self.records, side.kind == "gateway"):
            side.execute(statement)


class ManyRecords(FewRecords):
    name = "records-1m"
    records = 1_000_000
    count = 50
    rounds = 1
    description = "As records-10k, with 1,000,000 of each."
    limit = "Compare with records-10k. Stock Odoo looks for the sender in the middle of addresses, through all leads."


def make_alias(env):
    """Inside Odoo: help@example.test makes leads."""
    domain = env["mail.alias.domain"].search([("name", "=", "example.test")], limit=1)
    domain = domain or env["mail.alias.domain"].create({"name": "example.test"})
    env["mail.alias"].create(
        {
            "alias_name": "help",
            "alias_domain_id": domain.id,
            "alias_model_id": env["ir.model"]._get("crm.lead").id,
            "alias_contact": "everyone",
        }
    )
    env.cr.commit()


def statements(count, has_journal):
    """Yield the SQL that fills the tables, as a year of mail would have."""
    yield f"""
        INSERT INTO res_partner (name, complete_name, email, email_normalized, active, type, create_uid, create_date,
                                 write_uid, write_date, message_bounce)
        SELECT 'Old ' || n, 'Old ' || n, 'old' || n || '@remote.test', 'old' || n || '@remote.test', TRUE, 'contact',
               1, now() - interval '1 year', 1, now(), 0
          FROM generate_series(1, {count}) AS n
    """
    yield f"""
        INSERT INTO crm_lead (name, type, active, email_from, email_normalized, priority, create_uid, create_date,
                              write_uid, write_date, message_bounce)
        SELECT 'Old ' || n, 'lead', TRUE, 'old' || n || '@remote.test', 'old' || n || '@remote.test', '0', 1,
               now() - n * interval '1 minute' / 10, 1, now(), 0
          FROM generate_series(1, {count}) AS n
    """
    yield f"""
        INSERT INTO mail_message (message_type, model, res_id, message_id, email_from, date, create_date, create_uid,
                                  subject)
        SELECT 'email', 'crm.lead', n, '<old-' || n || '@bench.test>', 'old' || n || '@remote.test',
               now() - interval '1 year', now() - interval '1 year', 1, 'Old ' || n
          FROM generate_series(1, {count}) AS n
    """
    if has_journal:
        yield f"""
            INSERT INTO spp_email_inbound (server_key, folder, uid_validity, uid, state, received_date, digest, size,
                                           message_id, conversation, subject, email_from, sender, attempts, starts,
                                           claim_fence, is_held, loop_sender, loop_count, loop_target)
            SELECT 'old', 'INBOX', '1', n::text, 'done', now() - interval '1 year', md5(n::text), 1000,
                   '<old-' || n || '@bench.test>', md5(n::text), 'Old ' || n, 'old' || n || '@remote.test',
                   'old' || n || '@remote.test', 1, 0, 1, FALSE, 'old' || n || '@remote.test', 'new', 'crm.lead'
              FROM generate_series(1, {count}) AS n
        """
    yield "ANALYZE"
