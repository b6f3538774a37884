# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import os
import subprocess
import sys
from dataclasses import replace

from ...engine import worker
from ...engine.worker import Worker, is_dead, this_worker
from .case import EngineCase

# Not by the folder's name on the path: its token.py would hide Python's own.
PRINT = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("worker", sys.argv[1])
sys.modules["worker"] = module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print(module.this_worker())
"""


class TestWorker(EngineCase):
    def test_a_worker_is_known_by_its_name(self):
        self.assertEqual(Worker.parse(str(this_worker())), this_worker())

    def test_other_names_are_nobodys(self):
        for name in ("", "host:1", "host:x:m:1:2", "host:1:m:1:x"):
            with self.subTest(name=name):
                self.assertIsNone(Worker.parse(name))
                self.assertFalse(is_dead(name))

    def test_this_one_is_alive(self):
        self.assertFalse(is_dead(str(this_worker())))

    def test_a_process_that_ended_is_dead(self):
        name = subprocess.run(  # noqa: S603 - this Python
            [sys.executable, "-c", PRINT, worker.__file__], capture_output=True, text=True, check=True, timeout=30
        ).stdout.strip()
        self.assertTrue(is_dead(name), name)

    def test_a_zombie_is_dead(self):
        with subprocess.Popen([sys.executable, "-c", "pass"]) as child:  # noqa: S603 - this Python
            began = this_worker().began
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
            self.assertTrue(is_dead(str(replace(this_worker(), process=child.pid, began=began))))

    def test_a_process_id_that_is_used_again_is_another_process(self):
        self.assertTrue(is_dead(str(replace(this_worker(), began="1"))))

    def test_nothing_is_said_about_other_machines(self):
        self.assertFalse(is_dead(str(replace(this_worker(), machine="another", process=4_000_000))))
