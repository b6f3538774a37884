"""`./dev run`, `./dev shell` and `./dev stop`: the gateway at work, and its end."""

import contextlib
import json
import signal
import subprocess
import threading
import time
from email.message import EmailMessage
from pathlib import Path

from tools import checkout, environment, odoo_home, odoo_server, postgresql, process
from tools.database import Databases
from tools.odoo_server import OdooServer
from tools.report import Failure, Steps
from tools.sandbox import Sandbox
from tools.testing import postgresql_ready

DATABASE = "dev_run"
SUPPORT = "support@example.test"
NOTE = checkout.DEV / "running.json"


def run(once=False):
    """Show the gateway at work; return 0 only if a mail came to its recipient and another became a record."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    _end_server()
    steps = Steps(6 if once else 7)
    cluster = postgresql.demonstration_cluster()
    sandbox = server = None
    try:
        steps.next("Odoo 19")
        steps.done(odoo_home.find(steps).origin)
        steps.next("Python packages")
        environment.ensure(steps)
        steps.done()
        steps.next("PostgreSQL")
        postgresql_ready(steps, cluster)
        steps.done(f"127.0.0.1:{cluster.port}")
        steps.next("mail servers")
        sandbox = Sandbox.best("sandbox-run")
        sandbox.start(steps)
        sandbox.dovecot.add_user(SUPPORT, "supportpw")
        steps.done(sandbox.words)
        steps.next("database")
        Databases(cluster).create(DATABASE, "gateway", steps)
        steps.done(f"{DATABASE}, fresh, with crm and {checkout.ADDON}")
        steps.next("demonstration")
        steps.done("a mail is sent, another is received")
        good = demonstrate(sandbox, cluster)
        if once or not good:
            return 0 if good else 1
        steps.next("web client")
        server = OdooServer(DATABASE, cron=True, cluster=cluster, port=_port()).start()
        NOTE.write_text(json.dumps({"server": server.pid}))
        steps.done(f"{server.url}  login admin, password admin")
        _explain(sandbox, server)
        while server.process.poll() is None:
            time.sleep(0.5)
        print(f"The server ended by itself; see {server.log_path}.")
        return 1
    except KeyboardInterrupt:
        print("\nStopping …", flush=True)
        return 0
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave half of it running
        for server_like in (server, sandbox, cluster):
            if server_like:
                with contextlib.suppress(Failure):
                    server_like.stop()
        NOTE.unlink(missing_ok=True)


def demonstrate(sandbox, cluster):
    """Send and receive one mail each, telling every step; return whether both arrived."""
    facts = {
        "host": sandbox.host,
        "submission": sandbox.postfix.submission,
        "imaps": sandbox.dovecot.imaps,
        "ca_certificate": sandbox.ca_certificate,
        "sent_subject": "Hello from the gateway",
        "received_subject": "Water pump broken in our village",
    }
    _say(f"a citizen writes to {SUPPORT}; {sandbox.mail_server} takes the mail")
    sandbox.send(_letter(facts["received_subject"]))
    answer = None
    running = odoo_server.start_script(
        DATABASE,
        Path(__file__).with_name("demonstration.py"),
        env={"DEMONSTRATION": json.dumps(facts)},
        cluster=cluster,
    )
    guard = threading.Timer(180, odoo_server.kill_group, [running])
    guard.start()
    rest = []
    for line in running.stdout:
        try:
            told = json.loads(line)
        except ValueError:
            told = {}
        if not isinstance(told, dict) or not told:
            rest.append(line.rstrip())
            continue
        answer = told.get("answer", answer)
        if "text" in told:
            _say(told["text"])
        for step in _as_list(told.get("trace")):
            _say(f"    {_step(step)}")
    running.wait(30)
    guard.cancel()
    if answer is None:
        _say("the demonstration failed:\n" + "\n".join(rest[-25:]))
        return False
    if answer["reason"]:
        _say(f"the gateway says: {answer['reason']}")
    arrived = _wait_for(sandbox, "alice@example.test", facts["sent_subject"])
    _say("the mail is in Alice's mailbox" if arrived else "the mail is NOT in Alice's mailbox")
    record = answer["record"]
    _say(f"the citizen's mail became lead {record}" if record else "the citizen's mail made NO record")
    return bool(arrived and record)


def shell(database=None):
    """`odoo shell` with the addon; without a name, in the database of `./dev run`."""
    cluster = postgresql.demonstration_cluster() if database in (None, DATABASE) else postgresql.main_cluster()
    name = database or DATABASE
    if not Databases(cluster).exists(name):
        raise Failure(f"There is no database {name}." + ("" if database else " ./dev run makes it."))
    line = odoo_server.command("shell", name, cluster=cluster) + ["--no-http"]
    return subprocess.run(line, env=odoo_server.variables(), check=False).returncode


def stop():
    """End what is left of earlier runs: server, mail servers, and PostgreSQL unless somebody uses it."""
    _end_server()
    for directory in sorted(checkout.DEV.glob("sandbox*")):
        owner = directory.name.rpartition("-")[2]
        if owner.isdigit() and process.is_running(int(owner)):
            print(f"{directory.name}: in use by process {owner}, left running")
            continue
        Sandbox.end(directory.resolve())
    for cluster in (postgresql.demonstration_cluster(), postgresql.main_cluster()):
        if not cluster.port:
            continue
        if users := Databases(cluster).users():
            print(f"{cluster.name}: {users} connections, left running")
            continue
        cluster.stop()
    print("stopped")
    return 0


def _end_server():
    """End the web client of an earlier `./dev run` that was itself killed."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        pid = json.loads(NOTE.read_text())["server"]
        if process.is_running(pid) and str(checkout.DEV) in process.command_line(pid):
            process.end(pid)
    NOTE.unlink(missing_ok=True)


def _port():
    """Odoo's usual port if nobody has it."""
    return None if process.wait_for_port(8069, timeout=0.1) else 8069


def _letter(subject):
    letter = EmailMessage()
    letter["From"] = "Amina Citizen <amina@remote.test>"
    letter["To"] = SUPPORT
    letter["Subject"] = subject
    letter["Message-ID"] = f"<{time.time_ns()}@remote.test>"
    letter["Date"] = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime())
    letter.set_content("Good morning,\n\nsince Monday the pump gives no water. Please send someone.\n\nAmina\n")
    return letter


def _wait_for(sandbox, address, subject):
    limit = time.monotonic() + 15
    while time.monotonic() < limit:
        if any(subject.encode() in raw for _uid, _flags, raw in sandbox.dovecot.messages(address)):
            return True
        time.sleep(0.2)
    return False


def _as_list(trace):
    """The journal's trace is a list of steps, or the same as JSON text."""
    if isinstance(trace, str):
        with contextlib.suppress(ValueError):
            trace = json.loads(trace)
    return trace if isinstance(trace, list) else []


def _step(step):
    """One line of a trace; the database keeps the keys of a step in alphabetical order, people read it in this one."""
    if not isinstance(step, dict):
        return str(step)
    return " · ".join(step[key] for key in ("looked_at", "found", "followed") if step.get(key))


def _say(text):
    print(f"      {text}", flush=True)


def _explain(sandbox, server):
    print(
        f"""
      Web client   {server.url}   (admin / admin)
      Mailboxes    {sandbox.host}, IMAP port {sandbox.dovecot.imap}, e.g. alice@example.test / alicepw
      Write to     {SUPPORT} by SMTP on {sandbox.host}:{sandbox.postfix.smtp}: a scheduled action fetches it
      Authority    {sandbox.ca_path}
      Log          {server.log_path}
      Ctrl-C ends it all.""",
        flush=True,
    )
