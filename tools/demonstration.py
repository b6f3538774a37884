"""The Odoo part of `./dev run`: run in `odoo shell`, where `env` is given. Prints one JSON object a line.

Sets up one outgoing and one incoming server as an admin would on screen, sends a mail, fetches one, and tells what
became of both. $DEMONSTRATION holds the sandbox's ports and passwords.
"""

import json
import os

from odoo.exceptions import UserError

sandbox = json.loads(os.environ["DEMONSTRATION"])


def tell(text, **facts):
    print(json.dumps({"text": text, **facts}), flush=True)


def save(model, values):
    """Make the record, or bring the one of that name up to date: the demonstration can run twice in a database."""
    record = env[model].search([("name", "=", values["name"])], limit=1)
    if record:
        record.write(values)
        return record
    return env[model].create(values)


def vars_of(step):
    return {"looked_at": step.looked_at, "found": step.found, "followed": step.followed}


def send():
    """Send a mail to Alice through the sandbox's submission port; return the mail's state and failure."""
    outgoing = save(
        "ir.mail_server",
        {
            "name": "Sandbox (Postfix)",
            "smtp_host": sandbox["host"],
            "smtp_port": sandbox["submission"],
            "smtp_user": "relay@example.test",
            "smtp_pass": "relaypw",
            "smtp_encryption": "starttls_strict",
            "gateway_ca_certificate": sandbox["ca_certificate"],
            "from_filter": "example.test",
            "sequence": 1,
        },
    )
    tell(f"outgoing server made: {sandbox['host']}:{sandbox['submission']}, STARTTLS, certificate verified")
    tell("Test Connection:", trace=outgoing.test_smtp_connection()["params"]["message"].splitlines())
    choice = outgoing._gateway_choice("OpenSPP <relay@example.test>")
    tell(f"server chosen for the mail: {choice.server_id}", trace=[vars_of(step) for step in choice.steps])
    mail = env["mail.mail"].create(
        {
            "subject": sandbox["sent_subject"],
            "email_from": "OpenSPP <relay@example.test>",
            "email_to": "alice@example.test",
            "body_html": "<p>Hello Alice, this mail went through the gateway.</p>",
            "mail_server_id": outgoing.id,
            "auto_delete": False,
        }
    )
    env.cr.commit()
    mail.send()
    env.cr.commit()
    mail.invalidate_recordset()
    if mail.state == "outgoing":  # sending was only queued: do now what the scheduler would do within a minute
        env.ref("mail.ir_cron_mail_scheduler_action").method_direct_trigger()
        env.cr.commit()
        mail.invalidate_recordset()
    return mail.state, mail.failure_reason or ""


def receive():
    """Fetch the mailbox `support@example.test`; return the record that its mail made, or None."""
    incoming = save(
        "fetchmail.server",
        {
            "name": "Sandbox (Dovecot)",
            "server_type": "imap",
            "server": sandbox["host"],
            "port": sandbox["imaps"],
            "is_ssl": True,
            "user": "support@example.test",
            "password": "supportpw",
            "object_id": env["ir.model"]._get_id("crm.lead"),
            "gateway_ca_certificate": sandbox["ca_certificate"],
        },
    )
    env.cr.commit()
    tell(f"incoming server made: {sandbox['host']}:{sandbox['imaps']}, IMAP over TLS, certificate verified")
    tell("Test & Confirm:", trace=incoming.button_confirm_login()["params"]["message"].splitlines())
    env.cr.commit()
    tell("Fetch Now:", trace=incoming.fetch_mail()["params"]["message"].splitlines())
    env.cr.commit()
    entry = env["spp.email.inbound"].search([("subject", "=", sandbox["received_subject"])], order="id desc", limit=1)
    if entry:
        tell(f"journal entry {entry.id}: {entry.state} {entry.reason or ''}".rstrip(), trace=entry.trace)
    return env["crm.lead"].search([("name", "=", sandbox["received_subject"])], order="id desc", limit=1)


try:
    state, reason = send()
    tell(f"mail to alice@example.test: {state} {reason}".rstrip())
    lead = receive()
    answer = {"sent": state == "sent", "reason": reason, "record": lead.id or None}
except UserError as error:
    env.cr.rollback()
    answer = {"sent": False, "reason": str(error), "record": None}
print(json.dumps({"answer": answer}), flush=True)
