"""Messages between the owners of a channel on two hosts."""
import os
import time

from conftest import Owner, pump, wait_connected, wait_state

MIB = 1 << 20


def test_messages_go_both_ways_in_order(site):
    one, two = site.connected_pair()
    here, there = Owner(one, "system"), Owner(two, "system")
    for number in range(300):
        here.send(two, number, b"to tokyo %d" % number)
        there.send(one, number, b"to london %d" % number)
    pump(lambda: len(here.received) == 300 and len(there.received) == 300, what="300 messages")
    assert there.received == [(one.uid, n, b"to tokyo %d" % n) for n in range(300)]
    assert here.received == [(two.uid, n, b"to london %d" % n) for n in range(300)]


def test_sizes_around_every_limit_arrive_whole(site):
    one, two = site.connected_pair()
    here, there = Owner(one, "system"), Owner(two, "system")
    sizes = [0, 1, 1023, 1025, 16384, 16385, 49151, 49152, 49153, 65535, 65536, 65537, 131072,
             MIB, MIB + 1, 5 * MIB]
    sent = [os.urandom(size // 2) + bytes(size - size // 2) for size in sizes]
    for number, payload in enumerate(sent):
        here.send(two, number, payload)
    pump(lambda: len(there.received) == len(sent), 20, "all sizes")
    assert there.kinds() == list(range(len(sent)))
    assert there.payloads() == sent


def test_bulk_does_not_delay_small_messages_of_other_channels(site):
    one, two = site.connected_pair()
    bulk, bulk_there = Owner(one, "domain/bulk"), Owner(two, "domain/bulk")
    small, small_there = Owner(one, "domain/small"), Owner(two, "domain/small")
    payload = os.urandom(20 * MIB)
    for number in range(3):
        bulk.send(two, number, payload)
    time.sleep(0.05)  # the other connection of the bus shall not be the faster one
    for number in range(20):
        small.send(two, number, b"x")
    pump(lambda: len(small_there.received) == 20, 30, "the small messages")
    assert len(bulk_there.received) < 3, "small messages waited for all of the bulk"
    pump(lambda: len(bulk_there.received) == 3, 60, "the bulk")
    assert bulk_there.payloads() == [payload] * 3
    assert small_there.kinds() == list(range(20))


def test_many_large_messages_pass_the_limits_of_the_bus(site):
    one, two = site.connected_pair()
    here, there = Owner(one, "system"), Owner(two, "system")
    for number in range(150):
        here.send(two, number, bytes([number]) * 100_000)
        pump(lambda: True)
    pump(lambda: len(there.received) == 150, 30, "150 messages")
    assert there.kinds() == list(range(150))


def test_what_a_slow_bus_did_not_take_at_once_arrives(site):
    one, two = site.connected_pair()
    here, there = Owner(one, "system"), Owner(two, "system")
    # Less than what mds-sync asks the owner about: nothing but room in the socket brings it further.
    with two.bus.stopped():
        for number in range(30):
            here.send(two, number, os.urandom(45_000))
        pump(lambda: one.get("BytesSent") > 30 * 45_000, what="the bytes on the way")
        two.daemon.wait_idle()
    pump(lambda: len(there.received) == 30, 10, "30 messages")


def test_a_channel_without_owner_loses_its_messages_only(site):
    one, two = site.connected_pair()
    here, lonely = Owner(one, "system"), Owner(one, "domain/x")
    there = Owner(two, "system")
    lonely.send(two, 1, b"nobody")
    here.send(two, 2, b"somebody")
    pump(lambda: there.received, what="a message")
    assert there.kinds() == [2]
    # An owner that left the bus is dropped; the next one gets what comes then.
    there.own.close()
    time.sleep(0.2)
    here.send(two, 3, b"lost")
    time.sleep(0.3)
    again = Owner(two, "system", "/org/openmds/Other")
    here.send(two, 4, b"found")
    pump(lambda: again.received, what="a message")
    assert again.kinds() == [4]


def test_properties_tell_what_happens(site):
    one, two = site.connected_pair()
    assert one.get("Self") == one.uid
    assert one.get("State") == "listening"
    assert one.get("Connected") == 1
    before = one.get("BytesSent")
    Owner(two, "system")
    Owner(one, "system").send(two, 1, os.urandom(40_000))
    pump(lambda: one.get("BytesSent") > before + 40_000, what="bytes are counted")
    state, since, contact, reason, round_trip = one.peer(two)
    assert (state, reason) == ("connected", "")
    now = time.time() * 1000
    assert now - 60_000 < since <= now and now - 3_000 < contact <= now + 1
    assert 0 < round_trip < 1_000_000


def test_signals_tell_what_changes(site):
    one, two = site.pair()
    seen, changed = [], {}
    one.bus.connection.add_signal_receiver(lambda *a: seen.append(tuple(map(str, a))),
                                           "PeerChanged", "org.openmds.Sync1")
    one.bus.connection.add_signal_receiver(lambda _, c, __: changed.update(c),
                                           "PropertiesChanged", "org.freedesktop.DBus.Properties")
    wait_connected(one, two)
    two.daemon.kill()
    pump(lambda: seen and seen[-1][:2] == (two.uid, "unreachable"), what="PeerChanged")
    pump(lambda: changed.get("Connected") == 0, what="PropertiesChanged of Connected")


def test_a_killed_server_is_connected_again(site):
    one, two = site.connected_pair()
    here = Owner(one, "system")
    two.daemon.kill()
    wait_state(one, two, "unreachable")
    assert one.get("Connected") == 0
    here.send(two, 1, b"dropped")
    two.restart()
    begin = time.monotonic()
    two.set_members(one)
    wait_connected(one, two)
    assert time.monotonic() - begin < 3, "its return was not noticed at once"
    there = Owner(two, "system")
    here.send(two, 2, b"after")
    pump(lambda: there.received, what="a message after the restart")
    assert there.kinds() == [2]


def test_a_stopped_server_is_unreachable_after_five_seconds(site):
    one, two = site.connected_pair()
    two.daemon.process.send_signal(19)  # SIGSTOP
    wait_state(one, two, "unreachable", 8)
    assert "5 seconds" in one.peer(two)[3]
    two.daemon.process.send_signal(18)  # SIGCONT
    wait_connected(one, two)


def test_a_sender_learns_that_nobody_owns_the_channel_there(site):
    one, two = site.connected_pair()
    here, there = Owner(one, "domain/x"), Owner(two, "domain/x")
    other = Owner(two, "domain/y")
    here.send(two, 7, b"for somebody")
    pump(lambda: there.kinds() == [7], what="the message")
    # An owner that leaves is told to its peers at once; a message for nobody is answered.
    there.own.close()
    pump(lambda: here.received == [(two.uid, 0, b"")], what="the news that it left")
    here.send(two, 8, b"for nobody")
    pump(lambda: here.kinds() == [0, 0], what="the answer")
    assert other.received == []
