# SPDX-License-Identifier: MIT OR Apache-2.0
# After the BCC program of "Using the BPF ring buffer" by Lorenzo Fontana.
import sys
import time

from bcc import BPF

src = r"""
BPF_RINGBUF_OUTPUT(buffer, 1 << 4);

struct event {
    u32 pid;
    char filename[16];
};

TRACEPOINT_PROBE(syscalls, sys_enter_execve) {
    u32 pid = bpf_get_current_pid_tgid();
    struct event *event = buffer.ringbuf_reserve(sizeof(struct event));
    if (!event) {
        return 1;
    }
    event->pid = pid;
    bpf_probe_read_user_str(event->filename, sizeof(event->filename), args->filename);

    buffer.ringbuf_submit(event, 0);

    return 0;
}
"""

b = BPF(text=src)


def callback(ctx, data, size):
    event = b["buffer"].event(data)
    print("%-8s %-16s" % (event.pid, event.filename.decode("utf-8")), flush=True)


b["buffer"].open_ring_buffer(callback)

try:
    while True:
        b.ring_buffer_poll()
        time.sleep(0.5)
except KeyboardInterrupt:
    sys.exit()
