# SPDX-License-Identifier: MIT OR Apache-2.0
# A tool of BCC's kind: prints the numbers that getpgid(2) is asked for, from BASE on. LAST
# ends it.
from bcc import BPF

BASE = 0x40000000
LAST = 0x7FFFFFFF

src = r"""
BPF_RINGBUF_OUTPUT(buffer, 256);

struct event {
    u64 number;
};

TRACEPOINT_PROBE(syscalls, sys_enter_getpgid) {
    u32 number = args->pid;
    if (number < 0x40000000) {
        return 0;
    }
    struct event *event = buffer.ringbuf_reserve(sizeof(struct event));
    if (!event) {
        return 1;
    }
    event->number = number;
    buffer.ringbuf_submit(event, 0);
    return 0;
}
"""

b = BPF(text=src)
numbers = []


def callback(ctx, data, size):
    numbers.append(b["buffer"].event(data).number)


b["buffer"].open_ring_buffer(callback)
print("ready", flush=True)
while LAST not in numbers[-1:]:
    b.ring_buffer_poll(100)
for number in numbers:
    print(number)
