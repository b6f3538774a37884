# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""An Odoo process that does what a test asks, one piece of code after the other: what an admin's session would be.

Starting a process takes a second; asking one that runs takes milliseconds.

Jobs run beside it. Odoo refuses to write a scheduled action while it runs ("try again in a few minutes"), and
PostgreSQL refuses what collides with what a job has just written. A person tries again, and so does Odoo for a request;
here it is done for all tests.
"""

from __future__ import annotations

import json
import socket

from tools import odoo_server

PROGRAM = """
import json, logging, socket, time, traceback
from odoo.exceptions import LockError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

def passes(error):
    # ir.cron raises its own UserError while it handles the LockError.
    return isinstance(error, PG_CONCURRENCY_EXCEPTIONS_TO_RETRY) or isinstance(error.__context__, LockError)

def run(question):
    limit = time.monotonic() + %d
    while True:
        names = {"env": env, "answer": None, **question["names"]}
        try:
            env.cr.rollback()
            env.registry.check_signaling()
            env.transaction.reset()
            exec(compile(question["code"], "<question>", "exec"), names)
            env.cr.commit()
            env.registry.signal_changes()
            return names["answer"]
        except Exception as error:
            env.cr.rollback()
            env.registry.reset_changes()
            if not passes(error) or time.monotonic() > limit:
                raise
            time.sleep(0.2)

stream = socket.create_connection(("127.0.0.1", %d)).makefile("rw")
for line in stream:
    question = json.loads(line)
    try:
        reply = {"answer": run(question)}
    except Exception as error:
        reply = {"error": type(error).__name__, "text": str(error), "trace": traceback.format_exc()}
    stream.write(json.dumps(reply, default=str) + "\\n")
    stream.flush()
"""
# How long a question is asked again that meets a job at work.
PATIENCE = 60


class ConsoleError(Exception):
    """What the code raised in the Odoo process. ``kind`` is the name of the exception's class."""

    def __init__(self, reply: dict):
        super().__init__(reply["trace"])
        self.kind = reply["error"]
        self.text = reply["text"]


class Console:
    """A running Odoo process for one database."""

    def __init__(self, database: str, env: dict[str, str] | None = None):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self._process = odoo_server.start_script(database, PROGRAM % (PATIENCE, listener.getsockname()[1]), env=env)
            listener.settimeout(60)
            self._socket, _address = listener.accept()
        self._socket.settimeout(240)
        self._stream = self._socket.makefile("rw")

    def ask(self, code: str, **names):
        """Run code with ``env`` and the given names, commit, and return what it assigned to ``answer``.

        Where a job is in the way its transaction is undone and the code runs again, for ``PATIENCE`` seconds.

        Raises:
            ConsoleError: the code raised; its transaction is undone.
        """
        self._stream.write(json.dumps({"code": code, "names": names}) + "\n")
        self._stream.flush()
        line = self._stream.readline()
        if not line:
            raise AssertionError("The Odoo process has ended: " + self._process.stdout.read()[-3000:])
        reply = json.loads(line)
        if "error" in reply:
            raise ConsoleError(reply)
        return reply["answer"]

    def stop(self):
        self._socket.close()
        odoo_server.kill_group(self._process)
        self._process.stdout.close()
