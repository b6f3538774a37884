# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import json
from datetime import datetime, timedelta
from random import Random

from ...engine.errors import OAuthError
from ...engine.oauth_answer import MOST_SECONDS, UNTOLD_SECONDS, read_token
from .case import EngineCase

NOW = datetime(2026, 5, 1, 12, 0)
GOOD = {"access_token": "eyJ.a-b_c/d+e=", "token_type": "Bearer", "expires_in": 3600}
PAGE, NOTHING = (
    "The address for tokens answered with a web page",
    "The address for tokens answered with nothing that can",
)
SENSE = "The provider's answer makes no sense: "


def answer(**values):
    return json.dumps({**GOOD, **values}).encode()


class TestAnswers(EngineCase):
    def test_how_long_it_lasts(self):
        for told, seconds in (
            (3599, 3599),
            ("3599", 3599),
            (1.5, 1),
            (0.2, 1),
            (10**12, MOST_SECONDS),
            ("1e400", MOST_SECONDS),
            (None, UNTOLD_SECONDS),
        ):
            with self.subTest(told):
                token = read_token(200, answer(expires_in=told), now=NOW)
                self.assertEqual(token.expires, NOW + timedelta(seconds=seconds))

    def test_it_need_not_say_how_long(self):
        body = json.dumps({"access_token": "a", "token_type": "bearer"}).encode()
        token = read_token(200, body, now=NOW)
        self.assertEqual((token.expires, token.refresh_token), (NOW + timedelta(hours=1), ""))

    def test_answers_that_are_none(self):
        for name, status, body, words, field, permanent in (
            ("no JSON", 200, b"access_token=a", f"{NOTHING} be read (HTTP 200).", "token_url", False),
            ("half of it", 200, answer()[:-5], f"{NOTHING} be read (HTTP 200).", "token_url", False),
            ("no object", 200, b'["a"]', f"{NOTHING} be read (HTTP 200).", "token_url", False),
            ("empty", 200, b"", f"{NOTHING} be read (HTTP 200).", "token_url", False),
            ("bytes", 200, b"\xff\xfe\x00", f"{NOTHING} be read (HTTP 200).", "token_url", False),
            ("nested without end", 200, b"[" * 100_000, f"{NOTHING} be read (HTTP 200).", "token_url", False),
            ("a page", 200, b" <!DOCTYPE html><p>", f"{PAGE} (HTTP 200).", "token_url", False),
            ("a page that is not there", 404, b"<html>", f"{PAGE} (HTTP 404).", "token_url", False),
            ("a redirect", 302, b"", f"{NOTHING} be read (HTTP 302).", "token_url", False),
            ("a page of a proxy", 502, b"<html>", "The provider cannot answer at the moment.", "", False),
            ("too often", 429, b"slow down", "The provider cannot answer at the moment.", "", False),
            ("type", 200, answer(token_type="mac"), f"{SENSE}it gave a token that is not of type Bearer.", "", None),
            ("no type", 200, answer(token_type=None), f"{SENSE}it gave a token that is not of type Bearer.", "", None),
            ("no token", 200, answer(access_token=None), f"{SENSE}it holds no access token.", "", None),
            ("a list", 200, answer(access_token=["a"]), f"{SENSE}it holds no access token.", "", None),
            ("line end", 200, answer(access_token="a\r\nb"), f"{SENSE}it holds no access token.", "", None),
            ("beyond ASCII", 200, answer(refresh_token="\u00e4"), f"{SENSE}it holds no refresh token.", "", None),
            ("endless", 200, answer(access_token="a" * 70_000), f"{SENSE}its access token is too long.", "", None),
            ("ended", 200, answer(expires_in=0), f"{SENSE}the token had ended before it was given.", "", None),
            ("negative", 200, answer(expires_in=-5), f"{SENSE}the token had ended before it was given.", "", None),
            ("no number", 200, answer(expires_in="soon"), f"{SENSE}how long the token lasts is no number.", "", None),
            ("truth", 200, answer(expires_in=True), f"{SENSE}how long the token lasts is no number.", "", None),
            ("NaN", 200, answer(expires_in=float("nan")), f"{SENSE}how long the token lasts is no number.", "", None),
        ):
            with self.subTest(name):
                with self.assertRaises(OAuthError) as caught:
                    read_token(status, body, now=NOW)
                error = caught.exception
                self.assertEqual(str(error), words)
                if permanent is None:
                    # Its own stumble: it may be over in a minute.
                    field, permanent = "token_url", False
                self.assertEqual((error.field, error.permanent), (field, permanent))
                self.assertTrue(error.cure)
                # The parser's error would hold the whole answer.
                self.assertIsNone(error.__cause__)
                self.assertIsNone(error.__context__)

    def test_scopes(self):
        for told, scopes in (("a  b", "a b"), (None, ""), (["a"], ""), ("x" * 9000, "x" * 4000)):
            with self.subTest(str(told)[:10]):
                self.assertEqual(read_token(200, answer(scope=told), now=NOW).scopes, scopes)

    def test_damaged_answers(self):
        random = Random(6)
        whole = answer(refresh_token="r", scope="a b")
        given = 0
        for _round in range(3000):
            body = bytearray(whole)
            for _damage in range(random.randint(1, 4)):
                place = random.randrange(len(body))
                body[place : place + random.randint(0, 3)] = random.randbytes(random.randint(0, 3))
            try:
                token = read_token(random.choice((200, 200, 200, 400, 503)), bytes(body), now=NOW)
            except OAuthError as error:
                self.assertTrue(str(error) and error.cure)
                continue
            given += 1
            self.assertTrue(token.access_token.isprintable())
            self.assertGreater(token.expires, NOW)
        self.assertGreater(given, 50)
