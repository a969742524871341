"""A path on which every packet takes its time: an interface whose far end is this machine itself.

Arguments: the interface's name, its own address, the far address, the delay in milliseconds. What is sent to the far
address comes back from it: sender and receiver are exchanged, which leaves all checksums as they are. Says "open" when it
carries packets, or "forbidden" where this machine allows no such interface.
"""

import collections
import fcntl
import os
import select
import socket
import struct
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
SIOCSIFADDR, SIOCSIFDSTADDR, SIOCSIFFLAGS = 0x8916, 0x8918, 0x8914
IFF_UP_AND_RUNNING = 0x41


def main():
    name, own, far, delay = sys.argv[1].encode(), sys.argv[2], sys.argv[3], float(sys.argv[4]) / 1000
    try:
        tun = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", name, IFF_TUN | IFF_NO_PI))
    except OSError as refusal:
        print("forbidden:", refusal, flush=True)
        return
    control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for request, address in ((SIOCSIFADDR, own), (SIOCSIFDSTADDR, far)):
        fcntl.ioctl(control, request, struct.pack("16sH2x4s16x", name, socket.AF_INET, socket.inet_aton(address)))
    fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH22x", name, IFF_UP_AND_RUNNING))
    print("open", flush=True)
    under_way = collections.deque()
    while True:
        wait = max(0, under_way[0][0] - time.monotonic()) if under_way else None
        ready, _, _ = select.select([tun], [], [], wait)
        if ready:
            packet = os.read(tun, 65536)
            if packet[0] >> 4 == 4:
                turned = packet[:12] + packet[16:20] + packet[12:16] + packet[20:]
                under_way.append((time.monotonic() + delay, turned))
        while under_way and under_way[0][0] <= time.monotonic():
            os.write(tun, under_way.popleft()[1])


main()
