"""A deployment's authorities for tests, made with the openssl command: root, Servers CA, servers."""
import json
import pathlib
import subprocess
import uuid

CA_EXTENSIONS = """basicConstraints=critical,CA:TRUE{path}
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
subjectAltName={names}
"""
SERVER_EXTENSIONS = """basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage={usage}
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
subjectAltName={names}
"""


def openssl(*arguments, data=None):
    """Runs openssl and returns what it wrote."""
    done = subprocess.run(["openssl", *map(str, arguments)], input=data, capture_output=True,
                          check=False)
    assert done.returncode == 0, f"openssl {arguments}: {done.stderr.decode()}"
    return done.stdout


class TestCa:
    """The authorities of one deployment, in `folder`."""
    __test__ = False

    def __init__(self, folder, deployment="7f3a"):
        self.folder, self.deployment = pathlib.Path(folder), deployment
        self.folder.mkdir(parents=True, exist_ok=True)
        self._authority("root", None, "deployment", "", "secp384r1")
        self._authority("chain", "root", "servers", ",pathlen:0")
        # As a Domain ICA that lies about its scope: still not the Servers CA.
        self._authority("ica", "root", "servers", ",pathlen:0")

    def _path(self, name):
        return self.folder / name

    def _authority(self, name, issuer, scope, path_length, curve="P-256"):
        key = self._path(f"{name}.key")
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{curve}",
                "-out", key)
        csr = openssl("req", "-new", "-key", key, "-subj", f"/O={self.deployment}/CN={name}")
        uri = f"mds://{name}.{scope}.{self.deployment}.mds.internal/authority/{uuid.uuid4()}"
        self._sign(csr, name, issuer,
                   CA_EXTENSIONS.format(path=path_length, names=f"URI:{uri}"), 3650)

    def _sign(self, csr, name, issuer, extensions, days):
        request, ext = self._path(f"{name}.csr"), self._path(f"{name}.ext")
        request.write_bytes(csr)
        ext.write_text(extensions)
        by = ["-CA", self._path(f"{issuer}.pem"), "-CAkey", self._path(f"{issuer}.key"),
              "-CAcreateserial"] if issuer else ["-signkey", self._path(f"{name}.key")]
        openssl("x509", "-req", "-in", request, *by, "-days", days, "-sha256", "-extfile", ext,
                "-out", self._path(f"{name}.pem"))
        return self._path(f"{name}.pem").read_text()

    def pem(self, name):
        """The certificate of an authority: root, chain (Servers CA) or ica."""
        return self._path(f"{name}.pem").read_text()

    def sign(self, csr, name, uid, issuer="chain", days=180, usage="serverAuth,clientAuth",
             deployment=None, names=None, kind="server"):
        """A server's certificate (PEM) of a kind (server or sealing) for a certificate request."""
        uri = f"mds://{name}.servers.{deployment or self.deployment}.mds.internal/{kind}/{uid}"
        extensions = SERVER_EXTENSIONS.format(usage=usage, names=names or f"URI:{uri}")
        return self._sign(csr.encode(), f"server-{name}", issuer, extensions, days)

    def issue(self, trust, name, uid, **options):
        """Fills the folder `trust` as after enrolment."""
        trust = pathlib.Path(trust)
        trust.mkdir(parents=True, exist_ok=True)
        key = trust / "identity.key"
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
        csr = openssl("req", "-new", "-key", key, "-subj", f"/CN={name}").decode()
        (trust / "identity.pem").write_text(self.sign(csr, name, uid, **options))
        self.publish(trust)

    def publish(self, trust):
        """Writes authorities, an empty list of revocations and the deployment."""
        trust = pathlib.Path(trust)
        (trust / "chain.pem").write_text(self.pem("chain"))
        (trust / "root.pem").write_text(self.pem("root"))
        (trust / "crl.pem").write_text("")
        (trust / "deployment.json").write_text(
            json.dumps({"id": self.deployment, "name": "test"}))

    def revoke(self, certificate):
        """A revocation list (PEM) of the Servers CA with that certificate (a path) in it."""
        work = self._path("revoke")
        work.mkdir(exist_ok=True)
        (work / "index").touch()
        (work / "conf").write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={work}/index\n"
                                   f"crlnumber={work}/number\ndefault_md=sha256\n"
                                   "default_crl_days=7\n")
        if not (work / "number").exists():
            (work / "number").write_text("01\n")
        authority = ["-config", work / "conf", "-cert", self._path("chain.pem"),
                     "-keyfile", self._path("chain.key")]
        openssl("ca", *authority, "-revoke", certificate)
        return openssl("ca", *authority, "-gencrl").decode()
