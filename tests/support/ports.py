# SPDX-License-Identifier: Apache-2.0
"""Ports of which a test says that nobody listens there any more.

A port that the kernel gave for port 0 and that is free again may be given at once to a server of
another test, or to the very socket that asks whether it is free. One outside the kernel's range is
taken by nobody but who names it.
"""

import random
import socket

DYNAMIC_PORTS = (49152, 65535)  # RFC 6335, section 6: where a system does not tell its own


def _range_of_kernel():
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
            first, last = map(int, file.read().split())
            return first, last
    except FileNotFoundError:
        return DYNAMIC_PORTS


class OwnPort:
    """A TCP port of one test alone until close(); `number` may be listened on and left at will.

    The UDP port of the same number is held meanwhile, so that no two tests take the same one.
    """

    def __init__(self):
        first, last = _range_of_kernel()
        numbers = [number for number in range(1024, 65536) if not first <= number <= last]
        random.shuffle(numbers)
        for self.number in numbers:
            self._hold = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                self._hold.bind(("", self.number))
                with socket.socket() as probe:
                    probe.bind(("", self.number))
                return
            except OSError:
                self._hold.close()
        raise AssertionError(f"no port is free outside of {first}-{last}, which the kernel gives away: "
                             "see net.ipv4.ip_local_port_range")

    def close(self):
        self._hold.close()
