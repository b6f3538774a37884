# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What the tests of people's decisions share."""

from .common import GatewayCase, eml

NOTHING = "Nothing was changed: somebody else has just decided about this message"


class DecisionCase(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # What officers of an office have beside the gateway.
        for user in (cls.officer, cls.manager):
            user.group_ids += cls.env.ref("base.group_partner_manager")

    def waiting(self, content=None, **values):
        inbound = self.journal(content or eml(), company=values.pop("company", None))
        inbound.write({"state": "quarantined", "reason": "no_route", **values})
        self.env.flush_all()
        return inbound

    def wizard(self, kind, inbounds, user=None, **values):
        return (
            self.env[f"spp.email.inbound.{kind}"]
            .with_user(user or self.officer)
            .create({"inbound_ids": inbounds.ids, **values})
        )

    def confirm(self, wizard):
        with self.own_cursors():
            return wizard.action_confirm()

    def route(self, inbounds, user=None, model="res.partner", **values):
        return self.confirm(self.wizard("route", inbounds, user, target_model=model, **values))

    def assertDecided(self, inbound, user, words):
        step = inbound.decisions[-1]
        self.assertEqual(step["looked_at"], "decided by")
        self.assertTrue(step["found"].startswith(f"user {user.id} ({user.name}), 20"), step)
        self.assertIn(words, step["followed"])
        self.assertIn(words, inbound.trace_text)
