"""A private certificate authority and one server certificate, for mail servers on loopback."""

from tools import process

# Also valid for 127.0.0.1, on which clients that were given an address connect. 127.0.0.2 is left out on purpose: the
# servers listen there as well, which makes it a ready case of a certificate for another host.
NAMES = "DNS:localhost,DNS:mail.example.test,IP:127.0.0.1"


class Authority:
    """The files `ca.pem`, `server.pem` and `server.key` in a directory; made once, valid for ten years."""

    def __init__(self, directory):
        self.directory = directory
        self.ca_path = directory / "ca.pem"
        self.certificate_path = directory / "server.pem"
        self.key_path = directory / "server.key"

    @property
    def ca_certificate(self):
        return self.ca_path.read_text()

    def ensure(self):
        """Make the files unless they are there; return self."""
        if self.certificate_path.exists():
            return self
        self.directory.mkdir(parents=True, exist_ok=True)
        ca_key = self.directory / "ca.key"
        request = self.directory / "server.csr"
        extensions = self.directory / "extensions"
        extensions.write_text(f"subjectAltName={NAMES}\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n")
        new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        self._openssl(
            ["req", "-x509", *new_key, "-days", "3650", "-keyout", ca_key, "-out", self.ca_path]
            + ["-subj", "/CN=Sandbox authority", "-addext", "basicConstraints=critical,CA:TRUE"]
            + ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
        )
        self._openssl(["req", *new_key, "-keyout", self.key_path, "-out", request, "-subj", "/CN=mail.example.test"])
        self._openssl(
            ["x509", "-req", "-in", request, "-CA", self.ca_path, "-CAkey", ca_key, "-CAcreateserial"]
            + ["-days", "3650", "-extfile", extensions, "-out", self.certificate_path]
        )
        return self

    def _openssl(self, arguments):
        process.run(["openssl", *arguments], "make the sandbox's certificates", timeout=30)
