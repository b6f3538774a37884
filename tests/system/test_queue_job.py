# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Where OCA's queue_job is installed, the lanes can run as its jobs."""

from __future__ import annotations

import os

from tools import environment, odoo_home, odoo_server
from tools.checkout import LOGS
from tools.odoo_server import OdooServer

from .case import SystemCase, box, letter, wait_for

MESSAGES = 120


class TestQueueJob(SystemCase):
    def test_the_lanes_run_as_jobs_of_a_channel_of_their_own(self):
        places = environment.ensure_queue_job(), str(odoo_home.find().path)
        paths = {"PYTHONPATH": os.pathsep.join(places)}
        odoo_server.run(
            self.database, ["-i", "queue_job"], LOGS / "system-queue-job.log", env=paths
        )
        server = self.mailbox(box(), active=False)
        odoo_server.execute(
            self.database,
            f"""
import json
from odoo.addons.spp_email_gateway.models.spp_email_journal import JournalEntry
raws = {[letter(f"as a job {number}").decode() for number in range(MESSAGES)]!r}
env["ir.config_parameter"].set_param("spp_email_gateway.use_queue_job", "True")
env["spp.email.journal"]._write_entries(
    [
        JournalEntry("jobs", "INBOX", "1", str(number), raw.encode(), server_id={server})
        for number, raw in enumerate(raws)
    ]
)
env.ref("spp_email_gateway.ir_cron_process_inbound")._trigger()
env.cr.commit()
print(json.dumps({{}}))
""",
            env=paths,
        )
        channels = {**paths, "ODOO_QUEUE_JOB_CHANNELS": "root:2,root.spp_email_gateway:2"}
        with OdooServer(self.database, cron=1, env=channels, extra=("--load=base,rpc,web,queue_job",)) as running:
            wait_for(
                lambda: self.value("SELECT count(*) FROM spp_email_inbound WHERE state = 'done'") == MESSAGES,
                "the journal is done",
                120,
            )
            wait_for(
                lambda: not self.value("SELECT count(*) FROM queue_job WHERE state <> 'done'"), "the jobs are done", 60
            )
            self.assertNotIn("Traceback", running.log_text())
        self.assertEqual(len(set(self.leads("as a job %"))), MESSAGES)
        self.assertEqual(self.leads("as a job %"), sorted(set(self.leads("as a job %"))))
        jobs = self.rows("SELECT channel, method_name, state FROM queue_job GROUP BY 1, 2, 3")
        self.assertEqual(jobs, [("root.spp_email_gateway", "_queue_process", "done")])
        # More than one lane: so many wait that the first calls the second.
        self.assertGreater(self.value("SELECT count(DISTINCT identity_key) FROM queue_job"), 1)
