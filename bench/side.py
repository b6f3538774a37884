"""One of the two that are compared: a database, and Odoo processes that work in it."""

import json

from bench.beside import variable
from bench.meter import Sample
from tools import checkout, odoo_server
from tools.database import PREFIX, Databases

PROGRAM = """
import json, sys
sys.path.append({root!r})
from {module} import {function} as call
print(json.dumps(call(env, **json.loads({arguments!r}))))
"""


class Side:
    """Stock Odoo, or Odoo with the gateway, in a fresh database.

    Args:
        kind: "stock" or "gateway".
        name: of the workload.
        cluster: the `tools.postgresql.Cluster`, the same for both sides.

    Attributes:
        round: number of the current round, for names that are not used twice.
        beside: {name: id} of the processes whose CPU time is measured beside Odoo's.
    """

    def __init__(self, kind, name, cluster):
        self.kind = kind
        self.round = 0
        self.beside = {}
        self._cluster = cluster
        self._databases = Databases(cluster)
        self.database = self._databases.create(f"{PREFIX}bench_{name.replace('-', '_')}_{kind}", kind)

    def call(self, function, *, env=None, timeout=1800, **arguments):
        """Call `function(env, **arguments)` in a new Odoo process and return what it returns, by way of JSON.

        Args:
            function: a function of a module in `bench/`.
            env: variables to add to the process's environment.
        """
        code = PROGRAM.format(
            root=str(checkout.ROOT),
            module=function.__module__,
            function=function.__name__,
            arguments=json.dumps(arguments),
        )
        return odoo_server.execute(
            self.database,
            code,
            env={**variable(self.beside), **(env or {})},
            timeout=timeout,
            cluster=self._cluster,
            addons=self.kind == "gateway",
            log=checkout.LOGS / f"bench-{self.kind}.log",
        )

    def measure(self, function, **arguments):
        """Call a function that returns a meter's figures, and return the Sample."""
        return Sample(**self.call(function, **arguments))

    def rows(self, query, arguments=()):
        """Return the rows of a query, in a transaction of its own."""
        connection = self._databases.connect(self.database)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(query, arguments)
                return cursor.fetchall()
        finally:
            connection.close()

    def execute(self, statement):
        """Execute one statement, committed."""
        connection = self._databases.connect(self.database)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
        finally:
            connection.close()

    def drop(self):
        self._databases.drop(self.database)
