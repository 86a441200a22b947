"""One booted host: a systemd container with its own disk, cgroup, mounts and network."""

import ctypes
import fcntl
import os
import shlex
import signal
import subprocess

from .shell import PATH, RigError, alive, children, remove_tree, run, wait_until, write

# ioctl of ext4 and xfs that drops what is not on the disk, as a power cut does.
FS_IOC_SHUTDOWN = 0x8004587D
CAPABILITIES = "CAP_NET_ADMIN,CAP_NET_RAW,CAP_SYS_RESOURCE,CAP_IPC_LOCK"
LIBC = ctypes.CDLL(None, use_errno=True)
PR_CAPBSET_DROP = 24
SYSTEMD_MACHINE = os.path.isdir("/run/systemd/system")


class Host:
    """A host of a rig. Made by Rig.up(); every method raises RigError when it cannot be done."""

    def __init__(self, rig, name, address, number, image):
        self.rig, self.name, self.address, self.number, self.image = rig, name, address, number, image
        self.state = f"{rig.state}/{name}"
        self.disk = f"{rig.disks}/{name}.img"
        self.cgroup = f"{rig.prefix}/{name}"
        # More consoles from the next boot on: name below /dev, and the terminal of this machine it is.
        self.terminals = {}
        # A pseudo-terminal that is the console, for who wants to type there; else it is a log.
        self.terminal = None

    # ---- life ----

    def boot(self):
        """Starts the host from its disk (made when it is not there); returns at once."""
        if self.running():
            raise RigError(f"{self.name} is up already")
        os.makedirs(self.state, exist_ok=True)
        os.makedirs(os.path.dirname(self.disk), exist_ok=True)
        if not os.path.exists(self.disk):
            run("truncate", "-s", os.environ.get("OPENMDS_RIG_DISK", "4G"), self.disk)
            run("mkfs.ext4", "-q", "-F", "-m0", "-E", "lazy_itable_init=1,nodiscard", self.disk)
        self.rig.network.plug(self.name, self.address, self.number)
        for folder in ("disk", "root"):
            os.makedirs(f"{self.state}/{folder}", exist_ok=True)
        script = self._boot_script()
        write(f"{self.state}/boot.sh", script)
        log = open(f"{self.state}/console.log", "ab")
        self._forget()
        # The rig may end while the host lives on: a session of its own.
        screen = self.terminal or log
        process = subprocess.Popen(["/bin/bash", f"{self.state}/boot.sh"],
                                   stdin=self.terminal or subprocess.DEVNULL,
                                   stdout=screen, stderr=screen, start_new_session=True,
                                   env={"PATH": PATH})
        write(f"{self.state}/keeper.pid", str(process.pid))

    def _boot_script(self):
        s, image = self.state, self.image
        nspawn = (
            # Limits of a machine, not of this one's containers: mds-ca locks its memory.
            f"systemd-nspawn --quiet --rlimit=MEMLOCK=infinity --machine={self.rig.prefix}-{self.name} --directory={s}/root "
            "--boot --register=no --keep-unit --settings=no --link-journal=no --resolv-conf=off "
            f"--timezone=off --hostname={self.name} "
            f"--network-namespace-path=/run/netns/{self.rig.network.namespace(self.name)} "
            f"--capability={CAPABILITIES} --rlimit=NOFILE=1024:524288 "
            f"'--system-call-filter=@keyring bpf' --console={'interactive' if self.terminal else 'read-only'}")
        for console, terminal in self.terminals.items():
            nspawn += f" --bind={terminal}:/dev/{console}"
        if self.terminals:  # as https://systemd.io/CONTAINER_INTERFACE says
            nspawn += f" --setenv=container_ttys='{' '.join(self.terminals)}'"
        environment = ("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 "
                       "SYSTEMD_NSPAWN_API_VFS_WRITABLE=network")
        hosts = "\\n".join(f"{h.address} {h.name}" for h in self.rig.hosts.values())
        if SYSTEMD_MACHINE:
            join = ""
            nspawn = (f"systemd-run --scope --quiet --collect --unit={self.rig.prefix}-{self.name} "
                      f"-p Delegate=yes -- {nspawn}")
        else:
            join = (f"for t in systemd unified; do [ -d /sys/fs/cgroup/$t ] || continue; "
                    f"mkdir -p /sys/fs/cgroup/$t/{self.cgroup}; "
                    f"echo $$ > /sys/fs/cgroup/$t/{self.cgroup}/cgroup.procs; done")
        return f"""set -u
{join}
export {environment}
# The disk is mounted in a mount namespace of the host's own: no other host can hold a copy of it.
exec unshare -m --propagation private /bin/bash -c '
set -e
mount -o loop,noauto_da_alloc,commit=60 {self.disk} {s}/disk
mkdir -p {s}/disk/upper {s}/disk/work
mount -t overlay overlay -o lowerdir={image},upperdir={s}/disk/upper,workdir={s}/disk/work {s}/root
mkdir -p {s}/root/etc
echo {self.name} > {s}/root/etc/hostname
printf "127.0.0.1 localhost\\n{hosts}\\n" > {s}/root/etc/hosts
set +e
while true; do
  {nspawn.replace("'", '"')}
  # 133: the host asked for a reboot.
  [ $? = 133 ] || break
done
umount {s}/root; umount {s}/disk'
"""

    def _forget(self):
        for name in ("keeper.pid",):
            path = f"{self.state}/{name}"
            if os.path.exists(path):
                os.remove(path)

    def keeper(self):
        """Process id of the script that holds the host's mounts; 0 when there is none."""
        try:
            with open(f"{self.state}/keeper.pid", encoding="ascii") as file:
                pid = int(file.read())
        except (OSError, ValueError):
            return 0
        return pid if alive(pid) else 0

    def leader(self):
        """Process id of the host's PID 1; 0 when it is off."""
        todo = [self.keeper()]
        while todo:
            pid = todo.pop()
            if not pid:
                continue
            try:
                with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
                    for line in file:
                        if line.startswith("NSpid:") and line.split()[-1] == "1" \
                                and len(line.split()) > 2:
                            return pid
            except OSError:
                continue
            todo += children(pid)
        return 0

    def running(self):
        """True while the host's PID 1 lives."""
        return bool(self.leader())

    def wait_up(self, timeout=90):
        """Waits until systemd says running or degraded."""
        def is_up():
            if not self.keeper():
                raise RigError(f"{self.name} does not boot:\n{self.console()}")
            if not self.leader():
                return False
            try:
                state = self.sh("systemctl is-system-running", check=False, timeout=10).stdout
            except (RigError, subprocess.TimeoutExpired):
                return False
            return state.strip() in ("running", "degraded")
        wait_until(is_up, timeout, f"{self.name} to be up", self.console)
        return self

    def console(self, lines=30):
        """The last lines of the console."""
        try:
            with open(f"{self.state}/console.log", encoding="utf-8", errors="replace") as file:
                return "".join(file.readlines()[-lines:])
        except OSError:
            return ""

    # ---- work ----

    def _cgroup_of_leader(self):
        out = []
        with open(f"/proc/{self.leader()}/cgroup", encoding="ascii") as file:
            for line in file:
                number, controllers, path = line.rstrip().split(":", 2)
                if number == "0":
                    base = "/sys/fs/cgroup/unified"
                    if not os.path.isdir(base):
                        base = "/sys/fs/cgroup"
                elif controllers == "name=systemd":
                    base = "/sys/fs/cgroup/systemd"
                else:
                    continue
                out.append(base + path.rsplit("/init.scope", 1)[0])
        return out

    def _enter(self, leader):
        """In the child, before exec: the host's cgroup and no more rights than its root has."""
        try:
            for folder in self._cgroup_of_leader():
                own = f"{folder}/rig.sh"
                os.makedirs(own, exist_ok=True)
                write(f"{own}/cgroup.procs", str(os.getpid()))
        except OSError:
            pass
        with open(f"/proc/{leader}/status", encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith("CapBnd:"):
                    bound = int(line.split()[1], 16)
        for capability in range(41):
            # The namespaces are entered first with what is needed for that.
            if not bound >> capability & 1 and capability not in (18, 21):
                LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)

    def argv(self, command):
        """The program call that runs a command inside; `command` is a shell text or a list."""
        leader = self.leader()
        if not leader:
            raise RigError(f"{self.name} is off")
        if isinstance(command, str):
            command = ["/bin/sh", "-c", command]
        term = os.environ.get("TERM", "dumb")
        return leader, ["nsenter", "-t", str(leader), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w",
                        "--", "setpriv", "--bounding-set", "-sys_admin,-sys_ptrace", "env", "-i",
                        f"PATH={PATH}", "HOME=/root", "LANG=C.UTF-8", f"TERM={term}", *command]

    def sh(self, command, check=True, input=None, timeout=120):
        """Runs a command as root inside; exit code, input and output pass. Text in, text out."""
        leader, argv = self.argv(command)
        done = subprocess.run(argv, input=input, text=True, timeout=timeout, errors="replace",
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              preexec_fn=lambda: self._enter(leader))
        if check and done.returncode != 0:
            raise RigError(f"{self.name}: {command}: exit {done.returncode}\n"
                           f"{done.stdout}{done.stderr}")
        return done

    def out(self, command, **more):
        """The trimmed standard output of a command."""
        return self.sh(command, **more).stdout.strip()

    def interactive(self, command):
        """Runs a command on the caller's terminal; returns its exit code."""
        leader, argv = self.argv(command)
        return subprocess.call(argv, preexec_fn=lambda: self._enter(leader))

    def path(self, inside):
        """Where a file of the host can be reached from outside."""
        return f"/proc/{self.leader()}/root{inside}"

    def write_file(self, inside, text, mode=0o644):
        """Writes a text file inside."""
        path = self.path(inside)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write(path, text)
        os.chmod(path, mode)

    def read_file(self, inside):
        """Reads a text file inside."""
        with open(self.path(inside), encoding="utf-8", errors="replace") as file:
            return file.read()

    def install(self, deb, timeout=300):
        """apt install of a local .deb, offline, as a user would."""
        name = os.path.basename(deb)
        run("cp", deb, self.path(f"/var/tmp/{name}"))
        # dpkg leaves configuration files to the next flush, half a minute later; a power cut in a test
        # comes sooner.
        return self.sh("DEBIAN_FRONTEND=noninteractive apt-get -y --no-install-recommends "
                       "-o Dpkg::Use-Pty=0 -o APT::Sandbox::User=root install "
                       f"{shlex.quote('/var/tmp/' + name)} && sync -f /", timeout=timeout)

    def outside(self, *argv, **more):
        """Runs a program of this machine in the host's network."""
        return run("ip", "netns", "exec", self.rig.network.namespace(self.name), *argv, **more)

    # ---- faults ----

    def _freeze(self, on):
        for folder in self._cgroup_of_leader():
            path = f"{folder}/cgroup.freeze"
            if os.path.exists(path):
                write(path, "1" if on else "0")
                if on:
                    def frozen(folder=folder):
                        with open(f"{folder}/cgroup.events", encoding="ascii") as file:
                            return "frozen 1" in file.read()
                    wait_until(frozen, 10, f"{self.name} to freeze")
                return folder
        raise RigError(f"{self.name}: this machine has no cgroup freezer")

    def freeze(self):
        """The host hangs: no process of it runs."""
        return self._freeze(True)

    def thaw(self):
        """And goes on."""
        return self._freeze(False)

    def kill(self):
        """Power cut: cable, freeze, disk shut down without a flush, SIGKILL."""
        leader, keeper = self.leader(), self.keeper()
        if not leader:
            raise RigError(f"{self.name} is off")
        self.rig.network.cable(self.name, False)
        frozen = self.freeze()
        # The keeper is in the host's mount namespace: only there is the disk mounted.
        fd = os.open(f"/proc/{keeper}/root{self.state}/disk", os.O_RDONLY)
        try:
            fcntl.ioctl(fd, FS_IOC_SHUTDOWN, (2).to_bytes(4, "little"))
        finally:
            os.close(fd)
        os.kill(leader, signal.SIGKILL)
        if os.path.exists(f"{frozen}/cgroup.freeze"):
            write(f"{frozen}/cgroup.freeze", "0")
        self._gone(keeper)

    def _gone(self, keeper, timeout=30):
        try:
            wait_until(lambda: not alive(keeper), timeout, f"{self.name} to be gone", self.console)
        except RigError:
            for pid in [keeper] + children(keeper):
                if alive(pid):
                    os.kill(pid, signal.SIGKILL)
            for tree in ("unified", "systemd"):
                path = f"/sys/fs/cgroup/{tree}/{self.cgroup}/cgroup.kill"
                if os.path.exists(path):
                    write(path, "1")
        self.rig.network.unplug(self.name)
        self._forget()

    def stop(self, timeout=60):
        """Orderly poweroff."""
        keeper, leader = self.keeper(), self.leader()
        if not leader:
            return
        # SIGRTMIN+4: systemd powers off.
        os.kill(leader, signal.SIGRTMIN + 4)
        self._gone(keeper, timeout)

    def reboot(self):
        """Orderly restart; returns when it is up again."""
        leader = self.leader()
        os.kill(leader, signal.SIGRTMIN + 5)
        wait_until(lambda: self.leader() not in (0, leader), 60, f"{self.name} to restart",
                   self.console)
        return self.wait_up()

    def destroy(self):
        """Everything of this host away, in whatever state it is."""
        keeper, leader = self.keeper(), self.leader()
        if leader:
            try:
                self.thaw()
            except (RigError, OSError):
                pass
            os.kill(leader, signal.SIGKILL)
        if keeper:
            self._gone(keeper, 10)
        self.rig.network.unplug(self.name)
        for tree in ("unified", "systemd", ""):
            base = f"/sys/fs/cgroup/{tree}/{self.cgroup}".replace("//", "/")
            if os.path.isdir(base):
                for folder, _, _ in os.walk(base, topdown=False):
                    try:
                        os.rmdir(folder)
                    except OSError:
                        pass
        if os.path.exists(self.disk):
            os.remove(self.disk)
        remove_tree(self.state)
