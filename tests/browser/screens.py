# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The gateway's screens, each with something in it, for tests that walk all of them."""

# Makes a record of each kind; the answer has its ids. Nothing here is sent or fetched.
PREPARE = """
mailbox = env["fetchmail.server"].create({
    "name": "Walked Mailbox", "server": "localhost", "port": 9, "user": "walked@example.test", "state": "draft",
})
server = env["ir.mail_server"].create({
    "name": "Walked Server", "smtp_host": "localhost", "smtp_port": 9, "smtp_encryption": "starttls_strict",
    "smtp_user": "walked@example.test", "from_filter": "walked.test", "sequence": 99,
})
intake = env["spp.email.intake"].create({"name": "Walked Intake"})
journal, _is_new = None, None
message = b"\\r\\n".join([
    b"From: Walked <walked@remote.test>", b"To: nobody@walked.test", b"Subject: Walked", b"Message-ID: <walked@remote.test>",
    b"MIME-Version: 1.0", b"Content-Type: text/plain", b"", b"Help.", b"",
])
answer = {"mailbox": mailbox.id, "server": server.id, "intake": intake.id}
"""

SCREENS = {
    "quarantine": "email-quarantine",
    "journal": "email-journal",
    "mailboxes": "incoming-email-servers",
    "a mailbox": "incoming-email-servers/{mailbox}",
    "a new mailbox": "incoming-email-servers/new",
    "intakes": "email-intakes",
    "an intake": "email-intakes/{intake}",
    "rules": "incoming-rules",
    "a new rule": "incoming-rules/new",
    "try a message": "try-a-message",
    "comparisons": "email-comparisons",
    "loop breakers": "email-loop-breakers",
    "outgoing servers": "outgoing-email-servers",
    "an outgoing server": "outgoing-email-servers/{server}",
    "a new outgoing server": "outgoing-email-servers/new",
    "deliveries": "email-deliveries",
    "queue": "email-queue",
    "suppression": "email-suppression",
    "a new suppressed address": "email-suppression/new",
    "round trips": "email-round-trips",
    "a new round trip": "email-round-trips/new",
    "health": "email-health",
    "teams": "email-teams",
    "a new team": "email-teams/new",
    "retention": "email-retention",
    "retention of outgoing emails": "outgoing-email-retention",
    "tags": "email-tags",
    "allowed recipients": "email-recipients",
    "suppression policies": "email-suppression-policies",
    "OAuth credentials": "email-oauth",
    "a new OAuth credential": "email-oauth/new",
    "changes": "email-changes",
    "who did what": "email-who-did-what",
    "data subject requests": "email-data-requests",
}
