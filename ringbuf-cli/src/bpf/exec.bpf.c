// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * One record for each execve(2) entered on this machine, whether it succeeds or not.
 * (execveat(2) has a tracepoint of its own, and is not covered.)
 *
 * Record, native byte order, 40 bytes + the name:
 *   offset size field
 *        0    8 time_ns       bpf_ktime_get_ns(): since boot, without time asleep
 *        8    4 pid           process that calls execve (tgid), see pid_namespace
 *       12    4 ppid          its real parent (tgid), in the same way
 *       16    4 uid           its real user id, as the initial user namespace sees it
 *       20    4 filename_len  bytes in filename, or the negative errno of reading it
 *       24   16 comm          name of the calling thread, before the exec, NUL-padded
 *       40    n filename      as passed, without NUL; n = filename_len, 0 on error
 * A name of PATH_MAX bytes or more, which execve itself refuses, is cut at 4095.
 *
 * Two programs, of which user space loads one. `on_execve` needs the number of its tracepoint,
 * which only tracefs tells. `on_sys_enter` needs no file, but runs for each system call.
 *
 * Needs Linux 5.8 with BTF, on a 64-bit machine.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "co_re.h"

#define FILENAME_MAX_BYTES 4096 /* with its NUL; a power of two, see below */
#define DEEPEST 32		/* MAX_PID_NS_LEVEL, include/linux/pid_namespace.h */

struct exec_event {
	__u64 time_ns;
	__u32 pid;
	__u32 ppid;
	__u32 uid;
	__s32 filename_len;
	char comm[16];
	char filename[];
};

/*
 * Set by user space. The inode of the PID namespace whose numbers are wanted; a process that is
 * not in it has the number 0. If this is 0: the numbers of the initial namespace.
 */
const volatile __u32 pid_namespace;
/* Set by user space for on_sys_enter. */
const volatile __u32 execve_number; /* of the system call */
const volatile __u32 compat_status; /* bits of thread_info.status and of thread_info.flags: */
const volatile __u64 compat_flags;  /* the call has a number of another table */

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
 * One slot per CPU is enough. On a system call's tracepoint, perf's or raw, a program runs
 * with preemption disabled from 5.8 on (by the tracepoint itself, and since system call
 * tracepoints may sleep, by the probe). Where 7.2 lets it be preempted, the kernel does not
 * run the same program a second time on that CPU meanwhile. So no other task enters the slot;
 * and an interrupt does not call execve.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct exec_event) + FILENAME_MAX_BYTES);
} scratch SEC(".maps");

/* The number of a process in the wanted namespace, or 0. */
static __always_inline __u32 number_of(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, group_leader, thread_pid);
	const void *numbers = (const void *)pid + bpf_core_field_offset(struct pid, numbers);
	__u32 level = BPF_CORE_READ(pid, level);
	int at;

	for (at = 0; at < DEEPEST; at++) {
		struct upid *one;

		if (at > level)
			break;
		one = (void *)numbers + at * bpf_core_type_size(struct upid);
		if (BPF_CORE_READ(one, ns, ns.inum) == pid_namespace)
			return BPF_CORE_READ(one, nr);
	}
	return 0;
}

static __always_inline int write_event(const void *filename)
{
	__u32 zero = 0;
	struct exec_event *event = bpf_map_lookup_elem(&scratch, &zero);
	struct task_struct *task = (void *)bpf_get_current_task();
	struct task_struct *parent = BPF_CORE_READ(task, real_parent);
	long len;

	if (!event)
		return 0;
	__sync_fetch_and_add(&seen, 1);

	event->time_ns = bpf_ktime_get_ns();
	if (pid_namespace) {
		event->pid = number_of(task);
		event->ppid = number_of(parent);
	} else {
		event->pid = bpf_get_current_pid_tgid() >> 32;
		event->ppid = BPF_CORE_READ(parent, tgid);
	}
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

SEC("tracepoint/syscalls/sys_enter_execve")
int on_execve(struct trace_event_raw_sys_enter *ctx)
{
	return write_event((const void *)ctx->args[0]);
}

/* `?`: libbpf loads it only if it is asked to. */
SEC("?raw_tracepoint/sys_enter")
int on_sys_enter(struct bpf_raw_tracepoint_args *ctx)
{
	struct pt_regs *regs = (void *)ctx->args[0];
	struct task_struct *task;
	unsigned long filename;

	if (ctx->args[1] != execve_number)
		return 0;
	task = (void *)bpf_get_current_task();
	if (compat_status && BPF_CORE_READ(task, thread_info.status) & compat_status)
		return 0;
	if (compat_flags && BPF_CORE_READ(task, thread_info.flags) & compat_flags)
		return 0;
	if (bpf_core_field_exists(regs->di))
		filename = BPF_CORE_READ(regs, di);
	else if (bpf_core_field_exists(regs->orig_a0))
		filename = BPF_CORE_READ(regs, orig_a0);
	else if (bpf_core_field_exists(regs->orig_gpr2))
		filename = BPF_CORE_READ(regs, orig_gpr2);
	else if (bpf_core_field_exists(regs->gpr))
		filename = BPF_CORE_READ(regs, gpr[3]);
	else
		filename = BPF_CORE_READ(regs, regs[0]);
	return write_event((const void *)filename);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
