// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * One program for each way of attaching that can be tried on a common machine. Each takes
 * its time between reserve and submit, so that a test can detach it meanwhile.
 *
 * Record, native byte order, 8 bytes:
 *   offset size field
 *        0    8 number   how many runs began before this one
 *
 * Needs Linux 5.17 (bpf_loop).
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define STEPS (1 << 22)

/* Set by user space. */
__u32 task;      /* only this thread's calls count */
__u64 duration;  /* from reserve to submit, in ns */

/* Set by the programs. */
__u64 begun;  /* runs that have reserved a record */
__u64 ended;  /* and that have submitted it */
__u64 failed; /* reservations refused */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} ring SEC(".maps");

static long is_over(__u32 step, __u64 *end)
{
	return bpf_ktime_get_ns() >= *end;
}

static __always_inline int run(void)
{
	__u64 end = bpf_ktime_get_ns() + duration;
	__u64 *number = bpf_ringbuf_reserve(&ring, sizeof(*number), 0);

	if (!number) {
		failed++;
		return 0;
	}
	*number = begun++;
	bpf_loop(STEPS, is_over, &end, 0);
	bpf_ringbuf_submit(number, 0);
	ended++;
	return 0;
}

static __always_inline int of_task(void)
{
	return (__u32)bpf_get_current_pid_tgid() == task ? run() : 0;
}

SEC("raw_tp/sys_enter")
int raw_tracepoint(void *ctx)
{
	return of_task();
}

SEC("tp_btf/sys_enter")
int btf_tracepoint(void *ctx)
{
	return of_task();
}

SEC("tp/syscalls/sys_enter_getppid")
int perf_tracepoint(void *ctx)
{
	return of_task();
}

/* For each task of the system: a read of the iterator runs it often. */
SEC("iter/task")
int iterator(void *ctx)
{
	return of_task();
}

/* By BPF_PROG_TEST_RUN. */
SEC("syscall")
int on_demand(void *ctx)
{
	return run();
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
