// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * System calls of all CPUs, in a ring for each CPU or cache: what examples/ordered_syscalls.rs
 * reads in the order of their times.
 *
 * Record, native byte order, 24 bytes: struct event.
 *
 * Needs Linux 5.10.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

#define RINGBUF_ATTEMPTS 1
#include "../../include/ringbuf.bpf.h"

#define NAME_LEN 16

struct event {
	__u64 time;   /* bpf_ktime_get_ns(), after the reservation */
	__u32 task;   /* the thread */
	__u32 enters; /* 1: it enters a system call; 0: it leaves one */
	__s64 value;  /* the number of the system call, or what it returns */
};

/* Set before loading. */
const volatile char only[NAME_LEN] = {}; /* threads of this name, if it is not empty */
const volatile __u32 except = 0;         /* not this process */

RINGBUF_SHARDS(events, 4096);
RINGBUF_RECORD(events, struct event);

static __always_inline bool is_wanted(void)
{
	char name[NAME_LEN];

	if (bpf_get_current_pid_tgid() >> 32 == except)
		return false;
	if (!only[0])
		return true;
	if (bpf_get_current_comm(name, sizeof(name)))
		return false;
	for (int i = 0; i < NAME_LEN; i++) {
		if (name[i] != only[i])
			return false;
		if (!name[i])
			break;
	}
	return true;
}

static __always_inline int emit(bool enters, __s64 value)
{
	struct event *event;

	if (!is_wanted())
		return 0;
	event = ringbuf_reserve_stamped(events, struct event, time);
	if (!event)
		return 0;
	event->task = bpf_get_current_pid_tgid();
	event->enters = enters;
	event->value = value;
	ringbuf_submit(events, event, 0);
	return 0;
}

SEC("raw_tp/sys_enter")
int on_enter(struct bpf_raw_tracepoint_args *ctx)
{
	return emit(true, ctx->args[1]);
}

SEC("raw_tp/sys_exit")
int on_exit(struct bpf_raw_tracepoint_args *ctx)
{
	return emit(false, ctx->args[1]);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
