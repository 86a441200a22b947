"""PostgreSQL 15 clusters for the benches: on the same disk as the hosts, with TLS, on loopback."""

import os
import shutil
import subprocess
import tempfile
import time

PG = "/usr/lib/postgresql/15/bin"


def as_postgres(*words, **more):
    """Runs a program as PostgreSQL's own user, which it insists on."""
    return subprocess.run(["runuser", "-u", "postgres", "--", *words], check=True,
                          capture_output=True, text=True, cwd="/", **more).stdout


class Cluster:
    """One cluster; `replica` and `subscriber` make others that follow it. Ends with stop()."""

    def __init__(self, port=55432, data=None, settings=""):
        self.folder = tempfile.mkdtemp(prefix="openmds-bench-pg.", dir="/var/tmp")
        shutil.chown(self.folder, "postgres", "postgres")
        self.port = port
        self.data = f"{self.folder}/data"
        self.target = ["postgres", self.connection()]
        if data is None:
            as_postgres(f"{PG}/initdb", "-D", self.data, "-U", "bench", "-A", "trust", "-E", "UTF8")
            self._certificate()
            self.configure(f"listen_addresses='127.0.0.1'\nport={port}\nssl=on\n"
                           "shared_buffers=256MB\nmax_wal_size=2GB\nwal_level=logical\n"
                           f"unix_socket_directories='{self.folder}'\n" + settings)
            self.start()

    def _certificate(self):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=bench",
                        "-keyout", f"{self.data}/server.key", "-out", f"{self.data}/server.crt"],
                       check=True, capture_output=True)
        for name in ("server.key", "server.crt"):
            shutil.chown(f"{self.data}/{name}", "postgres", "postgres")

    def connection(self):
        """The connection string of libpq."""
        return f"host=127.0.0.1 port={self.port} user=bench dbname=postgres sslmode=require"

    def configure(self, lines):
        """Adds lines to postgresql.conf."""
        with open(f"{self.data}/postgresql.conf", "a", encoding="utf-8") as conf:
            conf.write(lines)

    def control(self, *words):
        """pg_ctl."""
        as_postgres(f"{PG}/pg_ctl", "-D", self.data, "-w", "-l", f"{self.folder}/log", *words)

    def start(self):
        """Starts the server and waits until it answers."""
        self.control("start")

    def restart(self):
        """Stops and starts the server."""
        self.control("-m", "fast", "restart")

    def stop(self):
        """Ends the server and takes its folder away."""
        if os.path.exists(f"{self.data}/postmaster.pid"):
            self.control("-m", "immediate", "stop")
        shutil.rmtree(self.folder)

    def sql(self, text):
        """Runs SQL; what it prints, without decoration."""
        return as_postgres("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", text,
                           self.connection()).strip()

    def wait_for(self, query, wanted):
        """Asks until the answer is `wanted`."""
        while self.sql(query) != wanted:
            time.sleep(0.005)

    def replica(self, port, name="standby1"):
        """A streaming replica, caught up and serving."""
        other = Cluster(port, data="copied")
        as_postgres(f"{PG}/pg_basebackup", "-d", self.connection(), "-D", other.data, "-X", "stream",
                    "-c", "fast", "-R", "--no-sync")
        with open(f"{other.data}/postgresql.auto.conf", encoding="utf-8") as file:
            text = file.read().replace("primary_conninfo = '",
                                       f"primary_conninfo = 'application_name={name} ")
        with open(f"{other.data}/postgresql.auto.conf", "w", encoding="utf-8") as file:
            file.write(text)
        other.configure(f"port={port}\nunix_socket_directories='{other.folder}'\n")
        other.start()
        self.wait_for("SELECT count(*) FROM pg_stat_replication WHERE state='streaming' AND "
                      f"application_name='{name}'", "1")
        return other

    def subscriber(self, port, table="object"):
        """A logical replica of one table, with its indexes, after its first copy."""
        other = Cluster(port)
        schema = as_postgres(f"{PG}/pg_dump", "-s", "-t", table, "-d", self.connection())
        as_postgres("psql", "-X", "-q", other.connection(), input=schema)
        self.sql(f"DROP PUBLICATION IF EXISTS pub; CREATE PUBLICATION pub FOR TABLE {table}")
        other.sql(f"CREATE SUBSCRIPTION sub{port} CONNECTION '{self.connection()}' PUBLICATION pub")
        other.wait_for("SELECT count(*) FROM pg_subscription_rel WHERE srsubstate='r'", "1")
        return other

    def unsubscribe(self, port):
        """Forgets a subscriber of this cluster that is gone."""
        self.sql(f"SELECT pg_drop_replication_slot('sub{port}')")
