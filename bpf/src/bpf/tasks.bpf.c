// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * One record for each program that a process begins to run, and one for each task that ends:
 * two rings, for the examples.
 *
 * Record of both rings, native byte order, 8 bytes:
 *   offset size field
 *        0    4 tid   the task
 *        4    4 pid   its process (tgid)
 *
 * Needs Linux 5.8.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} execs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} exits SEC(".maps");

SEC("raw_tp/sched_process_exec")
int on_exec(void *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();

	bpf_ringbuf_output(&execs, &id, sizeof(id), 0);
	return 0;
}

SEC("raw_tp/sched_process_exit")
int on_exit(void *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();

	bpf_ringbuf_output(&exits, &id, sizeof(id), 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
