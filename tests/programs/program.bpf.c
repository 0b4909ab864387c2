/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * After the BPF program of "Using the BPF ring buffer" by Lorenzo Fontana. libbpf 1.0 wants
 * maps in the section .maps.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct event {
	__u32 pid;
	char filename[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096 * 64);
} buffer SEC(".maps");

struct trace_event_raw_sys_enter {
	__u64 ent;
	long id;
	unsigned long args[6];
};

SEC("tracepoint/syscalls/sys_enter_execve")
int sys_enter_execve(struct trace_event_raw_sys_enter *ctx)
{
	__u32 pid = bpf_get_current_pid_tgid();
	struct event *event = bpf_ringbuf_reserve(&buffer, sizeof(struct event), 0);

	if (!event)
		return 1;
	event->pid = pid;
	bpf_probe_read_user_str(event->filename, sizeof(event->filename),
				(const char *)ctx->args[0]);
	bpf_ringbuf_submit(event, 0);
	return 0;
}

char _license[] SEC("license") = "Dual MIT/GPL";
