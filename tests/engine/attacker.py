# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A man in the middle: takes the place of a mail server, agrees to everything, and keeps all that is said to him."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from contextlib import suppress

from .certificates import server_context

# What he does: the certificate he shows, or how he gets around showing one.
CERTIFICATES = ("own_authority", "wrong_host", "expired", "self_signed", "old_tls")
TRICKS = ("stripped", "refused", "injected")
# Only where TLS is asked for in the clear first. PREAUTH is IMAP's: whoever is logged in may not begin TLS any more.
ATTACKS = {
    ("imap", "starttls"): (*CERTIFICATES, *TRICKS, "preauth"),
    ("pop", "starttls"): (*CERTIFICATES, *TRICKS),
    ("smtp", "starttls"): (*CERTIFICATES, *TRICKS),
    ("imap", "tls"): (*CERTIFICATES, "in_clear"),
    ("pop", "tls"): (*CERTIFICATES, "in_clear"),
    ("smtp", "tls"): (*CERTIFICATES, "in_clear"),
}
_NEVER_ENCRYPTED = ("stripped", "refused", "in_clear")
_GREETINGS = {"imap": b"* OK ready\r\n", "pop": b"+OK ready\r\n", "smtp": b"220 ready ESMTP\r\n"}


def context_of(attack: str) -> ssl.SSLContext:
    """What he encrypts with. Clients of these tests trust the tests' authority, for 127.0.0.1."""
    if attack == "wrong_host":
        return server_context("mail.elsewhere.test")
    if attack == "expired":
        return server_context(days=-1)
    if attack == "self_signed":
        return server_context(self_signed=True)
    if attack == "own_authority":
        return _of_another_authority()
    if attack == "old_tls":
        return _old()
    return server_context()


def _of_another_authority():
    from . import certificates

    real = certificates.authority
    certificates.authority = real.__wrapped__
    try:
        # Another key under the same name, as a thief would make it.
        return certificates.server_context.__wrapped__("127.0.0.1")
    finally:
        certificates.authority = real


def _old():
    from . import certificates

    context = certificates.server_context.__wrapped__("127.0.0.1")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    # OpenSSL 3 offers nothing so old at its usual level.
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


class Attacker:
    """Listens on 127.0.0.1 and plays a server of one protocol.

    Args:
        attack: one of ATTACKS, or "" for none: then he is the server, with a certificate in order.
        security: tls or starttls, as the client has it.

    Attributes:
        port: where he listens.
        heard: all bytes that clients sent and he could read.
        handshakes: how many clients agreed to encryption with him.
    """

    def __init__(self, protocol: str, security: str, attack: str):
        self.protocol, self.security, self.attack = protocol, security, attack
        self.heard = b""
        self.handshakes = 0
        self._context = context_of(attack)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []

    def knows(self, *secrets: str) -> bool:
        """Whether one of the secrets is in what he heard, in clear or in base64."""
        plain = self.heard
        for word in self.heard.split():
            with suppress(ValueError):
                plain += base64.b64decode(word, validate=True)
        return any(secret.encode() in plain for secret in secrets)

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exception):
        for sock in [self._listener, *self._sockets]:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _accept(self):
        while True:
            try:
                sock, _address = self._listener.accept()
            except OSError:
                return
            sock.settimeout(10)
            self._sockets.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        with suppress(OSError, ValueError):
            if self.security == "tls" and self.attack != "in_clear":
                sock = self._encrypt(sock)
            sock.sendall(b"* PREAUTH welcome back\r\n" if self.attack == "preauth" else _GREETINGS[self.protocol])
            self._talk(sock)

    def _encrypt(self, sock):
        sock = self._context.wrap_socket(sock, server_side=True)
        self._sockets.append(sock)
        self.handshakes += 1
        return sock

    def _talk(self, sock):
        is_clear, answers = not isinstance(sock, ssl.SSLSocket), []
        buffer = b""
        while True:
            while b"\n" not in buffer:
                data = sock.recv(4096)
                if not data:
                    return
                self.heard += data
                buffer += data
            line, _end, buffer = buffer.partition(b"\n")
            words = line.strip().split(b" ")
            verb = (words[1:2] if self.protocol == "imap" else words[:1] or [b""])[0:1]
            verb = verb[0].upper() if verb else b""
            if is_clear and verb in (b"STARTTLS", b"STLS") and self.attack not in _NEVER_ENCRYPTED:
                injected = self._answer(words, b"NOOP", answers) if self.attack == "injected" else b""
                sock.sendall(self._ok(words) + injected)
                sock, is_clear = self._encrypt(sock), False
                continue
            sock.sendall(self._answer(words, verb, answers))

    def _ok(self, words):
        return {"imap": words[0] + b" OK done\r\n", "pop": b"+OK\r\n", "smtp": b"220 go\r\n"}[self.protocol]

    def _answer(self, words, verb, answers):
        offered = self.attack not in ("stripped", "in_clear")
        if verb in (b"STARTTLS", b"STLS"):
            return {"imap": words[0] + b" NO no\r\n", "pop": b"-ERR no\r\n", "smtp": b"454 no\r\n"}[self.protocol]
        if self.protocol == "smtp":
            if verb in (b"EHLO", b"HELO"):
                starttls = b"250-STARTTLS\r\n" if offered else b""
                return b"250-ready\r\n" + starttls + b"250 AUTH PLAIN LOGIN XOAUTH2\r\n"
            if verb == b"AUTH":
                return b"235 in\r\n" if len(words) > 2 else b"334 \r\n"
            return {b"DATA": b"354 go\r\n", b"QUIT": b"221 bye\r\n"}.get(verb, b"250 ok\r\n")
        if self.protocol == "pop":
            if verb == b"CAPA":
                return b"+OK\r\n" + (b"STLS\r\n" if offered else b"") + b"USER\r\nSASL PLAIN XOAUTH2\r\n.\r\n"
            if verb == b"AUTH":
                return b"+ \r\n"
            return b"+OK 0 0\r\n" + (b".\r\n" if verb in (b"LIST", b"UIDL") else b"")
        if verb == b"CAPABILITY":
            starttls = b"STARTTLS " if offered else b""
            return b"* CAPABILITY IMAP4rev1 " + starttls + b"AUTH=PLAIN AUTH=XOAUTH2\r\n" + self._ok(words)
        if verb == b"AUTHENTICATE":
            answers.append(words[0])
            return b"+ \r\n"
        if verb in (b"SELECT", b"EXAMINE"):
            return b"* 0 EXISTS\r\n* FLAGS (\\Seen)\r\n* OK [UIDVALIDITY 7] valid\r\n" + self._ok(words)
        if verb == b"UID" and b"SEARCH" in words:
            return b"* SEARCH\r\n" + self._ok(words)
        if answers and len(words) == 1:
            return answers.pop() + b" OK in\r\n"
        return self._ok(words)
