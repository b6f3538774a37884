# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.database_binding import Identity, differences
from .case import EngineCase

BOUND = Identity("uuid", "production", "7")


class TestDatabaseBinding(EngineCase):
    def test_how_a_copy_is_told_from_the_original(self):
        for here, expected in (
            (Identity("uuid", "production", "7"), []),
            (Identity("other", "production", "7"), ["its identifier (database.uuid) is another one"]),
            (Identity("uuid", "copy", "7"), ["its name was “production” and is “copy”"]),
            (Identity("uuid", "production", "8"), ["it lies on another PostgreSQL server"]),
            # Where the server does not tell, the other two decide.
            (Identity("uuid", "production", ""), []),
        ):
            with self.subTest(here=here):
                self.assertEqual(differences(BOUND, here), expected)
        self.assertEqual(differences(Identity("uuid", "production"), BOUND), [])
        self.assertEqual(len(differences(BOUND, Identity("other", "copy", "8"))), 3)
