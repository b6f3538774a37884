# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.catalogue import Catalogue
from .case import EngineCase

FRENCH = {
    "User name or password is wrong.": "Le nom d’utilisateur ou le mot de passe est faux.",
    "%(text)s The server said: %(detail)s": "%(text)s Le serveur a dit : %(detail)s",
    "%(host)s did not answer within %(seconds)s seconds.": "Pas de réponse de %(host)s en %(seconds)s secondes.",
    "no answer": "pas de réponse",
    "The sender %(sender)s is not %(sender)s.": "L’expéditeur %(sender)s n’est pas %(sender)s.",
    "%s of %s messages": "%s messages sur %s",
    "%(share)s %% of it": "%(share)s %% de cela",
    "Daily limit reached (%(used)s of %(limit)s)": "Limite du jour atteinte (%(used)s sur %(limit)s)",
    "Try again later.": "Réessayez plus tard.",
}

SAID = [
    # a text as it is
    ("User name or password is wrong.", "Le nom d’utilisateur ou le mot de passe est faux."),
    # what was put in stays
    ("mx.a.test did not answer within 30 seconds.", "Pas de réponse de mx.a.test en 30 secondes."),
    # a text within a text
    (
        "User name or password is wrong. The server said: 535 5.7.8 no",
        "Le nom d’utilisateur ou le mot de passe est faux. Le serveur a dit : 535 5.7.8 no",
    ),
    # sentences and lines
    ("Daily limit reached (3 of 3)\nTry again later.", "Limite du jour atteinte (3 sur 3)\nRéessayez plus tard."),
    ("Something unknown. Try again later.", "Something unknown. Réessayez plus tard."),
    # the same part twice
    ("The sender ann is not ann.", "L’expéditeur ann n’est pas ann."),
    ("The sender ann is not bob.", "The sender ann is not bob."),
    # parts without a name, and per cent
    ("3 of 4 messages", "3 messages sur 4"),
    ("5 % of it", "5 % de cela"),
    # what nobody knows, and what is no text
    ("Quelque chose", "Quelque chose"),
    ("ann@example.org", "ann@example.org"),
    ("", ""),
]


class TestCatalogue(EngineCase):
    def test_what_is_said(self):
        catalogue = Catalogue(FRENCH)
        for text, translation in SAID:
            with self.subTest(text):
                self.assertEqual(catalogue.say(text), translation)

    def test_a_long_answer_of_a_server_is_not_compared(self):
        answer = "did not answer within " * 100_000
        self.assertEqual(Catalogue(FRENCH).say(answer), answer)

    def test_texts_in_texts_have_an_end(self):
        catalogue = Catalogue({"%(text)s The server said: %(detail)s": "%(detail)s : %(text)s"})
        text = "a The server said: " * 200 + "b"
        self.assertIn("b", catalogue.say(text))
