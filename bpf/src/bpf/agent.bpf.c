// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The second program of docs/use.md: as first.bpf.c, and it counts attempts and losses, stamps
 * its records, and declares their type.
 *
 * Record, native byte order, 80 bytes: struct event.
 *
 * Needs Linux 5.10.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define RINGBUF_ATTEMPTS 1
#include "../../include/ringbuf.bpf.h"

struct event {
	__u64 time; /* bpf_ktime_get_ns(), after the reservation */
	__u32 pid;
	__u32 uid;
	char filename[64];
};

RINGBUF(events, 256 * 1024);
RINGBUF_RECORD(events, struct event);

struct sys_enter {
	__u64 common;
	long number;
	unsigned long args[6];
};

SEC("tracepoint/syscalls/sys_enter_execve")
int on_execve(struct sys_enter *ctx)
{
	struct event *event = ringbuf_reserve_stamped(events, struct event, time);

	if (!event)
		return 0; /* counted */
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->uid = bpf_get_current_uid_gid();
	if (bpf_probe_read_user_str(event->filename, sizeof(event->filename), (void *)ctx->args[0]) < 0)
		event->filename[0] = 0;
	ringbuf_submit(events, event, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
