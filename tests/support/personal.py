"""Keys and certificates of people, as an administrator's workstation makes and keeps them."""

import base64
import pathlib
import subprocess

from api import ApiError


def openssl(*arguments, data=None):
    """Runs openssl; its output as text."""
    done = subprocess.run(["openssl", *map(str, arguments)], input=data, capture_output=True, check=False)
    assert done.returncode == 0, f"openssl {arguments}: {done.stderr.decode()}"
    return done.stdout.decode()


class Workstation:
    """A folder with the key of one person; the certificate comes later."""

    def __init__(self, folder, name):
        self.name, self.folder = name, pathlib.Path(folder)
        self.key, self.certificate = self.folder / f"{name}.key", self.folder / f"{name}.pem"
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", self.key)

    def request(self, subject="/CN=whoever"):
        """A certificate request; what its subject says does not matter."""
        return openssl("req", "-new", "-key", self.key, "-subj", subject)

    def keep(self, pem):
        """The certificate is here."""
        self.certificate.write_text(pem)
        return self

    def keep_p12(self, text, password):
        """Key and certificate of a P12 (base64)."""
        file = self.folder / f"{self.name}.p12"
        file.write_bytes(base64.b64decode(text))
        both = openssl("pkcs12", "-in", file, "-nodes", "-passin", f"pass:{password}")
        self.key.write_text(openssl("pkey", data=both.encode()))
        self.certificate.write_text(openssl("x509", data=both.encode()))
        return self

    def self_signed(self, uri=None):
        """A certificate that nobody has issued."""
        more = ["-addext", f"subjectAltName=URI:{uri}"] if uri else []
        openssl("req", "-x509", "-new", "-key", self.key, "-subj", f"/CN={self.name}", "-days", "30", *more,
                "-addext", "extendedKeyUsage=clientAuth", "-out", self.certificate)
        return self

    @property
    def files(self):
        """For ssl.SSLContext.load_cert_chain."""
        return str(self.certificate), str(self.key)


def visit(deployment, server, workstation):
    """A client of this workstation, which has not logged in."""
    return deployment.visitor(server, certificate=workstation.files)


def log_in(deployment, server, workstation, **body):
    """A session by certificate."""
    api = visit(deployment, server, workstation)
    api.info = api.send("login", body)
    api.sid = api.info["sid"]
    return api


def refusal(deployment, server, workstation, **body):
    """The ApiError of a login that must fail; None when it does not."""
    api = visit(deployment, server, workstation)
    try:
        api.send("login", body)
        return None
    except ApiError as error:
        return error
    finally:
        api.close()
