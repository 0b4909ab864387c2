// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * One record for each execve(2) entered on this machine, whether it succeeds or not.
 * (execveat(2) has a tracepoint of its own, and is not covered.)
 *
 * Record, native byte order, 40 bytes + the name:
 *   offset size field
 *        0    8 time_ns       bpf_ktime_get_ns(): since boot, without time asleep
 *        8    4 pid           process that calls execve (tgid)
 *       12    4 ppid          its real parent (tgid)
 *       16    4 uid           its real user id, as the initial user namespace sees it
 *       20    4 filename_len  bytes in filename, or the negative errno of reading it
 *       24   16 comm          name of the calling thread, before the exec, NUL-padded
 *       40    n filename      as passed, without NUL; n = filename_len, 0 on error
 * A name of PATH_MAX bytes or more, which execve itself refuses, is cut at 4095.
 *
 * Needs Linux 5.8 with BTF, on a 64-bit machine.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "co_re.h"

#define FILENAME_MAX_BYTES 4096 /* with its NUL; a power of two, see below */

struct exec_event {
	__u64 time_ns;
	__u32 pid;
	__u32 ppid;
	__u32 uid;
	__s32 filename_len;
	char comm[16];
	char filename[];
};

/* Set by the program, read by user space. */
__u64 seen;   /* execve calls that the program ran for */
__u64 failed; /* those whose record did not fit into the ring, and are lost */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

/*
 * A record whose size is known at run time only is built here, then copied into
 * the ring by bpf_ringbuf_output: a reservation needs a constant size before 5.19.
 * One slot per CPU is enough. A program on a perf syscall tracepoint runs with
 * preemption disabled in every release since 5.8 (by the tracepoint itself, and
 * since system call tracepoints may sleep, by perf's own probe), so no other
 * task enters the slot; and an interrupt does not call execve.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct exec_event) + FILENAME_MAX_BYTES);
} scratch SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_execve")
int on_execve(struct trace_event_raw_sys_enter *ctx)
{
	__u32 zero = 0;
	struct exec_event *event = bpf_map_lookup_elem(&scratch, &zero);
	struct task_struct *task = (void *)bpf_get_current_task();
	const void *filename = (const void *)ctx->args[0];
	long len;

	if (!event)
		return 0;
	__sync_fetch_and_add(&seen, 1);

	event->time_ns = bpf_ktime_get_ns();
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->ppid = BPF_CORE_READ(task, real_parent, tgid);
	event->uid = bpf_get_current_uid_gid();
	bpf_get_current_comm(event->comm, sizeof(event->comm));

	len = bpf_probe_read_user_str(event->filename, FILENAME_MAX_BYTES, filename);
	if (len > 0)
		len--; /* the NUL stays behind */
	event->filename_len = len;
	if (len < 0)
		len = 0;
	/*
	 * len is in 0..4095. The verifier of old kernels does not follow it through the
	 * subtraction, so it is told by a mask that the compiler must not see through.
	 */
	asm volatile("" : "+r"(len));
	len &= FILENAME_MAX_BYTES - 1;

	if (bpf_ringbuf_output(&events, event, sizeof(*event) + len, 0))
		__sync_fetch_and_add(&failed, 1);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
