# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What the gateway knows about mail, free of Odoo.

Bytes, strings and dataclasses come in, dataclasses go out. Clock, randomness, DNS and sockets are parameters.
Nothing here imports odoo; tests/engine/test_import_rule.py holds it.
"""
