"""Attaches data disks as Azure does: each file lunN in the cloud's directory becomes a
block device at /dev/disk/azure/scsi1/lunN. The program resizes the device of a file that
grows, and detaches the device of a file that vanishes, within a second.

The kernel releases a device when this process and all its mounts are gone (autoclear), so
a killed VM leaves none behind.
"""

import fcntl
import os
import re
import socket
import struct
import time

DIRECTORY, LINKS = "/var/lib/averazure-disks", "/dev/disk/azure/scsi1"
# linux/loop.h
GET_FREE, CONFIGURE, CLEAR, SET_CAPACITY, AUTOCLEAR = 0x4C82, 0x4C0A, 0x4C01, 0x4C07, 4


def node(path, mode, major, minor):
    if not os.path.exists(path):
        os.mknod(path, mode | 0o600, os.makedev(major, minor))
    return os.open(path, os.O_RDWR | os.O_CLOEXEC)


class Disk:
    """One attached disk. Its lock keeps other VMs from attaching it."""

    def __init__(self, lun):
        self.lun, self.device, self.name = lun, None, None
        self.file = os.open(os.path.join(DIRECTORY, lun), os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.bind()
        except OSError:
            os.close(self.file)
            raise
        self.size = os.fstat(self.file).st_size
        os.makedirs(LINKS, exist_ok=True)
        link = os.path.join(LINKS, lun)
        if os.path.lexists(link):
            os.remove(link)
        os.symlink(self.name, link)

    def bind(self):
        control = node("/dev/loop-control", 0o020000, 10, 237)
        try:
            for _ in range(50):  # another process may take the free device first
                number = fcntl.ioctl(control, GET_FREE)
                self.name = f"/dev/loop{number}"
                self.device = node(self.name, 0o060000, 7, number)
                # struct loop_config: fd, block size, loop_info64 with lo_flags at 52
                info = bytearray(232)
                struct.pack_into("I", info, 52, AUTOCLEAR)
                config = struct.pack("II", self.file, 0) + bytes(info) + bytes(64)
                try:
                    fcntl.ioctl(self.device, CONFIGURE, config)
                    return
                except OSError:
                    os.close(self.device)
        finally:
            os.close(control)
        raise OSError("no loop device is free")

    def grow(self):
        size = os.fstat(self.file).st_size
        if size != self.size:
            fcntl.ioctl(self.device, SET_CAPACITY)
            self.size = size

    def detach(self):
        os.remove(os.path.join(LINKS, self.lun))
        fcntl.ioctl(self.device, CLEAR)
        os.close(self.device)
        os.close(self.file)


def ready():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])


def serve():
    attached, said, refused = {}, False, {}
    while True:
        wanted = {lun for lun in os.listdir(DIRECTORY) if re.fullmatch(r"lun\d+", lun)}
        for lun in attached.keys() - wanted:
            attached.pop(lun).detach()
        for lun in wanted - attached.keys():
            try:
                attached[lun] = Disk(lun)
            except OSError as error:
                if refused.get(lun) != str(error):
                    print(f"{lun}: {error}", flush=True)
                refused[lun] = str(error)
        for disk in attached.values():
            disk.grow()
        if not said:
            ready()
            said = True
        time.sleep(0.5)


serve()
