// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * One record for each execve(2) entered: the first program of docs/use.md, after that of "Using
 * the BPF ring buffer" by Lorenzo Fontana.
 *
 * Record, native byte order, 68 bytes: struct event.
 *
 * Needs Linux 5.8.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct event {
	__u32 pid;
	char filename[64]; /* ends with a NUL; longer names are cut */
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024); /* bytes */
} events SEC(".maps");

struct sys_enter { /* as tracefs describes it: events/syscalls/sys_enter_execve/format */
	__u64 common;
	long number;
	unsigned long args[6];
};

SEC("tracepoint/syscalls/sys_enter_execve")
int on_execve(struct sys_enter *ctx)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		return 0; /* the ring is full: this record is lost */
	event->pid = bpf_get_current_pid_tgid() >> 32;
	bpf_probe_read_user_str(event->filename, sizeof(event->filename), (void *)ctx->args[0]);
	bpf_ringbuf_submit(event, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
